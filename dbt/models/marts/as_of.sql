-- One row: how far the whole build has read.
select
    {{ as_of_seq() }} as as_of_seq,
    {{ as_of_at() }} as as_of_at,
    count(*) as event_count,
    max(occurred_at) as last_event_at
from {{ ref('stg_lake__events') }}
