select
    account_id,
    account_slug,
    account_name,
    locale,
    time_zone,
    tracking_policy,
    currency,
    attribution_days,
    created_at,
    {{ as_of_seq() }} as as_of_seq
from {{ ref('stg_ops__accounts') }}
