with counted as (
    {{ link_counts(ref('fct_recipient_activity'), ref('int_events__judged')) }}
),

clicks as (
    {{ link_rates('counted', ref('fct_variant_performance')) }}
)

select
    clicks.*,
    links.url,
    links.link_label,
    {{ as_of_seq() }} as as_of_seq
from clicks
left join {{ ref('stg_ops__links') }} as links
    on clicks.variant_id = links.variant_id and clicks.link_number = links.link_number
