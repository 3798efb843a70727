select
    id as account_id,
    slug as account_slug,
    name as account_name,
    locale,
    timezone as time_zone,
    tracking_policy,
    currency,
    attribution_days::integer as attribution_days,
    {{ utc('created_at') }} as created_at
from {{ source('ops', 'accounts') }}
