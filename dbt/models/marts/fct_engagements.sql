-- One row per open or click that names its contact: what segments ask for periods, links and "at least N times".
-- A campaign with events after the newest one held here is taken anew as a whole, so that a verdict or a bounce that
-- came later ends in the same rows as a full refresh. Machines stay in, flagged, so that no key ever goes.
{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key=['account_id', 'campaign_id'],
        on_schema_change='fail',
        sorted_by=['account_id', 'act', 'campaign_id', 'contact_id']
    )
}}

-- depends_on: {{ ref('stg_lake__events') }}
{% set cursor = cursor_of(this) if is_incremental() else 0 %}

with acts as (
    select
        account_id,
        campaign_id,
        contact_id,
        event_id,
        any_value(variant_id) as variant_id,
        any_value(event_type) as act,
        any_value(link_number) as link_number,
        min(occurred_at) as occurred_at,
        any_value(is_machine) as is_machine,
        max(lake_seq) as last_lake_seq
    from {{ ref('int_events__judged') }}
    where
        event_type in ('opened', 'clicked') and contact_id is not null
        {% if is_incremental() %}
            and {{ touched_campaigns(cursor) }}
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
    recipients.is_measurable,
    acts.last_lake_seq
from acts
inner join {{ ref('fct_recipient_activity') }} as recipients
    on
        acts.account_id = recipients.account_id
        and acts.campaign_id = recipients.campaign_id
        and acts.contact_id = recipients.contact_id
