with counted as (
    {{ summed(ref('fct_recipient_counts'), ['account_id', 'campaign_id']) }}
),

performance as (
    {{ rated('counted') }}
)

select
    performance.*,
    campaigns.campaign_name,
    campaigns.campaign_state,
    coalesce(campaigns.is_closed, false) as is_closed,
    {{ as_of_seq() }} as as_of_seq
from performance
left join {{ ref('dim_campaign') }} as campaigns on performance.campaign_id = campaigns.campaign_id
