{# A condition on campaign_id that holds for all campaigns with events after `cursor`, in literals: as such it goes
   below every grouping and down to the files; as a subquery it would not. #}
{% macro touched_campaigns(cursor) -%}
    {%- if execute -%}
        {%- set found = run_query(
            "select distinct campaign_id from " ~ ref('stg_lake__events')
            ~ " where lake_seq > " ~ cursor ~ " and campaign_id is not null"
        ).columns[0].values() -%}
        {%- if found | length == 0 -%} false
        {%- elif found | length > 1000 -%} true
        {%- else -%} campaign_id in ({{ found | join(', ') }})
        {%- endif -%}
    {%- else -%} true
    {%- endif -%}
{%- endmacro %}
