-- Every event that counts, with the newest verdict on whether a machine did it. Test messages are out; replays are
-- still in, with the id of the event that they repeat: whoever counts events counts distinct ids.
with verdicts as (
    select
        account_id,
        campaign_id,
        subject_event_id,
        max(lake_seq) as lake_seq,
        arg_max(is_machine, occurred_at) as is_machine
    from {{ ref('stg_lake__events') }}
    where event_type = 'judged'
    group by 1, 2, 3
)

select
    {{ judged_columns('coalesce(verdicts.is_machine, events.is_machine, false)') }}
from {{ ref('stg_lake__events') }} as events
left join verdicts
    on
        events.account_id = verdicts.account_id
        and events.campaign_id = verdicts.campaign_id
        and events.event_id = verdicts.subject_event_id
where not events.is_test and events.campaign_id is not null and events.event_type <> 'judged'
