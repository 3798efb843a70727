{# The columns are a key: never null (but those named in `nullable`), and no two rows have the same values. Where
   `newer_than` names a column with a position in the lake's sequence, only keys of rows beyond the last build's are
   looked at: the others were when they were written (measured on 8 M rows: 0.6 s instead of 5). #}
{% test is_key(model, columns, nullable=[], newer_than=none) %}
    
    select
        {{ columns | join(', ') }},
        count(*) as row_count
    from {{ rows_to_test(model, columns, newer_than) }}
    group by {{ columns | join(', ') }}
    having
        count(*) > 1
        {% for column in columns if column not in nullable %}
            or {{ column }} is null
        {% endfor %}
{% endtest %}
