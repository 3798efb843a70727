{# Rates lie between 0 and 1 and within their interval, or are null. #}
{% test are_shares(model, rates) %}
    select * from {{ model }}
    where
        {% for rate in rates %}
            {{ rate }} not between 0 and 1
            or {{ rate }} not between {{ rate }}_low and {{ rate }}_high
            {{ 'or' if not loop.last }}
        {% endfor %}
{% endtest %}
