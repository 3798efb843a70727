select
    account_id,
    campaign_id,
    provider,
    event_id,
    occurred_at,
    is_refused
from {{ ref('int_attempts') }}
