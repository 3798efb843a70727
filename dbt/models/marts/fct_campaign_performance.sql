with counted as (
    {{ summed(ref('fct_recipient_counts'), ['account_id', 'campaign_id']) }}
),

performance as (
    {{ rated('counted') }}
),

conversions as (
    {{ conversion_sums(ref('fct_conversions'), ['account_id', 'campaign_id']) }}
)

select
    performance.*,
    {{ conversion_columns() }},
    campaigns.campaign_name,
    campaigns.campaign_state,
    coalesce(campaigns.is_closed, false) as is_closed,
    {{ as_of_seq() }} as as_of_seq
from performance
left join conversions
    on
        performance.account_id = conversions.account_id
        and performance.campaign_id = conversions.campaign_id
left join {{ ref('dim_campaign') }} as campaigns on performance.campaign_id = campaigns.campaign_id
