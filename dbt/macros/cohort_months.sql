{# For how many months a cohort is followed: as many as bits of one number hold with room to spare. #}
{% macro cohort_months() %}{{ return(60) }}{% endmacro %}
