with counted as (
    {{ summed(ref('fct_recipient_counts'), ['account_id', 'campaign_id', 'variant_id']) }}
),

performance as (
    {{ rated('counted') }}
),

conversions as (
    {{ conversion_sums(ref('fct_conversions'), ['account_id', 'campaign_id', 'variant_id']) }}
)

select
    performance.*,
    {{ conversion_columns() }},
    variants.variant_name,
    variants.variant_position,
    {{ as_of_seq() }} as as_of_seq
from performance
left join conversions
    on
        performance.account_id = conversions.account_id
        and performance.campaign_id = conversions.campaign_id
        and performance.variant_id is not distinct from conversions.variant_id
left join {{ ref('dim_variant') }} as variants on performance.variant_id = variants.variant_id
