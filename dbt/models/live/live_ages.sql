-- How old its message was when each recipient first reacted, in whole hours begun, the first being 1: what versions
-- are compared by, whenever each of them left. By the variant that was planned, so that the rest of a test, which got
-- the winner later, is no part of it.
select
    account_id,
    campaign_id,
    planned_variant_id as variant_id,
    contact_id,
    is_measurable,
    coalesce(accepted_at, first_attempted_at) as delivered_at,
    {% for name, moment, holds in [
        ('opened', 'first_opened_at', 'is_measurable'),
        ('clicked', 'first_clicked_at', 'true'),
        ('unsubscribed', 'unsubscribed_at', 'true'),
    ] %}
        case
            -- Said for whoever has none, too: greatest() passes over a null.
            when {{ moment }} is not null and {{ holds }}
                then greatest(
                    1, ceil(epoch({{ moment }} - coalesce(accepted_at, first_attempted_at)) / 3600)
                )::bigint
        end as {{ name }}_after_hours,
    {% endfor %}
    last_lake_seq
from {{ ref('int_events__by_recipient') }}
where is_delivered and planned_variant_id is not null
