-- Only contacts whose country is known: what is not here is unknown.
{{ config(sorted_by=['account_id', 'contact_id']) }}

select
    account_id,
    contact_id,
    country_code,
    {{ as_of_seq() }} as as_of_seq
from {{ ref('stg_ops__contacts') }}
where country_code is not null
