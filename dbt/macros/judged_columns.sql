{# What is known of an event that counts, from `events` and, for each, its newest of `verdicts`. #}
{% macro judged_columns(is_machine) -%}
    events.account_id,
    events.campaign_id,
    events.variant_id,
    events.contact_id,
    events.event_id,
    events.event_type,
    greatest(events.lake_seq, coalesce(verdicts.lake_seq, 0)) as lake_seq,
    events.occurred_at,
    events.link_number,
    {{ is_machine }} as is_machine,
    events.provider,
    events.attempt,
    events.enhanced_status,
    events.bounce_class,
    events.reason,
    events.via,
    events.is_open_measured,
    events.segment_id,
    events.device
{%- endmacro %}
