{# The first day of the month in which a moment falls on a time zone's calendar. The engine opens a zone that differs by
   row anew for each row, which takes 11 us; no zone is further from UTC than 14 hours, so that only moments next to a
   month's end need theirs. #}
{% macro local_month(moment, zone) %}
    case
        when day(make_timestamp(epoch_us({{ moment }}))) between 2 and 27
            then date_trunc('month', make_timestamp(epoch_us({{ moment }})))::date
        else date_trunc('month', timezone({{ zone }}, {{ moment }}))::date
    end
{% endmacro %}
