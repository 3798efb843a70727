-- One row per campaign with a hold-out: people who were mailed beside those who got nothing, by chance. A conversion
-- counts here whatever led to it, within the account's days after the campaign started: what the two groups differ by
-- is what the campaign did.
with held_out as (
    select distinct
        account_id,
        campaign_id,
        contact_id
    from {{ ref('stg_lake__events') }}
    where event_type = 'skipped' and reason = 'hold_out' and not is_test
),

people as (
    select
        account_id,
        campaign_id,
        contact_id,
        true as is_held_out
    from held_out
    union all
    select
        account_id,
        campaign_id,
        contact_id,
        false as is_held_out
    from {{ ref('fct_recipient_activity') }}
    where is_delivered and campaign_id in (select held_out.campaign_id from held_out)
),

conversions as (
    select
        account_id,
        contact_id,
        event_id,
        min(occurred_at) as converted_at,
        coalesce(min(amount), 0)::decimal(18, 2) as amount
    from {{ ref('stg_lake__events') }}
    where event_type = 'converted' and contact_id is not null and not is_test
    group by 1, 2, 3
),

counted as (
    select
        people.account_id,
        people.campaign_id,
        count(distinct people.contact_id) filter (where not people.is_held_out) as delivered_count,
        count(distinct conversions.contact_id) filter (where not people.is_held_out) as converted_count,
        coalesce(sum(conversions.amount) filter (where not people.is_held_out), 0)::decimal(18, 2) as revenue,
        count(distinct people.contact_id) filter (where people.is_held_out) as held_out_count,
        count(distinct conversions.contact_id) filter (where people.is_held_out) as held_out_converted_count,
        coalesce(sum(conversions.amount) filter (where people.is_held_out), 0)::decimal(18, 2) as held_out_revenue
    from people
    inner join {{ ref('dim_account') }} as accounts on people.account_id = accounts.account_id
    inner join {{ ref('dim_campaign') }} as campaigns on people.campaign_id = campaigns.campaign_id
    left join conversions
        on
            people.account_id = conversions.account_id
            and people.contact_id = conversions.contact_id
            and campaigns.started_at <= conversions.converted_at
            and campaigns.started_at + to_days(accounts.attribution_days) > conversions.converted_at
    group by 1, 2
)

select
    *,
    {{ rate_columns('conversion', 'converted_count', 'delivered_count') }},
    {{ rate_columns('held_out_conversion', 'held_out_converted_count', 'held_out_count') }},
    {{ as_of_seq() }} as as_of_seq
from counted
