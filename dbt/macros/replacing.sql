{# Each key once: dbt-duckdb joins the rows to delete with those to insert, and where a key has many of both (a campaign
   with a hundred thousand rows), that is their product: 24 GiB were not enough for it. #}
{% macro duckdb__get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) -%}
    {{ return(default__get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates)) }}
{%- endmacro %}
