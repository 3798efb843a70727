{# What a contact did with what it was sent, out of rows of fct_recipient_activity. The last 60 campaigns sent to it
   are bits of one number, the newest the lowest, so that "opened at least 2 of the last 5" is a mask and a count of
   bits. The order is that of the first attempt; of two at the same instant the larger campaign id is the newer, and so of
   two bounces. #}
{% macro contact_history(relation) %}
    with sends as (
        select
            account_id,
            contact_id,
            campaign_id,
            first_attempted_at,
            is_measurable,
            is_measurable and was_opened as was_read,
            was_clicked,
            is_bounced,
            bounce_class,
            bounced_at,
            last_lake_seq,
            row_number() over (
                partition by account_id, contact_id, is_sent
                order by first_attempted_at desc, campaign_id desc
            ) as place,
            is_sent
        from {{ relation }}
    )

    select
        account_id,
        contact_id,
        count(*) filter (where is_sent) as sent_count,
        min(first_attempted_at) filter (where is_sent) as first_sent_at,
        max(first_attempted_at) filter (where is_sent) as last_sent_at,
        coalesce(sum(1::bigint << (place - 1)) filter (where is_sent and place <= 60 and is_measurable), 0)::bigint
            as measurable_bits,
        coalesce(sum(1::bigint << (place - 1)) filter (where is_sent and place <= 60 and was_read), 0)::bigint
            as opened_bits,
        coalesce(sum(1::bigint << (place - 1)) filter (where is_sent and place <= 60 and was_clicked), 0)::bigint
            as clicked_bits,
        arg_max(bounce_class, row(bounced_at, campaign_id)) filter (where is_bounced) as last_bounce_class,
        max(bounced_at) filter (where is_bounced) as last_bounced_at,
        max(last_lake_seq) as last_lake_seq
    from sends
    group by 1, 2
{% endmacro %}
