{# The largest event number that the rows of a table were counted from: where the next build goes on. #}
{% macro cursor_of(relation, column='last_lake_seq') -%}
    {%- if execute -%}
        {{ run_query("select coalesce(max(" ~ column ~ "), 0) from " ~ relation).columns[0].values()[0] }}
    {%- else -%} 0
    {%- endif -%}
{%- endmacro %}


{# Campaigns whose rows an incremental build counts anew: all where the table is new. Tables of few rows a campaign
   keep the position of the build that wrote each, and go on from the newest of them. #}
{% macro touched_since_last_build() -%}
    {%- if is_incremental() -%} {{ touched_campaigns(cursor_of(this, 'counted_seq')) }}
    {%- else -%} true
    {%- endif -%}
{%- endmacro %}
