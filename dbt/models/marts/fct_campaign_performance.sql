with performance as (
    {{ performance(
        ref('fct_recipient_activity'), ['account_id', 'campaign_id'], ref('int_anonymous__by_variant')
    ) }}
)

select
    performance.*,
    campaigns.campaign_name,
    campaigns.campaign_state,
    coalesce(campaigns.is_closed, false) as is_closed,
    {{ as_of_seq() }} as as_of_seq
from performance
left join {{ ref('dim_campaign') }} as campaigns on performance.campaign_id = campaigns.campaign_id
