"""Segments are counted each hour."""

import dagster as dg

count_segments = dg.define_asset_job(
    "count_segments",
    selection=dg.AssetSelection.assets(["ops", "segment_members"]),
    description="Count the contacts of each saved segment.",
)
segments_each_hour = dg.ScheduleDefinition(
    name="segments_each_hour",
    job=count_segments,
    cron_schedule="7 * * * *",
    description="Count segments each hour, a little past it: the full hour is when campaigns leave.",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
