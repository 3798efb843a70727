{# ops keeps moments as microseconds since 1970. #}
{% macro utc(column) -%} make_timestamptz({{ column }}) {%- endmacro %}


{# Microseconds since 1970, to compare times as numbers. #}
{% macro micros(column) -%} epoch_us({{ column }}) {%- endmacro %}
