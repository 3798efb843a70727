select
    provider,
    complaints as complaint_reporting,
    source as reference,
    source_date::date as reference_date
from {{ source('reference', 'providers') }}
