-- Opens and clicks that name nobody: a total of events, never a number of people.
select
    account_id,
    campaign_id,
    variant_id,
    max(lake_seq) as last_lake_seq,
    count(distinct event_id) filter (where event_type = 'opened' and not is_machine) as anonymous_open_count,
    count(distinct event_id) filter (where event_type = 'clicked' and not is_machine) as anonymous_click_count
from {{ ref('int_events__judged') }}
where contact_id is null and event_type in ('opened', 'clicked')
group by 1, 2, 3
