"""Claims on which a send depends, about the campaign of a run (all running ones where a run is about none)."""

from collections.abc import Callable

import dagster as dg
import sqlalchemy as sa

from pipelines.defs.campaigns.books import opened, unbalanced
from pipelines.defs.campaigns.partitions import campaign_of
from pipelines.installation import Installation
from pipelines.ops import owner_of, planned_twice, without_consent
from sillage.store import accounts, campaigns
from sillage.store.campaigns import Campaign

AUDIENCE = dg.AssetKey(["ops", "audience"])
DELIVERIES = dg.AssetKey(["ops", "deliveries"])


def _count(
    context: dg.AssetCheckExecutionContext, installation: Installation, faults: Callable[[sa.Connection, Campaign], int]
) -> dg.AssetCheckResult:
    """Passed where no campaign that the run is about has any fault; with how many each has."""
    with installation.store() as store:
        # Partitions of a check's own are not ready for use in Dagster 1.13: the run's is asked for.
        if context.has_partition_key:
            campaign_id = campaign_of(context.partition_key)
            with store.read() as conn:
                looked_at = [campaigns.get(conn, owner_of(conn, campaign_id), campaign_id)]
        else:
            looked_at = [campaign for campaign, _ in opened(store).running]
        with store.read() as conn:
            found = {f"campaign {campaign.id}": faults(conn, campaign) for campaign in looked_at}
    return dg.AssetCheckResult(passed=not any(found.values()), metadata={"faults": dg.MetadataValue.json(found)})


@dg.asset_check(asset=AUDIENCE, blocking=True)
def every_recipient_has_consent(
    context: dg.AssetCheckExecutionContext, installation: Installation
) -> dg.AssetCheckResult:
    """Every recipient of a marketing campaign had current consent when it was planned."""

    def faults(conn: sa.Connection, campaign: Campaign) -> int:
        allowed = accounts.by_id(conn, campaign.account_id).allowed_bases
        return without_consent(conn, campaign.account_id, campaign, allowed)

    return _count(context, installation, faults)


@dg.asset_check(asset=AUDIENCE, blocking=True)
def nobody_planned_twice(context: dg.AssetCheckExecutionContext, installation: Installation) -> dg.AssetCheckResult:
    """No address gets a campaign twice."""
    return _count(context, installation, lambda conn, c: planned_twice(conn, c.account_id, c.id))


@dg.asset_check(asset=AUDIENCE, blocking=True)
def audience_equals_deliveries(
    context: dg.AssetCheckExecutionContext, installation: Installation
) -> dg.AssetCheckResult:
    """The audience that was sealed is the number of deliveries that there are."""

    def faults(conn: sa.Connection, campaign: Campaign) -> int:
        return abs((campaign.audience or 0) - campaigns.balance(conn, campaign.account_id, campaign.id).audience)

    return _count(context, installation, faults)


@dg.asset_check(asset=DELIVERIES)
def books_balance(installation: Installation) -> dg.AssetCheckResult:
    """Each recipient of each planned campaign is in exactly one state, and of a closed one in a hand-over state."""
    with installation.store() as store:
        faults = unbalanced(store)
    return dg.AssetCheckResult(
        passed=not faults, description="; ".join(f"{name}: {fault}" for name, fault in faults.items()) or None
    )
