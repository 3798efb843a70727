-- One row per attempt at a server, replays included: taken, put off or refused. Attempts, not recipients: one that was
-- deferred and then taken is both.
select
    account_id,
    campaign_id,
    coalesce(provider, 'other') as provider,
    event_id,
    lake_seq,
    occurred_at,
    event_type = 'deferred' or coalesce(bounce_class = 'block', false) as is_refused
from {{ ref('stg_lake__events') }}
where
    (event_type in ('accepted', 'deferred') or (event_type = 'bounced' and coalesce(via, 'session') <> 'mail'))
    and not is_test
    and campaign_id is not null
