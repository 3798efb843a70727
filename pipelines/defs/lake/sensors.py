"""The lake is observed without a run: a look costs a tenth of a second, a run 8 s of CPU."""

import json

import dagster as dg

from pipelines.defs.lake.waiting import waiting
from pipelines.installation import Installation
from sillage.errors import NotFound

EVENTS = dg.AssetKey(["lake", "events"])
_LOOK = """
select count(*) as rows, coalesce(max(lake_seq), 0) as lake_seq, max(recorded_at) as newest from lake.main.events
"""


@dg.sensor(
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def lake_observed(context: dg.SensorEvaluationContext, installation: Installation) -> dg.SensorResult:
    """Write down how many events the lake has and how many wait, whenever either has changed."""
    try:
        with installation.reader() as reader:
            (seen,) = reader.query(_LOOK)
    except NotFound:
        return dg.SensorResult(skip_reason=dg.SkipReason("nobody has written the lake yet"))
    with installation.store() as store:
        found = waiting(store, installation.settings())
    cursor = json.dumps([seen["lake_seq"], found.events])
    if cursor == context.cursor:
        return dg.SensorResult(skip_reason=dg.SkipReason("nothing has happened"))
    observation = dg.AssetObservation(
        EVENTS,
        metadata={
            "dagster/row_count": int(seen["rows"]),
            "lake_seq": int(seen["lake_seq"]),
            "newest": str(seen["newest"]),
            "waiting": found.events,
            "longest_wait_s": round(found.longest_s, 1),
        },
    )
    return dg.SensorResult(asset_events=[observation], cursor=cursor)
