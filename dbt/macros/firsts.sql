{# The counts of `firsts`. #}
{% macro first_counts() %}
    {{ return([
        'delivered_count', 'human_open_count', 'human_click_count', 'bounced_count', 'unsubscribed_count',
        'complained_count'
    ]) }}
{% endmacro %}


{# When each recipient got there for the first time, by minute: the sums over all minutes are a campaign's counts. #}
{% macro firsts(relation, also=[]) %}
    {% set keys = ['account_id', 'campaign_id'] + also %}
    with moments as (
        select
            {% for key in keys %}
                {{ key }},
            {% endfor %}
            last_lake_seq,
            unnest([
                {
                    'kind': 'delivered',
                    'at': case when is_delivered then coalesce(accepted_at, first_attempted_at) end
                },
                { 'kind': 'opened', 'at': case when is_measurable then first_opened_at end },
                { 'kind': 'clicked', 'at': case when is_delivered then first_clicked_at end },
                { 'kind': 'bounced', 'at': case when is_bounced then bounced_at end },
                { 'kind': 'unsubscribed', 'at': case when is_delivered then unsubscribed_at end },
                { 'kind': 'complained', 'at': case when is_delivered then complained_at end }
            ]) as moment
        from {{ relation }}
    )

    select
        {% for key in keys %}
            {{ key }},
        {% endfor %}
        time_bucket(interval '1 minute', moment.at) as minute_at,
        max(last_lake_seq) as last_lake_seq,
        count(*) filter (where moment.kind = 'delivered') as delivered_count,
        count(*) filter (where moment.kind = 'opened') as human_open_count,
        count(*) filter (where moment.kind = 'clicked') as human_click_count,
        count(*) filter (where moment.kind = 'bounced') as bounced_count,
        count(*) filter (where moment.kind = 'unsubscribed') as unsubscribed_count,
        count(*) filter (where moment.kind = 'complained') as complained_count
    from moments
    where moment.at is not null
    group by all
{% endmacro %}
