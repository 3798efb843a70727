select
    id as campaign_id,
    account_id,
    name as campaign_name,
    kind as message_kind,
    channel,
    state as campaign_state,
    state = 'closed' as is_closed,
    audience as planned_audience_count,
    {{ utc('send_at') }} as send_at,
    {{ utc('created_at') }} as created_at,
    {{ utc('planned_at') }} as planned_at,
    {{ utc('started_at') }} as started_at,
    {{ utc('closed_at') }} as closed_at
from {{ source('ops', 'campaigns') }}
