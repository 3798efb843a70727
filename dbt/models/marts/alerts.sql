-- One row per threshold that is passed now, by what it is passed: an account, a campaign, a campaign's part at one
-- provider, or a contact. Rates are over the recipients first attempted within the window; campaigns that nobody was
-- sent in the last seven days are history.
with recent_campaigns as (
    select
        account_id,
        campaign_id,
        min(attempted_at) as started_at
    from {{ ref('fct_recipient_counts') }}
    group by 1, 2
    having max(attempted_at) > {{ as_of_at() }} - interval '7 days'
),

-- Recipients of the longest short window, one by one; those of whole campaigns are counted already.
recipients as (
    select activity.*
    from {{ ref('fct_recipient_activity') }} as activity
    where activity.is_sent and activity.first_attempted_at > {{ as_of_at() }} - interval '24 hours'
),

windows as (
    select distinct
        scope,
        window_name,
        window_seconds
    from {{ ref('thresholds') }}
    where scope in ('campaign', 'account') and window_seconds is not null
),

windowed as (
    select
        recipients.* exclude (campaign_id),
        case windows.scope when 'campaign' then recipients.campaign_id end as campaign_id,
        windows.scope,
        windows.window_name
    from recipients
    inner join windows on recipients.first_attempted_at > {{ as_of_at() }} - to_seconds(windows.window_seconds)
),

short as (
    {{ counts('windowed', ['account_id', 'campaign_id', 'scope', 'window_name']) }}
),

counted as (
    select
        account_id,
        campaign_id,
        scope,
        window_name,
        sent_count,
        delivered_count,
        reporting_count,
        npai_count + hard_count as permanent_count,
        unsubscribed_count,
        complained_count
    from short
    union all
    select
        performance.account_id,
        performance.campaign_id,
        'campaign' as scope,
        'campaign' as window_name,
        performance.sent_count,
        performance.delivered_count,
        performance.reporting_count,
        performance.permanent_count,
        performance.unsubscribed_count,
        performance.complained_count
    from {{ ref('fct_campaign_performance') }} as performance
    semi join recent_campaigns
        on
            performance.account_id = recent_campaigns.account_id
            and performance.campaign_id = recent_campaigns.campaign_id
),

-- Soft bounces of a contact within 90 days that no delivery came after.
softly_bounced as (
    select
        account_id,
        contact_id,
        campaign_id,
        soft_bounce_count,
        coalesce(bounced_at, first_attempted_at) as bounced_at
    from {{ ref('fct_recipient_activity') }}
    where soft_bounce_count > 0 and first_attempted_at > {{ as_of_at() }} - interval '90 days'
),

last_deliveries as (
    select
        activity.account_id,
        activity.contact_id,
        max(activity.accepted_at) as last_delivered_at
    from {{ ref('fct_recipient_activity') }} as activity
    semi join softly_bounced
        on activity.account_id = softly_bounced.account_id and activity.contact_id = softly_bounced.contact_id
    where activity.is_delivered and activity.first_attempted_at > {{ as_of_at() }} - interval '90 days'
    group by 1, 2
),

soft_bounces as (
    select
        softly_bounced.account_id,
        softly_bounced.contact_id,
        sum(softly_bounced.soft_bounce_count)::bigint as numerator,
        count(distinct softly_bounced.campaign_id) as denominator
    from softly_bounced
    left join last_deliveries
        on
            softly_bounced.account_id = last_deliveries.account_id
            and softly_bounced.contact_id = last_deliveries.contact_id
    where last_deliveries.last_delivered_at is null or softly_bounced.bounced_at > last_deliveries.last_delivered_at
    group by 1, 2
),

rates as (
    select
        account_id,
        campaign_id,
        null::varchar as provider,
        null::bigint as contact_id,
        null::double as usual_low,
        null::double as usual_high,
        null::double as distance,
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
    select
        account_id,
        campaign_id,
        provider,
        'campaign_provider' as scope,
        '15 min' as window_name,
        'refusal_rate' as metric,
        count(distinct event_id) filter (where is_refused) as numerator,
        count(distinct event_id) as denominator
    from {{ ref('int_attempts') }}
    where occurred_at > {{ as_of_at() }} - interval '15 minutes'
    group by 1, 2, 3
    union all by name
    -- Compared with the account's own past, and with the interval: only what is beyond chance and beyond custom. The
    -- distance from what is usual, in shares of one, is held against the threshold.
    select
        usual.account_id,
        usual.campaign_id,
        usual.provider,
        'campaign_provider' as scope,
        'campaign' as window_name,
        'delivery_drop' as metric,
        performance.delivered_count as numerator,
        performance.sent_count as denominator,
        usual.usual_delivery_rate_low as usual_low,
        usual.usual_delivery_rate_high as usual_high,
        usual.usual_delivery_rate_low - performance.delivery_rate_high as distance
    from {{ ref('fct_domain_deliverability') }} as performance
    inner join {{ ref('fct_campaign_usual') }} as usual
        on
            performance.account_id = usual.account_id
            and performance.campaign_id = usual.campaign_id
            and performance.provider = usual.provider
    semi join recent_campaigns
        on
            performance.account_id = recent_campaigns.account_id
            and performance.campaign_id = recent_campaigns.campaign_id
    where usual.usual_campaign_count >= 5
    union all by name
    -- Opens take a day to come in: before that every campaign would be below its past. A fence of one and a half
    -- times the middle half's width is Tukey's (1977).
    select
        usual.account_id,
        usual.campaign_id,
        'campaign' as scope,
        'campaign' as window_name,
        'open_rate_anomaly' as metric,
        performance.human_open_count as numerator,
        performance.measurable_count as denominator,
        usual.usual_open_rate_low as usual_low,
        usual.usual_open_rate_high as usual_high,
        greatest(usual.usual_open_rate_low - performance.open_rate_high, performance.open_rate_low - usual.usual_open_rate_high)
        - 1.5 * (usual.usual_open_rate_high - usual.usual_open_rate_low) as distance
    from {{ ref('fct_campaign_performance') }} as performance
    inner join {{ ref('fct_campaign_usual') }} as usual
        on
            performance.account_id = usual.account_id
            and performance.campaign_id = usual.campaign_id
            and usual.provider is null
    inner join recent_campaigns
        on
            performance.account_id = recent_campaigns.account_id
            and performance.campaign_id = recent_campaigns.campaign_id
    where usual.usual_campaign_count >= 5 and recent_campaigns.started_at < {{ as_of_at() }} - interval '1 day'
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
        case rates.scope
            when 'contact' then rates.numerator::double
            else coalesce(rates.distance, {{ rate('rates.numerator', 'rates.denominator') }})
        end as judged_value,
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
    case when judged_value >= critical_at then 'critical' else 'warning' end as level,
    numerator as numerator_count,
    denominator as denominator_count,
    value as measured_value,
    case when scope <> 'contact' then {{ wilson('numerator', 'denominator', -1) }} end as measured_value_low,
    case when scope <> 'contact' then {{ wilson('numerator', 'denominator', 1) }} end as measured_value_high,
    usual_low,
    usual_high,
    warn_at,
    critical_at,
    when_critical,
    threshold_source,
    threshold_source_date,
    {{ as_of_seq() }} as as_of_seq,
    {{ as_of_at() }} as as_of_at
from measured
where judged_value >= warn_at or judged_value >= critical_at
