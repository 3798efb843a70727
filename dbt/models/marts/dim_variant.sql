select
    variant_id,
    account_id,
    campaign_id,
    variant_position,
    variant_name,
    subject,
    {{ as_of_seq() }} as as_of_seq
from {{ ref('stg_ops__variants') }}
