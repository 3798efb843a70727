"""Claims about the files that came."""

import dagster as dg

CONTACTS = dg.AssetKey(["ops", "contacts"])
MANY = 0.2
"""Of an ordinary list, 1 to 3 % of the rows are refused; at one in five its columns are probably misread."""


def share_refused(accepted: int, refused: int, kept_out: int) -> float:
    """Refused rows as a share of all, from 0 to 1; 0 of an empty file."""
    rows = accepted + refused + kept_out
    return refused / rows if rows else 0.0


@dg.asset_check(asset=CONTACTS)
def few_rows_were_refused(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """Of the last file, fewer than one row in five was refused."""
    event = context.instance.get_latest_materialization_event(CONTACTS)
    seen = event.asset_materialization.metadata if event and event.asset_materialization else {}
    counts = {name: int(str(seen[name].value)) if name in seen else 0 for name in ("accepted", "refused", "kept_out")}
    share = share_refused(**counts)
    return dg.AssetCheckResult(
        passed=share < MANY,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={**counts, "share_refused": share},
    )
