-- By where the recipients came from: their source, the file that brought them and the month in which they came.
{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key=['account_id', 'campaign_id'],
        on_schema_change='fail'
    )
}}

-- depends_on: {{ ref('stg_lake__events') }}
{% set keys = ['account_id', 'campaign_id', 'source', 'import_id', 'acquired_month_date'] %}

with recipients as (
    select
        activity.*,
        contacts.source,
        contacts.import_id,
        contacts.acquired_month_date
    from {{ ref('fct_recipient_activity') }} as activity
    left join {{ ref('stg_ops__contacts') }} as contacts
        on activity.account_id = contacts.account_id and activity.contact_id = contacts.contact_id
    where activity.is_sent and {{ touched_since_last_build() }}
),

counted as (
    select
        *,
        null::bigint as anonymous_open_count,
        null::bigint as anonymous_click_count
    from (
        {{ counts('recipients', keys) }}
    )
),

performance as (
    {{ rated('counted') }}
)

select
    *,
    {{ as_of_seq() }} as counted_seq
from performance
