select
    campaign_id,
    account_id,
    campaign_name,
    message_kind,
    channel,
    campaign_state,
    is_closed,
    planned_audience_count,
    send_at,
    created_at,
    planned_at,
    started_at,
    closed_at,
    {{ as_of_seq() }} as as_of_seq
from {{ ref('stg_ops__campaigns') }}
