{% set base = ref('fct_bounces') %}
with {{ since_build(base, 'as_of_seq') }},

recipients as (
    {{ by_recipient('events', ['sign']) }}
),

counted_since as (
    {{ bounces('recipients', ['sign']) }}
),

counted as (
    {{ brought_up_to_date(base, 'counted_since', bounce_keys(), ['bounced_count', 'contradicted_bounce_count']) }}
)

select * from counted
where bounced_count > 0 or contradicted_bounce_count > 0
