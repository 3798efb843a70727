-- The watched counts by the second of the first attempt, so that every window is a sum: asked by the guard for one
-- campaign, and only where the numerators could have passed a threshold.
with recipients as (
    select
        *,
        time_bucket(interval '1 second', first_attempted_at) as attempted_at
    from {{ ref('int_events__by_recipient') }}
    where is_sent
),

counted as (
    {{ counts('recipients', ['account_id', 'campaign_id', 'attempted_at']) }}
)

select
    account_id,
    campaign_id,
    attempted_at,
    sent_count,
    delivered_count,
    reporting_count,
    npai_count + hard_count as permanent_count,
    unsubscribed_count,
    complained_count
from counted
