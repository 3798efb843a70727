{# All rows of a model, or where `newer_than` names a position in the lake's sequence, those whose key a row beyond the
   last build's position has. #}
{% macro rows_to_test(model, columns, newer_than) -%}
    {%- if newer_than -%}
        (
            select tested.*
            from {{ model }} as tested
            semi join (
                select {{ columns | join(', ') }}
                from {{ model }}
                where {{ newer_than }} > coalesce(getvariable('previous_seq')::bigint, -1)
            ) as newer
                using ({{ columns | join(', ') }})
        ) as tested
    {%- else -%} {{ model }}
    {%- endif -%}
{%- endmacro %}
