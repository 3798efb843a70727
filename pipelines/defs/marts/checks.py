"""Claims about what the marts say of the mail itself."""

import dagster as dg

from pipelines.installation import Installation
from sillage.errors import NotFound

ALERTS = dg.AssetKey(["marts", "alerts"])
_STANDING = """
select level, metric, count(*) as alerts from marts.main.alerts where scope <> 'contact' group by all order by all
"""


@dg.asset_check(asset=ALERTS)
def no_rate_is_critical(installation: Installation) -> dg.AssetCheckResult:
    """No threshold's critical line is passed, and no campaign is beyond what its account's past makes likely."""
    with installation.reader() as reader:
        try:
            rows = reader.query(_STANDING)
        except NotFound:
            return dg.AssetCheckResult(passed=True, description="nothing is built yet")
    critical = [row for row in rows if row["level"] == "critical"]
    return dg.AssetCheckResult(
        passed=not critical,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(f"{row['metric']}: {row['alerts']}" for row in critical) or None,
        metadata={f"{row['level']} {row['metric']}": int(row["alerts"]) for row in rows},
    )
