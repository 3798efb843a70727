{% set base = ref('fct_campaign_curve') %}
with {{ since_build(base, 'counted_seq') }},

recipients as (
    {{ by_recipient('events', ['sign']) }}
),

counted_since as (
    {{ firsts('recipients', ['sign']) }}
),

counted as (
    {{ brought_up_to_date(base, 'counted_since', ['account_id', 'campaign_id', 'minute_at'], first_counts()) }}
)

select * exclude (last_lake_seq) from counted
where greatest({{ first_counts() | join(', ') }}) > 0
