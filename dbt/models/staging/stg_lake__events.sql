-- In a build this stops at the build's as-of; asked live, where the variable is not set, it shows all there is.
with events as (
    select * from {{ source('lake', 'events') }}
)

select
    lake_seq,
    event_id,
    type as event_type,
    account_id,
    campaign_id,
    variant_id,
    contact_id,
    channel,
    provider,
    occurred_at,
    recorded_at,
    is_test,
    attempt,
    link as link_number,
    smtp_code,
    status as enhanced_status,
    bounce_class,
    reason,
    via,
    purpose,
    opens_measured as is_open_measured,
    is_machine,
    rule,
    rule_version,
    subject_id as subject_event_id,
    value as amount,
    segment_id,
    device
from events
where lake_seq <= coalesce({{ as_of_seq() }}, 9223372036854775807)
