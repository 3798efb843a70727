{% set base = ref('fct_link_clicks') %}
with {{ since_build(base, 'as_of_seq', with_nobody=true) }},

recipients as (
    {{ by_recipient('events', ['sign']) }}
),

counted_since as (
    {{ link_counts('recipients', 'events', ['sign']) }}
),

counted as (
    {{ brought_up_to_date(
        base, 'counted_since', ['account_id', 'campaign_id', 'variant_id', 'link_number'], link_count_names()
    ) }}
),

clicks as (
    select * from counted
    where greatest({{ link_count_names() | join(', ') }}) > 0
)

{{ link_rates('clicks', ref('live_variant')) }}
