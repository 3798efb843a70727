"""Who gets a campaign, and how far it has come."""

from collections import Counter

import dagster as dg

from pipelines import turns
from pipelines.defs.campaigns.books import opened
from pipelines.defs.campaigns.partitions import CAMPAIGNS, campaign_of
from pipelines.defs.campaigns.planning import work_of
from pipelines.failures import told_once
from pipelines.installation import Installation
from pipelines.ops import by_provider_and_state, owner_of
from pipelines.plots import bars
from sillage.campaign.plan import plan_campaign
from sillage.store import campaigns


@dg.asset(
    key_prefix="ops",
    group_name="campaigns",
    owners=["team:analysts"],
    kinds={"python", "duckdb"},
    deps=[["ops", "contacts"], ["ops", "segment_members"]],
    partitions_def=CAMPAIGNS,
)
def audience(context: dg.AssetExecutionContext, installation: Installation) -> dg.MaterializeResult[None]:
    """Who gets a campaign: one recipient per campaign and contact, frozen when the campaign is near.

    Contacts of its segments who may not be mailed are left out, counted by reason.
    """
    settings = installation.settings()
    with told_once(context), installation.store() as store:
        campaign_id = campaign_of(context.partition_key)
        with store.read() as conn:
            account_id = owner_of(conn, campaign_id)
            campaign = campaigns.get(conn, account_id, campaign_id)
        with turns.held(settings, work_of(campaign)):
            plan = plan_campaign(store, settings, account_id, campaign_id)
        with store.read() as conn:
            rows = by_provider_and_state(conn, account_id, campaign_id)
    providers: Counter[str] = Counter()
    for (provider, _), count in rows.items():
        providers[provider] += count
    return dg.MaterializeResult(
        metadata={
            "campaign": campaign.name,
            "audience": plan.audience,
            "by_variant": dg.MetadataValue.json(plan.by_variant),
            "left_out": dg.MetadataValue.json(plan.left_out),
            "by_provider": bars("Recipients by mailbox provider", dict(providers.most_common())),
        }
    )


@dg.asset(
    key_prefix="ops",
    group_name="campaigns",
    owners=["team:analysts"],
    kinds={"python", "sql"},
    deps=[["ops", "audience"]],
)
def deliveries(context: dg.AssetExecutionContext, installation: Installation) -> dg.MaterializeResult[None]:
    """How far campaigns have come: one row per recipient of a running campaign, in the state that it is in now.

    The worker writes them; this counts them each minute while any campaign runs.
    """
    with told_once(context), installation.store() as store:
        books = opened(store)
    states, waiting = books.by_state(), books.waiting_by_provider()
    return dg.MaterializeResult(
        metadata={
            "campaigns": dg.MetadataValue.json(books.by_campaign()),
            "rows": sum(states.values()),
            **{f"rows {state}": count for state, count in states.items()},
            "waiting_by_provider": dg.MetadataValue.json(dict(waiting)),
            "rows_by_state": bars("Recipients by state", states),
            "queue_by_provider": bars("Waiting, by mailbox provider", waiting),
        }
    )
