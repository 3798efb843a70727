{# One row per campaign and recipient, out of `events` (columns of int_events__judged) alone, which must hold all
   events of each recipient that it has any of.

   A campaign of a million is grouped here once a second, so what can be told by yes or no is one bit of one number
   (measured: a third of the time of as many bool_or), and the last hand-over is the largest of one number too.
   `also` names further columns to group by. #}
{% macro by_recipient(events, also=[]) %}
{% set planned, attempted, deferred, open_measured = 1, 2, 4, 8 %}
{% set returned, opened, opened_by_machine, clicked = 16, 32, 64, 128 %}
{% set clicked_by_machine, heard_of, unsubscribed, complained = 256, 512, 1024, 2048 %}

{% set is_mail_bounce -%}
    event_type = 'bounced' and via = 'mail' and (bounce_class <> 'unknown' or enhanced_status like '5.%')
{%- endset %}
{% set is_session_bounce %}event_type = 'bounced' and coalesce(via, 'session') <> 'mail'{% endset %}
{% set is_attempt %}(fact & {{ attempted }}) > 0{% endset %}
{% set is_human_open %}event_type = 'opened' and not is_machine{% endset %}
{% set is_human_click %}event_type = 'clicked' and not is_machine{% endset %}
{% set gravest %}gravity * 1000000000000000000 + {{ micros('occurred_at') }}{% endset %}

with facts as (
    select
        *,
        -- What each type of event says of its recipient.
        case event_type
            when 'planned' then {{ planned }}
            when 'accepted' then {{ attempted }} + case when is_open_measured then {{ open_measured }} else 0 end
            when 'in_doubt' then {{ attempted }} + case when is_open_measured then {{ open_measured }} else 0 end
            when 'deferred' then {{ attempted + deferred }}
            when 'failed' then case when attempt > 0 then {{ attempted }} else 0 end
            when 'bounced'
                then case
                    when {{ is_session_bounce }} then {{ attempted }}
                    when {{ is_mail_bounce }} then {{ attempted + returned }}
                    else 0
                end
            when 'opened'
                then case when is_machine then {{ heard_of + opened_by_machine }} else {{ heard_of + opened }} end
            when 'clicked'
                then case when is_machine then {{ heard_of + clicked_by_machine }} else {{ heard_of + clicked }} end
            when 'unsubscribed' then {{ heard_of + unsubscribed }}
            when 'complained' then {{ heard_of + complained }}
            when 'autoreplied' then {{ heard_of }}
            when 'withdrew' then {{ heard_of }}
            else 0
        end as fact,
        -- The last hand-over wins, but who has the message has it, whatever a second sending came to; a doubt gives way
        -- to everything that is known.
        case event_type
            when 'accepted' then 5000000000000000001
            when 'bounced' then case when {{ is_session_bounce }} then 4000000000000000002 end
            when 'failed' then 4000000000000000003
            when 'suppressed' then 4000000000000000004
            when 'skipped' then 4000000000000000005
            when 'in_doubt' then 0
        end + {{ micros('occurred_at') }} * 8 as hand_over,
        -- A slight bounce never hides a grave one.
        case bounce_class
            when 'npai' then 6
            when 'hard' then 5
            when 'block' then 4
            when 'soft' then 3
            when 'transient' then 2
            else 1
        end as gravity
    from {{ events }}
    where contact_id is not null
),

grouped as (
    select
        {% for key in ['account_id', 'campaign_id', 'contact_id'] + also %}
            {{ key }},
        {% endfor %}
        max(lake_seq) as last_lake_seq,
        bit_or(fact) as facts,
        max(hand_over) as hand_over,
        coalesce(
            max(variant_id) filter (where event_type = 'accepted'),
            max(variant_id) filter (where {{ is_attempt }}),
            max(variant_id)
        ) as variant_id,
        max(variant_id) filter (where event_type = 'planned') as planned_variant_id,
        max(segment_id) filter (where event_type = 'planned') as segment_id,
        coalesce(max(provider), 'other') as provider,
        coalesce(max(attempt), 0) as attempt_count,
        min(occurred_at) filter (where {{ is_attempt }}) as first_attempted_at,
        min(occurred_at) filter (where event_type = 'accepted') as accepted_at,
        max(gravity) filter (where {{ is_session_bounce }}) as refused_gravity,
        max(gravity) filter (where {{ is_mail_bounce }}) as returned_gravity,
        arg_max(coalesce(reason, ''), {{ gravest }}) filter (where {{ is_session_bounce }}) as refused_reason,
        arg_max(coalesce(reason, ''), {{ gravest }}) filter (where {{ is_mail_bounce }}) as returned_reason,
        max(occurred_at) filter (where {{ is_session_bounce }}) as refused_at,
        min(occurred_at) filter (where {{ is_mail_bounce }}) as returned_at,
        count(distinct event_id) filter (
            where event_type = 'bounced' and bounce_class = 'soft'
        ) as soft_bounce_count,
        min(occurred_at) filter (where {{ is_human_open }}) as first_opened_at,
        min(occurred_at) filter (where {{ is_human_click }}) as first_clicked_at,
        count(distinct event_id) filter (where {{ is_human_open }}) as open_count,
        count(distinct event_id) filter (where {{ is_human_click }}) as click_count,
        min(occurred_at) filter (where event_type = 'unsubscribed') as unsubscribed_at,
        min(occurred_at) filter (where event_type = 'complained') as complained_at
    from facts
    group by {{ (['account_id', 'campaign_id', 'contact_id'] + also) | join(', ') }}
),

settled as (
    select
        *,
        case
            when hand_over >= 4000000000000000000
                then ['accepted', 'bounced', 'failed', 'suppressed', 'skipped'][hand_over % 8]
            when hand_over is not null then 'in_doubt'
        end as hand_over_state,
        {{ has(returned) }} as was_returned,
        {{ has(opened + clicked) }} as was_reached,
        {{ has(heard_of + returned) }} as was_answered
    from grouped
),

judged as (
    select
        *,
        coalesce(hand_over_state = 'bounced', false) as was_refused,
        -- A doubt is resolved by any sign of the recipient, for the metrics alone.
        coalesce(
            hand_over_state = 'accepted' or (hand_over_state = 'in_doubt' and was_answered), false
        ) as was_taken
    from settled
),

concluded as (
    select
        *,
        was_refused or (was_returned and not was_reached) as is_bounced,
        was_returned and was_reached and not was_refused as is_bounce_contradicted,
        case when was_refused then refused_gravity when was_returned then returned_gravity end as bounce_gravity
    from judged
)

select
    {% for key in ['account_id', 'campaign_id', 'contact_id'] + also %}
        {{ key }},
    {% endfor %}
    variant_id,
    planned_variant_id,
    segment_id,
    provider,
    hand_over_state is not null or {{ has(planned + attempted) }} as is_recipient,
    hand_over_state,
    attempt_count,
    first_attempted_at,
    accepted_at,
    {{ has(attempted) }} as is_sent,
    was_taken and not is_bounced as is_delivered,
    was_taken and not is_bounced and {{ has(open_measured) }} as is_measurable,
    {{ has(deferred) }} as was_deferred,
    is_bounced,
    is_bounce_contradicted,
    ['unknown', 'transient', 'soft', 'block', 'hard', 'npai'][bounce_gravity] as bounce_class,
    nullif(case when was_refused then refused_reason when was_returned then returned_reason end, '') as bounce_reason,
    case when was_refused then 'session' when was_returned then 'mail' end as bounced_via,
    case when was_refused then refused_at when was_returned then returned_at end as bounced_at,
    soft_bounce_count,
    {{ has(opened) }} as was_opened,
    first_opened_at,
    open_count,
    {{ has(opened_by_machine) }} as was_opened_by_machine,
    {{ has(clicked) }} as was_clicked,
    first_clicked_at,
    click_count,
    {{ has(clicked_by_machine) }} as was_clicked_by_machine,
    {{ has(unsubscribed) }} as was_unsubscribed,
    unsubscribed_at,
    {{ has(complained) }} as was_complained,
    complained_at,
    last_lake_seq
from concluded
{% endmacro %}
