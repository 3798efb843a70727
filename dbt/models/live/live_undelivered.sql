-- Everybody that a campaign did not reach, with the gravest reason.
select
    account_id,
    campaign_id,
    contact_id,
    provider,
    bounce_class,
    bounce_reason,
    bounced_via,
    bounced_at
from {{ ref('int_events__by_recipient') }}
where is_bounced
