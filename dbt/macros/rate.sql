{# A share of n, from 0 to 1. Nothing below the line: there is no rate, which is not a rate of nothing. #}
{% macro rate(numerator, denominator) -%}
    ({{ numerator }})::double / nullif({{ denominator }}, 0)
{%- endmacro %}


{# Bounds of the 95 % interval of a share, by Wilson (1927): they hold for small n and stay within 0 and 1.
   `side` is -1 for the lower bound, 1 for the upper one. #}
{% macro wilson(numerator, denominator, side) -%}
    {%- set z = 1.959963984540054 -%}
    {%- set n = 'nullif(' ~ denominator ~ ', 0)::double' -%}
    {%- set p = '(' ~ numerator ~ '::double / ' ~ n ~ ')' -%}
    {#- The bound on the rate's own side of the rate, whatever rounding does; null where there is no rate. -#}
    {%- set bound -%}
        (
            {{ p }} + {{ z * z / 2 }} / {{ n }}
            + ({{ side }}) * {{ z }} * sqrt({{ p }} * (1 - {{ p }}) / {{ n }} + {{ z * z / 4 }} / ({{ n }} * {{ n }}))
        ) / (1 + {{ z * z }} / {{ n }})
    {%- endset -%}
    case
        when {{ denominator }} > 0
            then {% if side < 0 %}greatest(0.0, least({{ p }}, {{ bound }})){% else %}least(1.0, greatest({{ p }}, {{ bound }})){% endif %}

    end
{%- endmacro %}


{# The rate of a name with the bounds of its interval: three columns. #}
{% macro rate_columns(name, numerator, denominator) -%}
    {{ rate(numerator, denominator) }} as {{ name }}_rate,
    {{ wilson(numerator, denominator, -1) }} as {{ name }}_rate_low,
    {{ wilson(numerator, denominator, 1) }} as {{ name }}_rate_high
{%- endmacro %}
