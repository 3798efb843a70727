"""Claims about segments."""

import dagster as dg

from pipelines.defs.segments.sizes import doubled, history, night_before

MEMBERS = dg.AssetKey(["ops", "segment_members"])
LOOKED_AT = 400
"""Counts of some two weeks at one an hour; a day with many imports has more, and still its night."""


@dg.asset_check(asset=MEMBERS)
def no_segment_doubled_overnight(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """No segment of size has more than twice the people that it had a night ago: who did that would want to know."""
    counted = history(context.instance, MEMBERS, LOOKED_AT)
    before = night_before(counted[0], counted[1:]) if counted else None
    if before is None:
        return dg.AssetCheckResult(passed=True, description="no count is a night old yet")
    found = doubled(before, counted[0])
    return dg.AssetCheckResult(
        passed=not found,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(f"{name}: {was:,}, now {now:,}" for name, (was, now) in found.items()) or None,
        metadata={"compared_with": before.at.isoformat(), "segments": len(counted[0].flat())},
    )
