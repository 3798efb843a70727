{# The largest event number that the rows of a table were counted from: where the next build goes on. #}
{% macro cursor_of(relation) -%}
    {%- if execute -%}
        {{ run_query("select coalesce(max(last_lake_seq), 0) from " ~ relation).columns[0].values()[0] }}
    {%- else -%} 0
    {%- endif -%}
{%- endmacro %}
