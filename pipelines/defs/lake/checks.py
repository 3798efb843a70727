"""Claims about the event log."""

import dagster as dg

from pipelines.defs.lake.waiting import waiting
from pipelines.installation import Installation

EVENTS = dg.AssetKey(["lake", "events"])
LATE_S = 30.0
"""The collector drains within a second; a merge of small files may hold it for a few."""


@dg.asset_check(asset=EVENTS)
def lake_is_fresh(installation: Installation) -> dg.AssetCheckResult:
    """No event has waited on its way to the lake for more than half a minute: the collector is at work."""
    with installation.store() as store:
        found = waiting(store, installation.settings())
    return dg.AssetCheckResult(
        passed=found.longest_s <= LATE_S,
        description=None if found.longest_s <= LATE_S else "is the collector running? `sillage lake status` says more",
        metadata={"waiting": found.events, "longest_wait_s": round(found.longest_s, 1)},
    )
