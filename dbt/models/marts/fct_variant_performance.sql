with performance as (
    {{ performance(
        ref('fct_recipient_activity'),
        ['account_id', 'campaign_id', 'variant_id'],
        ref('int_anonymous__by_variant')
    ) }}
)

select
    performance.*,
    variants.variant_name,
    variants.variant_position,
    {{ as_of_seq() }} as as_of_seq
from performance
left join {{ ref('dim_variant') }} as variants on performance.variant_id = variants.variant_id
