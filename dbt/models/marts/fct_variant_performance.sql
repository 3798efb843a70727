with counted as (
    {{ summed(ref('fct_recipient_counts'), ['account_id', 'campaign_id', 'variant_id']) }}
),

performance as (
    {{ rated('counted') }}
)

select
    performance.*,
    variants.variant_name,
    variants.variant_position,
    {{ as_of_seq() }} as as_of_seq
from performance
left join {{ ref('dim_variant') }} as variants on performance.variant_id = variants.variant_id
