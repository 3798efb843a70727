-- By the segment that each recipient was planned from. A view: it costs a build nothing, and a report reads one campaign.
{{ config(materialized='view') }}

with recipients as (
    select * replace (coalesce(segment_id, 0) as segment_id)
    from {{ ref('fct_recipient_activity') }}
),

counted as (
    {{ counts('recipients', ['account_id', 'campaign_id', 'segment_id']) }}
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
