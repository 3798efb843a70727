-- As fct_daily_account_health, one row per mailbox provider too.
with recipients as (
    select
        recipient_counts.*,
        timezone(accounts.time_zone, recipient_counts.attempted_at)::date as activity_date
    from {{ ref('fct_recipient_counts') }} as recipient_counts
    inner join {{ ref('dim_account') }} as accounts on recipient_counts.account_id = accounts.account_id
    where recipient_counts.sent_count > 0
),

counted as (
    {{ summed('recipients', ['account_id', 'activity_date', 'provider']) }}
),

performance as (
    {{ rated('counted') }}
)

select
    * replace (null::bigint as anonymous_open_count, null::bigint as anonymous_click_count),
    {{ as_of_seq() }} as as_of_seq
from performance
