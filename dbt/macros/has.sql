{# Whether any of these facts is known of a recipient; see int_events__by_recipient. #}
{% macro has(bits) -%} (facts & {{ bits }}) > 0 {%- endmacro %}
