-- One row per open or click that names its contact: what segments ask for periods, links and "at least N times".
-- Recipients with events after the newest one held here are taken anew, with all their acts, so that a verdict or a
-- bounce that came later ends in the same rows as a full refresh. Machines stay in, flagged, so that no key ever goes.
{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key=['account_id', 'campaign_id', 'contact_id'],
        on_schema_change='fail',
        sorted_by=['account_id', 'act', 'campaign_id', 'contact_id']
    )
}}

-- depends_on: {{ ref('stg_lake__events') }}
{% set cursor = cursor_of(this) if is_incremental() else 0 %}

with
{% if is_incremental() %}
    touched as materialized (
        {{ touched_recipients(cursor) }}
    ),

{% endif %}
acts as (
    select
        events.account_id,
        events.campaign_id,
        events.contact_id,
        events.event_id,
        any_value(events.variant_id) as variant_id,
        any_value(events.event_type) as act,
        any_value(events.link_number) as link_number,
        min(events.occurred_at) as occurred_at,
        any_value(events.is_machine) as is_machine,
        any_value(events.device) as device,
        max(events.lake_seq) as last_lake_seq
    from {{ ref('int_events__judged') }} as events
    {% if is_incremental() %}
        semi join touched
            on
                events.account_id = touched.account_id
                and events.campaign_id = touched.campaign_id
                and events.contact_id = touched.contact_id
    {% endif %}
    where
        events.event_type in ('opened', 'clicked') and events.contact_id is not null
        {% if is_incremental() %}
            and {{ touched_campaigns(cursor) | replace('campaign_id', 'events.campaign_id') }}
        {% endif %}
    group by 1, 2, 3, 4
)

select
    acts.account_id,
    acts.campaign_id,
    acts.contact_id,
    acts.variant_id,
    acts.act,
    acts.link_number,
    acts.occurred_at,
    acts.is_machine,
    acts.device,
    recipients.is_measurable,
    acts.last_lake_seq
from acts
inner join {{ ref('fct_recipient_activity') }} as recipients
    on
        acts.account_id = recipients.account_id
        and acts.campaign_id = recipients.campaign_id
        and acts.contact_id = recipients.contact_id
