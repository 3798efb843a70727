-- Where a contact came from, and nothing of who it is.
select
    id as contact_id,
    account_id,
    source,
    import_id,
    date_trunc('month', {{ utc('created_at') }})::date as acquired_month_date
from {{ source('ops', 'contacts') }}
