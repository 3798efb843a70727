-- One row per contact: what it was sent and did, for segments. Contacts with rows of fct_recipient_activity newer
-- than the newest held here are counted again from all their rows.
{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key=['account_id', 'contact_id'],
        on_schema_change='fail',
        sorted_by=['account_id', 'contact_id']
    )
}}

{% set cursor = cursor_of(this) if is_incremental() else 0 %}

with recipients as (
    select * from {{ ref('fct_recipient_activity') }}
    {% if is_incremental() %}
        where contact_id in (
            select contact_id from {{ ref('fct_recipient_activity') }}
            where last_lake_seq > {{ cursor }}
        )
    {% endif %}
),

history as (
    {{ contact_history('recipients') }}
)

select
    account_id,
    contact_id,
    sent_count,
    first_sent_at,
    last_sent_at,
    measurable_bits,
    opened_bits,
    clicked_bits,
    last_bounce_class,
    last_bounced_at,
    last_lake_seq
from history
