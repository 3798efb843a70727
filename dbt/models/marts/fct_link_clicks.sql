{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key=['account_id', 'campaign_id'],
        on_schema_change='fail'
    )
}}

-- depends_on: {{ ref('stg_lake__events') }}
{% set touched = touched_since_last_build() %}

with recipients as (
    select * from {{ ref('fct_recipient_activity') }}
    where {{ touched }}
),

events as (
    select * from {{ ref('int_events__judged') }}
    where {{ touched }}
),

clicked as (
    {{ link_clicks('recipients', 'events') }}
)

select
    clicked.*,
    links.url,
    links.link_label,
    {{ as_of_seq() }} as as_of_seq
from clicked
left join {{ ref('stg_ops__links') }} as links
    on clicked.variant_id = links.variant_id and clicked.link_number = links.link_number
