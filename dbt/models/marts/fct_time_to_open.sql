-- How long after its delivery a message was first opened by a person, in steps that grow. A view: it costs a build
-- nothing.
{{ config(materialized='view') }}

{% set minutes = [5, 15, 30, 60, 120, 240, 480, 720, 1440, 2880, 5760, 10080] %}

with openers as (
    select
        account_id,
        campaign_id,
        greatest(0, epoch(first_opened_at - coalesce(accepted_at, first_attempted_at))) as after_seconds
    from {{ ref('fct_recipient_activity') }}
    where is_measurable and was_opened
),

-- By cases, not by a join on bounds: that takes ten times as long.
stepped as (
    select
        *,
        case
            {% for minute in minutes %}
                when after_seconds < {{ 60 * minute }} then {{ loop.index }}
            {% endfor %}
            else {{ minutes | length + 1 }}
        end as step_number
    from openers
),

bounds as (
    select unnest([0, {{ minutes | join(', ') }}]) * 60 as from_seconds
),

steps as (
    select
        row_number() over (order by from_seconds) as step_number,
        from_seconds::bigint as from_seconds,
        (lead(from_seconds) over (order by from_seconds))::bigint as until_seconds
    from bounds
),

campaigns as (
    select
        account_id,
        campaign_id,
        count(*) as human_open_count,
        median(after_seconds)::bigint as median_seconds
    from openers
    group by 1, 2
),

counted as (
    select
        account_id,
        campaign_id,
        step_number,
        count(*) as opener_count
    from stepped
    group by 1, 2, 3
),

spread as (
    select
        campaigns.account_id,
        campaigns.campaign_id,
        steps.step_number::bigint as step_number,
        steps.from_seconds,
        steps.until_seconds,
        coalesce(counted.opener_count, 0) as opener_count,
        sum(coalesce(counted.opener_count, 0)) over (
            partition by campaigns.account_id, campaigns.campaign_id
            order by steps.step_number
        )::bigint as within_count,
        campaigns.human_open_count,
        campaigns.median_seconds
    from campaigns
    cross join steps
    left join counted
        on
            campaigns.account_id = counted.account_id
            and campaigns.campaign_id = counted.campaign_id
            and steps.step_number = counted.step_number
)

select
    account_id,
    campaign_id,
    step_number,
    from_seconds,
    until_seconds,
    opener_count,
    within_count,
    human_open_count,
    median_seconds,
    {{ rate_columns('within', 'within_count', 'human_open_count') }},
    {{ as_of_seq() }} as as_of_seq
from spread
