-- One row per event that can raise a watched numerator, and nothing else of it: what the guard looks at each second,
-- from the last event that it knows on, so that only the newest files are read.
select
    lake_seq,
    account_id,
    campaign_id,
    coalesce(provider, 'other') as provider,
    case
        when event_type = 'complained' then 'complaint_rate'
        when event_type = 'unsubscribed' then 'unsubscribe_rate'
        when bounce_class in ('npai', 'hard') then 'permanent_bounce_rate'
        when event_type = 'deferred' or bounce_class = 'block' then 'refusal_rate'
    end as metric
from {{ ref('stg_lake__events') }}
where
    event_type in ('bounced', 'complained', 'deferred', 'unsubscribed')
    and (
        event_type in ('complained', 'deferred', 'unsubscribed')
        or bounce_class in ('npai', 'hard', 'block')
    )
    and not is_test
    and campaign_id is not null
