"""Segments, as they would be mailed now."""

import dagster as dg

from pipelines.defs.segments.sizes import Sized, count_all, history, move_all
from pipelines.failures import told_once
from pipelines.installation import Installation
from pipelines.plots import lines

MEMBERS = dg.AssetKey(["ops", "segment_members"])
SHOWN = 48


@dg.asset(
    key=MEMBERS,
    group_name="segments",
    owners=["team:analysts"],
    kinds={"python", "duckdb"},
    deps=[["ops", "contacts"]],
)
def segment_members(context: dg.AssetExecutionContext, installation: Installation) -> dg.MaterializeResult[None]:
    """Contacts that fit a saved segment now: one size per account and segment, counted each hour and after each import.

    A segment is a question, asked anew whenever it is used: what is kept is how its size changed, and of those that
    are watched who is in them, so that entering and leaving are events.
    """
    with told_once(context), installation.store() as store:
        settings = installation.settings()
        counted = Sized(settings.clock.now(), count_all(store, settings))
        moves = move_all(store, settings)
    seen = [counted, *history(context.instance, MEMBERS, SHOWN)]
    series = {name: [(s.at, s.flat()[name]) for s in reversed(seen) if name in s.flat()] for name in counted.flat()}
    return dg.MaterializeResult(
        metadata={
            "counted_at": counted.at.isoformat(),
            "segments": len(counted.flat()),
            "entered": sum(m.entered for m in moves.values()),
            "left": sum(m.left for m in moves.values()),
            "put_into_groups": sum(m.grouped for m in moves.values()),
            "sizes": dg.MetadataValue.json(counted.sizes),
            "sizes_over_time": lines("Contacts by segment", series),
            # A number of its own each, so that Dagster draws them too.
            **{f"size of {name}": size for name, size in counted.flat().items()},
        }
    )
