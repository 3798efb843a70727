-- A provider that is not in the table reports nothing that we know of: `other` is always there.
with providers as (
    select * from {{ ref('stg_reference__providers') }}
    union all by name
    select
        'other' as provider,
        'none' as complaint_reporting
    where 'other' not in (select listed.provider from {{ ref('stg_reference__providers') }} as listed)
)

select
    provider,
    complaint_reporting,
    complaint_reporting = 'individual' as reports_complaints,
    reference,
    reference_date,
    {{ as_of_seq() }} as as_of_seq
from providers
