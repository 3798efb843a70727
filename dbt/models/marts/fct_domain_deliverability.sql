-- Opens and clicks that name nobody have no provider: they are left out, and their totals are null.
with recipients as (
    select * from {{ ref('fct_recipient_counts') }}
    where provider is not null
),

counted as (
    {{ summed('recipients', ['account_id', 'campaign_id', 'provider']) }}
),

performance as (
    {{ rated('counted') }}
)

select
    * replace (null::bigint as anonymous_open_count, null::bigint as anonymous_click_count),
    {{ as_of_seq() }} as as_of_seq
from performance
