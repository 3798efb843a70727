-- One row: how far the whole build has read. It is built after the tables that segments read, so that these are never
-- behind what it says: whatever came after it is counted anew by whoever asks.
-- depends_on: {{ ref('fct_recipient_activity') }}
-- depends_on: {{ ref('fct_contact_history') }}
-- depends_on: {{ ref('fct_engagements') }}
select
    {{ as_of_seq() }} as as_of_seq,
    {{ as_of_at() }} as as_of_at,
    count(*) as event_count,
    max(occurred_at) as last_event_at
from {{ ref('stg_lake__events') }}
