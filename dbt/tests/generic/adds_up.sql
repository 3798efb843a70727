{# No part passes its whole, no numerator its denominator, and every recipient is in one hand-over state or waits. #}
{% test adds_up(model) %}
    select * from {{ model }}
    where
        delivered_count + bounced_count > sent_count
        or sent_count > audience_count
        or measurable_count > delivered_count
        or human_open_count > measurable_count
        or human_click_count > human_reaction_count
        or human_reaction_count > delivered_count
        or unsubscribed_count > delivered_count
        or complained_count > reporting_count
        or reporting_count > delivered_count
        or audience_count <> accepted_count + refused_count + failed_count + suppressed_count + skipped_count
        + in_doubt_count + waiting_count
{% endtest %}
