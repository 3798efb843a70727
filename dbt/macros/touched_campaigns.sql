{# A condition on campaign_id that holds for all campaigns with events after `cursor`, in literals: as such it goes
   below every grouping and down to the files; as a subquery it would not. #}
{% macro touched_campaigns(cursor, event_type=none) -%}
    {%- if execute -%}
        {%- set found = run_query(
            "select distinct campaign_id from " ~ ref('stg_lake__events')
            ~ " where lake_seq > " ~ cursor ~ " and campaign_id is not null"
            ~ (" and event_type = '" ~ event_type ~ "'" if event_type else "")
        ).columns[0].values() -%}
        {%- if found | length == 0 -%} false
        {%- elif found | length > 1000 -%} true
        {%- else -%} campaign_id in ({{ found | join(', ') }})
        {%- endif -%}
    {%- else -%} true
    {%- endif -%}
{%- endmacro %}


{# The recipients that events after `cursor` are of: by the event itself, or by a verdict on an event of theirs. #}
{% macro touched_recipients(cursor) %}
    select
        account_id,
        campaign_id,
        contact_id
    from {{ ref('stg_lake__events') }}
    where lake_seq > {{ cursor }} and contact_id is not null and campaign_id is not null
    union
    select
        events.account_id,
        events.campaign_id,
        events.contact_id
    from {{ ref('stg_lake__events') }} as events
    where
        {{ touched_campaigns(cursor, 'judged') }}
        and events.contact_id is not null
        and events.event_id in (
            select verdicts.subject_event_id
            from {{ ref('stg_lake__events') }} as verdicts
            where verdicts.lake_seq > {{ cursor }} and verdicts.event_type = 'judged'
        )
{% endmacro %}
