{# How far this build reads: a number of the lake's sequence, taken before its first model, the same for all. #}
{% macro as_of_seq() -%} getvariable('as_of_seq')::bigint {%- endmacro %}


{# The business time at which that number was taken. #}
{% macro as_of_at() -%} getvariable('as_of_at')::timestamptz {%- endmacro %}
