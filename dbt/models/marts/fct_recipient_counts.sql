-- What became of recipients, counted once so that every table of rates is a sum: one row per variant, provider and
-- quarter of an hour of the first attempt. A campaign with new events is counted anew from its recipients' rows.
-- Opens and clicks that name nobody have rows of their own, without a provider.
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
    select
        *,
        time_bucket(interval '15 minutes', first_attempted_at) as attempted_at
    from {{ ref('fct_recipient_activity') }}
    where {{ touched }}
),

counted as (
    {{ counts('recipients', ['account_id', 'campaign_id', 'variant_id', 'provider', 'attempted_at']) }}
),

anonymous as (
    select
        account_id,
        campaign_id,
        variant_id,
        last_lake_seq,
        anonymous_open_count,
        anonymous_click_count
    from {{ ref('int_anonymous__by_variant') }}
    where {{ touched }}
)

select
    counted.*,
    null::bigint as anonymous_open_count,
    null::bigint as anonymous_click_count,
    {{ as_of_seq() }} as counted_seq
from counted
union all by name
select
    anonymous.*,
    {{ as_of_seq() }} as counted_seq
from anonymous
