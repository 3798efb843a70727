-- By the country of each recipient, as ops has it at the build. A view: it costs a build nothing, and a report reads one
-- campaign.
{{ config(materialized='view') }}

with recipients as (
    select
        activity.*,
        coalesce(contacts.country_code, '') as country_code
    from {{ ref('fct_recipient_activity') }} as activity
    left join {{ ref('dim_contact') }} as contacts
        on activity.account_id = contacts.account_id and activity.contact_id = contacts.contact_id
),

counted as (
    {{ counts('recipients', ['account_id', 'campaign_id', 'country_code']) }}
),

performance as (
    {{ rated('counted') }}
)

select
    *,
    null::bigint as anonymous_open_count,
    null::bigint as anonymous_click_count,
    {{ as_of_seq() }} as as_of_seq
from performance
