select
    id as variant_id,
    account_id,
    campaign_id,
    position::bigint as variant_position,
    name as variant_name,
    subject
from {{ source('ops', 'variants') }}
