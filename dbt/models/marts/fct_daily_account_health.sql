-- By the day of the first attempt, on the account's own calendar: what became of the recipients of that day.
with recipients as (
    select
        activity.*,
        timezone(accounts.time_zone, activity.first_attempted_at)::date as activity_date
    from {{ ref('fct_recipient_activity') }} as activity
    inner join {{ ref('dim_account') }} as accounts on activity.account_id = accounts.account_id
    where activity.is_sent
),

performance as (
    {{ performance('recipients', ['account_id', 'activity_date']) }}
)

select
    *,
    {{ as_of_seq() }} as as_of_seq
from performance
