with clicks as (
    {{ link_clicks(ref('fct_recipient_activity'), ref('int_events__judged')) }}
)

select
    clicks.*,
    links.url,
    links.link_label,
    {{ as_of_seq() }} as as_of_seq
from clicks
left join {{ ref('stg_ops__links') }} as links
    on clicks.variant_id = links.variant_id and clicks.link_number = links.link_number
