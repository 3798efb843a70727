{# What happened to the recipients of `relation` (columns of int_events__by_recipient), grouped by `keys`: the one
   definition of every count, for the marts and for the live views alike. Counts of groups add up. #}
{% macro counts(relation, keys) %}
    select
        {% for key in keys %}
            recipients.{{ key }},
        {% endfor %}
        max(recipients.last_lake_seq) as last_lake_seq,
        count(*) filter (where recipients.is_recipient) as audience_count,
        count(*) filter (where recipients.hand_over_state = 'accepted') as accepted_count,
        count(*) filter (where recipients.hand_over_state = 'bounced') as refused_count,
        count(*) filter (where recipients.hand_over_state = 'failed') as failed_count,
        count(*) filter (where recipients.hand_over_state = 'suppressed') as suppressed_count,
        count(*) filter (where recipients.hand_over_state = 'skipped') as skipped_count,
        count(*) filter (where recipients.hand_over_state = 'in_doubt') as in_doubt_count,
        count(*) filter (where recipients.is_recipient and recipients.hand_over_state is null) as waiting_count,
        count(*) filter (where recipients.is_sent) as sent_count,
        count(*) filter (where recipients.is_delivered) as delivered_count,
        count(*) filter (where recipients.was_deferred) as deferred_count,
        count(*) filter (where recipients.is_bounced) as bounced_count,
        count(*) filter (where recipients.is_bounced and recipients.bounce_class = 'npai') as npai_count,
        count(*) filter (where recipients.is_bounced and recipients.bounce_class = 'hard') as hard_count,
        count(*) filter (where recipients.is_bounced and recipients.bounce_class = 'soft') as soft_count,
        count(*) filter (where recipients.is_bounced and recipients.bounce_class = 'transient') as transient_count,
        count(*) filter (where recipients.is_bounced and recipients.bounce_class = 'block') as block_count,
        count(*) filter (where recipients.is_bounced and recipients.bounce_class = 'unknown') as unknown_count,
        count(*) filter (where recipients.is_bounce_contradicted) as contradicted_bounce_count,
        count(*) filter (where recipients.is_measurable) as measurable_count,
        count(*) filter (where recipients.is_measurable and recipients.was_opened) as human_open_count,
        count(*) filter (where recipients.is_delivered and recipients.was_clicked) as human_click_count,
        count(*) filter (
            where recipients.is_delivered
            and (recipients.was_clicked or (recipients.is_measurable and recipients.was_opened))
        ) as human_reaction_count,
        count(*) filter (
            where recipients.is_delivered and recipients.was_opened_by_machine
        ) as machine_open_count,
        count(*) filter (
            where recipients.is_delivered and recipients.was_clicked_by_machine
        ) as machine_click_count,
        coalesce(sum(recipients.open_count) filter (where recipients.is_measurable), 0)::bigint
            as open_event_count,
        coalesce(sum(recipients.click_count) filter (where recipients.is_delivered), 0)::bigint
            as click_event_count,
        count(*) filter (where recipients.is_delivered and recipients.was_unsubscribed) as unsubscribed_count,
        count(*) filter (where recipients.is_delivered and providers.reports_complaints) as reporting_count,
        count(*) filter (
            where recipients.is_delivered and providers.reports_complaints and recipients.was_complained
        ) as complained_count
    from {{ relation }} as recipients
    left join {{ ref('dim_provider') }} as providers on recipients.provider = providers.provider
    group by {% for key in keys %}recipients.{{ key }}{{ ', ' if not loop.last }}{% endfor %}

{% endmacro %}


{# The same counts, grouped anew by fewer `keys`. #}
{% macro summed(relation, keys) %}
    select
        {% for key in keys %}
            {{ key }},
        {% endfor %}
        max(last_lake_seq) as last_lake_seq,
        {% for name in count_names() %}
            coalesce(sum({{ name }}), 0)::bigint as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ relation }}
    group by {{ keys | join(', ') }}
{% endmacro %}


