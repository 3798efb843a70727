"""The marts are built when the lake has grown."""

import time

import dagster as dg

from pipelines import turns
from pipelines.attempts import HEAVY, attempts_at, bury, why_wait
from pipelines.attempts import WORK as TAG
from pipelines.defs.marts.assets import WORK
from pipelines.installation import Installation
from sillage.errors import NotFound
from sillage.lake.reader import Reader

PACE_S = 120.0
"""A build takes 10 s of CPU; live pages don't wait for it, they read views."""

build_marts_job = dg.define_asset_job(
    "build_marts",
    selection=dg.AssetSelection.groups("staging", "intermediate", "marts", "live")
    | dg.AssetSelection.assets(["reference", "thresholds"], ["reference", "threshold_overrides"]),
    description="Run dbt over the lake as it is now, with all data tests.",
    tags=HEAVY,
)


def newest(reader: Reader) -> tuple[int, int]:
    """The last number of the lake's sequence, and the one up to which the marts were built (0: never).

    Raises: NotFound where there is no lake yet.
    """
    (lake,) = reader.query("select coalesce(max(lake_seq), 0) as seq from lake.main.events")
    try:
        (marts,) = reader.query("select coalesce(max(as_of_seq), 0) as seq from marts.main.as_of")
    except NotFound:
        return int(lake["seq"]), 0
    return int(lake["seq"]), int(marts["seq"])


@dg.sensor(
    job=build_marts_job,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def lake_has_grown(context: dg.SensorEvaluationContext, installation: Installation) -> dg.SensorResult:
    """Build the marts when the lake has events that they don't know, at most once in two minutes."""
    try:
        with installation.reader() as reader:
            in_lake, in_marts = newest(reader)
    except NotFound:
        return dg.SensorResult(skip_reason=dg.SkipReason("nobody has written the lake yet"))
    if in_lake == in_marts:
        return dg.SensorResult(skip_reason=dg.SkipReason(f"the marts know all events up to {in_lake}"))
    now, attempts = time.time(), attempts_at(context.instance, WORK)
    is_held = turns.is_held(installation.settings(), WORK)
    wait = why_wait(attempts, now, is_held=is_held, pace_s=PACE_S, never_gives_up=True)
    if wait is not None:
        return dg.SensorResult(skip_reason=dg.SkipReason(wait))
    bury(context.instance, WORK, now)
    request = dg.RunRequest(run_key=f"{WORK} {in_lake} {now:.0f}", tags={TAG: WORK, "sillage/lake_seq": str(in_lake)})
    return dg.SensorResult(run_requests=[request], cursor=str(in_lake))
