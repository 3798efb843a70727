"""The books of running campaigns are looked at each minute."""

import dagster as dg

from pipelines.defs.campaigns.books import RUNNING
from pipelines.installation import Installation
from sillage.store import campaigns

count_deliveries = dg.define_asset_job(
    "count_deliveries",
    selection=dg.AssetSelection.assets(["ops", "deliveries"], ["ops", "queue"]),
    description="Count the deliveries of running campaigns, check that their books balance, and look at the queue.",
)


@dg.schedule(
    cron_schedule="* * * * *",
    job=count_deliveries,
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def deliveries_each_minute(
    context: dg.ScheduleEvaluationContext,  # noqa: ARG001  # Dagster passes it by its place
    installation: Installation,
) -> dg.RunRequest | dg.SkipReason:
    """Count deliveries each minute while a campaign runs: a run takes 8 s of CPU, so an idle system starts none."""
    with installation.store() as store, store.read() as conn:
        running = campaigns.due(conn, states=RUNNING, before=installation.settings().clock.now())
    if not running:
        return dg.SkipReason("no campaign runs")
    return dg.RunRequest(tags={"sillage/campaigns": str(len(running))})
