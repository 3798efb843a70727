"""The lake's freshness is checked now and then."""

import dagster as dg

check_lake = dg.define_asset_job(
    "check_lake",
    selection=dg.AssetSelection.checks_for_assets(dg.AssetKey(["lake", "events"])),
    description="Check that events reach the lake.",
)
lake_each_quarter = dg.ScheduleDefinition(
    name="lake_each_quarter",
    job=check_lake,
    cron_schedule="*/15 * * * *",
    description="Check each quarter of an hour that events reach the lake.",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
