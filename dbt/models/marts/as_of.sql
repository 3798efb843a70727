-- One row: how far the whole build has read. It is built after the tables that segments and reports read, so that
-- these are never behind what it says: whatever came after it is counted anew by whoever asks.
-- depends_on: {{ ref('fct_recipient_activity') }}
-- depends_on: {{ ref('fct_contact_history') }}
-- depends_on: {{ ref('fct_engagements') }}
-- depends_on: {{ ref('fct_campaign_performance') }}
-- depends_on: {{ ref('fct_variant_performance') }}
-- depends_on: {{ ref('fct_domain_deliverability') }}
-- depends_on: {{ ref('fct_bounces') }}
-- depends_on: {{ ref('fct_link_clicks') }}
-- depends_on: {{ ref('fct_campaign_curve') }}
select
    {{ as_of_seq() }} as as_of_seq,
    {{ as_of_at() }} as as_of_at,
    count(*) as event_count,
    max(occurred_at) as last_event_at
from {{ ref('stg_lake__events') }}
