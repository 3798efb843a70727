select
    account_id,
    campaign_id,
    variant_id,
    number::bigint as link_number,
    url,
    label as link_label
from {{ source('ops', 'links') }}
