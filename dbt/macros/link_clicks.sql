{# Clicks by link of a variant. A clicker is a delivered recipient with a human click on it. #}
{% macro link_clicks(recipients, events) %}
    with delivered as (
        select
            account_id,
            campaign_id,
            variant_id,
            count(*) filter (where is_delivered) as delivered_count
        from {{ recipients }}
        group by 1, 2, 3
    ),

    clicks as (
        select
            events.account_id,
            events.campaign_id,
            coalesce(events.variant_id, 0) as variant_id,
            coalesce(events.link_number, 0) as link_number,
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
                events.account_id = recipients.account_id
                and events.campaign_id = recipients.campaign_id
                and events.contact_id = recipients.contact_id
        where events.event_type = 'clicked'
        group by 1, 2, 3, 4
    )

    select
        clicks.*,
        coalesce(delivered.delivered_count, 0) as delivered_count,
        {{ rate_columns('click', 'clicks.clicker_count', 'delivered.delivered_count') }}
    from clicks
    left join delivered
        on
            clicks.account_id = delivered.account_id
            and clicks.campaign_id = delivered.campaign_id
            and clicks.variant_id = delivered.variant_id
{% endmacro %}
