-- One row per threshold that is passed now, by what it is passed: an account, a campaign, a campaign's part at one
-- provider, or a contact. Rates are over the recipients first attempted within the window.
with recipients as (
    select
        activity.account_id,
        activity.campaign_id,
        activity.contact_id,
        activity.first_attempted_at,
        activity.is_sent,
        activity.is_delivered,
        activity.is_bounced and activity.bounce_class in ('npai', 'hard') as is_permanent_bounce,
        activity.was_unsubscribed,
        activity.was_complained,
        providers.reports_complaints
    from {{ ref('fct_recipient_activity') }} as activity
    left join {{ ref('dim_provider') }} as providers on activity.provider = providers.provider
),

windows as (
    select distinct
        scope,
        window_name,
        window_seconds
    from {{ ref('thresholds') }}
    where scope in ('campaign', 'account')
),

counted as (
    select
        recipients.account_id,
        case windows.scope when 'campaign' then recipients.campaign_id end as campaign_id,
        windows.scope,
        windows.window_name,
        count(*) filter (where recipients.is_sent) as sent_count,
        count(*) filter (where recipients.is_delivered) as delivered_count,
        count(*) filter (where recipients.is_delivered and recipients.reports_complaints) as reporting_count,
        count(*) filter (where recipients.is_permanent_bounce) as permanent_count,
        count(*) filter (where recipients.is_delivered and recipients.was_unsubscribed) as unsubscribed_count,
        count(*) filter (
            where recipients.is_delivered and recipients.reports_complaints and recipients.was_complained
        ) as complained_count
    from recipients
    inner join windows
        on
            windows.window_seconds is null
            or recipients.first_attempted_at > {{ as_of_at() }} - to_seconds(windows.window_seconds)
    group by 1, 2, 3, 4
),

-- Soft bounces of a contact within 90 days that no delivery came after.
recent as (
    select
        account_id,
        contact_id,
        campaign_id,
        soft_bounce_count,
        coalesce(bounced_at, first_attempted_at) as bounced_at,
        max(accepted_at) filter (where is_delivered) over (partition by account_id, contact_id) as last_delivered_at
    from {{ ref('fct_recipient_activity') }}
    where first_attempted_at > {{ as_of_at() }} - interval '90 days'
),

soft_bounces as (
    select
        account_id,
        contact_id,
        sum(soft_bounce_count)::bigint as numerator,
        count(distinct campaign_id) as denominator
    from recent
    where soft_bounce_count > 0 and (last_delivered_at is null or bounced_at > last_delivered_at)
    group by 1, 2
),

rates as (
    select
        account_id,
        campaign_id,
        null::varchar as provider,
        null::bigint as contact_id,
        scope,
        window_name,
        'complaint_rate' as metric,
        complained_count as numerator,
        reporting_count as denominator
    from counted
    union all by name
    select
        account_id,
        campaign_id,
        scope,
        window_name,
        'unsubscribe_rate' as metric,
        unsubscribed_count as numerator,
        delivered_count as denominator
    from counted
    union all by name
    select
        account_id,
        campaign_id,
        scope,
        window_name,
        'permanent_bounce_rate' as metric,
        permanent_count as numerator,
        sent_count as denominator
    from counted
    union all by name
    -- Attempts, not recipients: one that was deferred and then taken is both.
    select
        account_id,
        campaign_id,
        coalesce(provider, 'other') as provider,
        'campaign_provider' as scope,
        '15 min' as window_name,
        'refusal_rate' as metric,
        count(distinct event_id) filter (where event_type = 'deferred' or bounce_class = 'block') as numerator,
        count(distinct event_id) as denominator
    from {{ ref('int_events__judged') }}
    where
        (event_type in ('accepted', 'deferred') or (event_type = 'bounced' and coalesce(via, 'session') <> 'mail'))
        and occurred_at > {{ as_of_at() }} - interval '15 minutes'
    group by 1, 2, 3
    union all by name
    select
        account_id,
        contact_id,
        'contact' as scope,
        '90 days' as window_name,
        'soft_bounces' as metric,
        numerator,
        denominator
    from soft_bounces
),

measured as (
    select
        rates.*,
        case rates.scope
            when 'contact' then rates.numerator::double
            else {{ rate('rates.numerator', 'rates.denominator') }}
        end as value,
        thresholds.warn_at,
        thresholds.critical_at,
        thresholds.when_critical,
        thresholds.threshold_source,
        thresholds.threshold_source_date
    from rates
    inner join {{ ref('int_thresholds__by_account') }} as thresholds
        on
            rates.account_id = thresholds.account_id
            and rates.metric = thresholds.metric
            and rates.scope = thresholds.scope
            and rates.window_name = thresholds.window_name
    where rates.numerator >= thresholds.min_events and rates.denominator >= thresholds.min_denominator
)

select
    md5(concat_ws(
        '/', account_id, coalesce(campaign_id, 0), coalesce(provider, ''), coalesce(contact_id, 0), metric, window_name
    )) as alert_key,
    account_id,
    campaign_id,
    provider,
    contact_id,
    metric,
    scope,
    window_name,
    case when value >= critical_at then 'critical' else 'warning' end as level,
    numerator as numerator_count,
    denominator as denominator_count,
    value as measured_value,
    case when scope <> 'contact' then {{ wilson('numerator', 'denominator', -1) }} end as measured_value_low,
    case when scope <> 'contact' then {{ wilson('numerator', 'denominator', 1) }} end as measured_value_high,
    warn_at,
    critical_at,
    when_critical,
    threshold_source,
    threshold_source_date,
    {{ as_of_seq() }} as as_of_seq,
    {{ as_of_at() }} as as_of_at
from measured
where value >= warn_at or value >= critical_at