{# Counts with every rate that is made of them. #}
{% macro rated(counted) %}
    select
        *,
        {{ rate_columns('open', 'human_open_count', 'measurable_count') }},
        {{ rate_columns('click', 'human_click_count', 'delivered_count') }},
        {{ rate_columns('reactivity', 'human_click_count', 'human_reaction_count') }},
        {{ rate_columns('delivery', 'delivered_count', 'sent_count') }},
        {{ rate_columns('bounce', 'bounced_count', 'sent_count') }},
        {{ rate_columns('permanent_bounce', 'permanent_count', 'sent_count') }},
        {{ rate_columns('unsubscribe', 'unsubscribed_count', 'delivered_count') }},
        {{ rate_columns('complaint', 'complained_count', 'reporting_count') }}
    from (select *, npai_count + hard_count as permanent_count from {{ counted }})
{% endmacro %}


{# Live: counted from all events at the moment of the question. `anonymous` is a relation of opens and clicks that name
   nobody, by variant; without one they are left out, and their totals are null. #}
{% macro performance(relation, keys, anonymous=none) %}
    with counted as (
        {{ counts(relation, keys) }}
    ),

    completed as (
        select
            {% if anonymous %}
                counted.* replace (
                    greatest(counted.last_lake_seq, anonymous.last_lake_seq) as last_lake_seq
                ),
                coalesce(anonymous.anonymous_open_count, 0) as anonymous_open_count,
                coalesce(anonymous.anonymous_click_count, 0) as anonymous_click_count
            {% else %}
                counted.*,
                null::bigint as anonymous_open_count,
                null::bigint as anonymous_click_count
            {% endif %}
        from counted
        {% if anonymous %}
            left join (
                select
                    {% for key in keys %}
                        {{ key }},
                    {% endfor %}
                    max(last_lake_seq) as last_lake_seq,
                    sum(anonymous_open_count)::bigint as anonymous_open_count,
                    sum(anonymous_click_count)::bigint as anonymous_click_count
                from {{ anonymous }}
                group by {{ keys | join(', ') }}
            ) as anonymous
                on
                    {% for key in keys %}
                        counted.{{ key }} is not distinct from anonymous.{{ key }}{{ ' and' if not loop.last }}
                    {% endfor %}

        {% endif %}
    )

    {{ rated('completed') }}
{% endmacro %}


{# Live, for very large campaigns: what the last build counted, by `keys`, with what came since. Opens and clicks that name nobody belong to no
   provider: where that is a key they are left out, and their totals are null. #}
{% macro performance_since(keys) %}
    {% set names = count_names() %}
    {% set by_provider = 'provider' in keys %}
    {% set base = ref('fct_recipient_counts') %}
    with {{ since_build(base, 'counted_seq') }},

    recipients as (
        {{ by_recipient('events', ['sign']) }}
    ),

    {% if not by_provider %}
        nobody as (
            {{ nobody_since_build() }}
        ),

    {% endif %}
    counted_since as (
        select
            *,
            0::bigint as anonymous_open_count,
            0::bigint as anonymous_click_count
        from (
            {{ counts('recipients', keys + ['sign']) }}
        )
        {% if not by_provider %}
            union all by name
            {{ anonymous_counts('nobody', keys + ['sign']) }}
        {% endif %}
    ),

    held as (
        select * from {{ base }}
        {% if by_provider %}
            where provider is not null
        {% endif %}
    ),

    counted as (
        {{ brought_up_to_date('held', 'counted_since', keys, names) }}
    )

    {% if by_provider %}
        select * replace (null::bigint as anonymous_open_count, null::bigint as anonymous_click_count)
        from (
            {{ rated('counted') }}
        )
    {% else %}
        {{ rated('counted') }}
    {% endif %}
{% endmacro %}


{# Opens and clicks that name nobody: a total of events, never a number of people. #}
{% macro anonymous_counts(events, keys) %}
    select
        {% for key in keys %}
            {{ key }},
        {% endfor %}
        max(lake_seq) as last_lake_seq,
        count(distinct event_id) filter (where event_type = 'opened' and not is_machine) as anonymous_open_count,
        count(distinct event_id) filter (where event_type = 'clicked' and not is_machine) as anonymous_click_count
    from {{ events }}
    where contact_id is null and event_type in ('opened', 'clicked')
    group by {{ keys | join(', ') }}
{% endmacro %}
