with performance as (
    {{ performance(ref('fct_recipient_activity'), ['account_id', 'campaign_id', 'provider']) }}
)

select
    *,
    {{ as_of_seq() }} as as_of_seq
from performance
