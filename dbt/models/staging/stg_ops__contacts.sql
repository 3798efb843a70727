-- Where a contact came from and in which country it is, and nothing of who it is.
select
    contacts.id as contact_id,
    contacts.account_id,
    contacts.source,
    contacts.import_id,
    countries.code as country_code,
    date_trunc('month', {{ utc('contacts.created_at') }})::date as acquired_month_date
from {{ source('ops', 'contacts') }} as contacts
left join {{ source('reference', 'countries') }} as countries
    on replace(replace(strip_accents(lower(trim(contacts.country))), '-', ' '), '’', '''') = countries.written
