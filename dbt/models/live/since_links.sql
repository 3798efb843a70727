{% set base = ref('fct_link_clicks') %}
with {{ since_build(base, 'as_of_seq') }},

recipients as (
    {{ by_recipient('events', ['sign']) }}
),

nobody as (
    {{ nobody_since_build() }}
),

clicks_since as (
    {% for relation in ['events', 'nobody'] %}
        select
            account_id,
            campaign_id,
            variant_id,
            contact_id,
            event_id,
            event_type,
            link_number,
            lake_seq,
            is_machine,
            sign
        from {{ relation }}
        where event_type = 'clicked'
        {{ 'union all' if not loop.last }}
    {% endfor %}
),

counted_since as (
    {{ link_counts('recipients', 'clicks_since', ['sign']) }}
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

{{ link_rates('clicks', ref('since_variant')) }}
