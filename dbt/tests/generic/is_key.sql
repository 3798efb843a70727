{# The columns are a key: never null (but those named in `nullable`), and no two rows have the same values. Where
   `newer_than` names a column with a position in the lake's sequence, only keys of rows beyond the last build's are
   looked at: the others were when they were written (measured on 8 M rows: 0.6 s instead of 5). #}
{% test is_key(model, columns, nullable=[], newer_than=none) %}
    
    select
        {{ columns | join(', ') }},
        count(*) as row_count
    from {{ model }}
    {% if newer_than %}
        semi join (
            select {{ columns | join(', ') }}
            from {{ model }}
            where {{ newer_than }} > coalesce(getvariable('previous_seq')::bigint, -1)
        ) as newer
            using ({{ columns | join(', ') }})
    {% endif %}
    group by {{ columns | join(', ') }}
    having
        count(*) > 1
        {% for column in columns if column not in nullable %}
            or {{ column }} is null
        {% endfor %}
{% endtest %}
