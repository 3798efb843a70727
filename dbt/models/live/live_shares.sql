-- How often a campaign was shared and its public version seen, by network. A person counts once a network for as many
-- presses of its button; without a contact each press counts. What networks fetch to draw a preview is a machine's.
with deeds as (
    select
        account_id,
        campaign_id,
        via as network,
        event_id,
        contact_id,
        event_type = 'shared' as is_share,
        coalesce(is_machine, false) as is_machine
    from {{ ref('stg_lake__events') }}
    where
        event_type in ('shared', 'page_viewed')
        and via in ('facebook', 'linkedin', 'x', 'whatsapp', 'email', 'link')
        and campaign_id is not null
        and not is_test
)

select
    account_id,
    campaign_id,
    network,
    count(
        distinct case when is_share and not is_machine then coalesce(contact_id::varchar, event_id::varchar) end
    )::bigint as share_count,
    count(distinct case when not is_share and not is_machine then event_id end)::bigint as visit_count,
    count(distinct case when is_machine then event_id end)::bigint as machine_count
from deeds
group by account_id, campaign_id, network
