-- On what people read and click. Only those who did either have a device that is known. A view: it costs a build nothing.
{{ config(materialized='view') }}

with acts as (
    select
        acts.account_id,
        acts.campaign_id,
        acts.contact_id,
        coalesce(acts.device, '') as device,
        acts.act
    from {{ ref('fct_engagements') }} as acts
    inner join {{ ref('fct_recipient_activity') }} as recipients
        on
            acts.account_id = recipients.account_id
            and acts.campaign_id = recipients.campaign_id
            and acts.contact_id = recipients.contact_id
    where
        not acts.is_machine
        and recipients.is_delivered
        and (acts.act = 'clicked' or recipients.is_measurable)
),

counted as (
    select
        account_id,
        campaign_id,
        device,
        count(distinct contact_id) filter (where act = 'opened') as human_open_count,
        count(distinct contact_id) filter (where act = 'clicked') as human_click_count,
        count(distinct contact_id) as human_reaction_count
    from acts
    group by 1, 2, 3
),

people as (
    select
        account_id,
        campaign_id,
        count(distinct contact_id) as all_reaction_count
    from acts
    group by 1, 2
)

select
    counted.account_id,
    counted.campaign_id,
    counted.device,
    counted.human_open_count,
    counted.human_click_count,
    counted.human_reaction_count,
    people.all_reaction_count,
    {{ rate_columns('device', 'counted.human_reaction_count', 'people.all_reaction_count') }},
    {{ rate_columns('reactivity', 'counted.human_click_count', 'counted.human_reaction_count') }},
    {{ as_of_seq() }} as as_of_seq
from counted
inner join people on counted.account_id = people.account_id and counted.campaign_id = people.campaign_id
