{# What is counted of clicks on a link. #}
{% macro link_count_names() %}
    {{ return(['clicker_count', 'click_event_count', 'machine_click_event_count', 'anonymous_click_count']) }}
{% endmacro %}


{# Clicks by link of a variant. A clicker is a delivered recipient with a human click on it. #}
{% macro link_counts(recipients, events, also=[]) %}
    select
        events.account_id,
        events.campaign_id,
        coalesce(events.variant_id, 0) as variant_id,
        coalesce(events.link_number, 0) as link_number,
        {% for key in also %}
            events.{{ key }},
        {% endfor %}
        max(events.lake_seq) as last_lake_seq,
        count(distinct recipients.contact_id) filter (
            where recipients.is_delivered and not events.is_machine
        ) as clicker_count,
        count(distinct events.event_id) filter (
            where recipients.is_delivered and not events.is_machine
        ) as click_event_count,
        count(distinct events.event_id) filter (where events.is_machine) as machine_click_event_count,
        count(distinct events.event_id) filter (
            where events.contact_id is null and not events.is_machine
        ) as anonymous_click_count
    from {{ events }} as events
    left join {{ recipients }} as recipients
        on
            {% for key in ['account_id', 'campaign_id'] + also %}
                events.{{ key }} = recipients.{{ key }} and
            {% endfor %}
            events.contact_id = recipients.contact_id
    where events.event_type = 'clicked'
    group by all
{% endmacro %}


{# These counts with what they are shares of: `delivered` has delivered_count by variant. #}
{% macro link_rates(clicks, delivered) %}
    select
        clicks.*,
        coalesce(delivered.delivered_count, 0) as delivered_count,
        {{ rate_columns('click', 'clicks.clicker_count', 'delivered.delivered_count') }}
    from {{ clicks }} as clicks
    left join {{ delivered }} as delivered
        on
            clicks.account_id = delivered.account_id
            and clicks.campaign_id = delivered.campaign_id
            and clicks.variant_id = delivered.variant_id
{% endmacro %}
