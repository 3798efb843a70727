-- When each recipient got there for the first time, by minute: the sums over all minutes are live_campaign's counts.
with moments as (
    select
        account_id,
        campaign_id,
        unnest([
            { 'kind': 'delivered', 'at': case when is_delivered then coalesce(accepted_at, first_attempted_at) end },
            { 'kind': 'opened', 'at': case when is_measurable then first_opened_at end },
            { 'kind': 'clicked', 'at': case when is_delivered then first_clicked_at end },
            { 'kind': 'bounced', 'at': case when is_bounced then bounced_at end },
            { 'kind': 'unsubscribed', 'at': case when is_delivered then unsubscribed_at end },
            { 'kind': 'complained', 'at': case when is_delivered then complained_at end }
        ]) as moment
    from {{ ref('int_events__by_recipient') }}
)

select
    account_id,
    campaign_id,
    time_bucket(interval '1 minute', moment.at) as minute_at,
    count(*) filter (where moment.kind = 'delivered') as delivered_count,
    count(*) filter (where moment.kind = 'opened') as human_open_count,
    count(*) filter (where moment.kind = 'clicked') as human_click_count,
    count(*) filter (where moment.kind = 'bounced') as bounced_count,
    count(*) filter (where moment.kind = 'unsubscribed') as unsubscribed_count,
    count(*) filter (where moment.kind = 'complained') as complained_count
from moments
where moment.at is not null
group by 1, 2, 3
