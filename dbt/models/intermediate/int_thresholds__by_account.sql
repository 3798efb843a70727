-- The thresholds that hold for each account: its own where it has one, else those of all.
select
    accounts.account_id,
    thresholds.metric,
    thresholds.scope,
    thresholds.window_name,
    thresholds.window_seconds,
    coalesce(overrides.warn_at, thresholds.warn_at) as warn_at,
    coalesce(overrides.critical_at, thresholds.critical_at) as critical_at,
    coalesce(overrides.min_denominator, thresholds.min_denominator) as min_denominator,
    coalesce(overrides.min_events, thresholds.min_events) as min_events,
    coalesce(overrides.when_critical, thresholds.when_critical) as when_critical,
    coalesce(overrides.source, thresholds.source) as threshold_source,
    coalesce(overrides.source_date, thresholds.source_date) as threshold_source_date
from {{ ref('stg_ops__accounts') }} as accounts
cross join {{ ref('thresholds') }} as thresholds
left join {{ ref('threshold_overrides') }} as overrides
    on
        accounts.account_slug = overrides.account_slug
        and thresholds.metric = overrides.metric
        and thresholds.scope = overrides.scope
        and thresholds.window_name = overrides.window_name
