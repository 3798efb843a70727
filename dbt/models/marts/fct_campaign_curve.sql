-- Firsts by minute. A campaign with new events is counted anew from its recipients' rows.
{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key=['account_id', 'campaign_id'],
        on_schema_change='fail'
    )
}}

-- depends_on: {{ ref('stg_lake__events') }}
with recipients as (
    select * from {{ ref('fct_recipient_activity') }}
    where {{ touched_since_last_build() }}
),

firsts as (
    {{ firsts('recipients') }}
)

select
    *,
    {{ as_of_seq() }} as counted_seq
from firsts
