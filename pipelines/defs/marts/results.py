"""What dbt said that it did, as events of Dagster."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg

from sillage.errors import NotFound
from sillage.lake.reader import Reader
from sillage.settings import Settings

_UNIQUE_ID = "dagster_dbt/unique_id"
Event = dg.MaterializeResult[None] | dg.AssetCheckResult


@dataclass(frozen=True, slots=True)
class Selected:
    """What a run is to make and to check: ids of dbt's by key of Dagster's."""

    assets: dict[dg.AssetKey, str]
    checks: dict[dg.AssetCheckKey, str]

    @classmethod
    def of(cls, context: dg.AssetExecutionContext) -> "Selected":
        """All of the project, or what somebody chose."""
        specs = {spec.key: str(spec.metadata[_UNIQUE_ID]) for spec in context.assets_def.specs}
        checks = {spec.key: str((spec.metadata or {})[_UNIQUE_ID]) for spec in context.assets_def.check_specs}
        return cls(
            {key: specs[key] for key in context.selected_asset_keys},
            {key: checks[key] for key in context.selected_asset_check_keys},
        )

    def dbt_selection(self) -> str:
        """The same, as dbt's `--select` takes it. A test without its model is named by itself."""
        lone = [i for key, i in self.checks.items() if key.asset_key not in self.assets]
        return " ".join(sorted(unique_id.split(".")[2] for unique_id in [*self.assets.values(), *lone]))


def results_of(settings: Settings) -> dict[str, dict[str, Any]]:
    """The results of the last build by dbt's id; nothing where the next build has begun already."""
    path = settings.data_dir / "dbt" / "run_results.json"
    try:
        results = json.loads(path.read_text())["results"]
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return {result["unique_id"]: result for result in results}


def events_of(
    selected: Selected, results: Mapping[str, Mapping[str, Any]], rows: Mapping[dg.AssetKey, int]
) -> Iterator[Event]:
    """A materialization for each resource that was made, a check result for each test that ran, in dbt's own order.

    That order is the graph's, as Dagster wants it.
    """
    assets = {unique_id: key for key, unique_id in selected.assets.items()}
    checks = {unique_id: key for key, unique_id in selected.checks.items()}
    for unique_id, result in results.items():
        if unique_id in assets and result["status"] == "success":
            yield _made(assets[unique_id], result, rows)
        elif unique_id in checks and result["status"] != "skipped":
            yield _checked(checks[unique_id], result)


def _made(key: dg.AssetKey, result: Mapping[str, Any], rows: Mapping[dg.AssetKey, int]) -> dg.MaterializeResult[None]:
    metadata: dict[str, float] = {"seconds": round(float(result["execution_time"]), 2)}
    if key in rows:
        metadata["dagster/row_count"] = rows[key]
    return dg.MaterializeResult(asset_key=key, metadata=metadata)


def _checked(key: dg.AssetCheckKey, result: Mapping[str, Any]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=result["status"] == "pass",
        severity=dg.AssetCheckSeverity.WARN if result["status"] == "warn" else dg.AssetCheckSeverity.ERROR,
        description=result.get("message"),
        metadata={"failures": int(result.get("failures") or 0)},
    )


def rows_of(reader: Reader, selected: Selected, views: Collection[dg.AssetKey]) -> dict[dg.AssetKey, int]:
    """How many rows each table has; views, which hold none of their own, are not asked."""
    found: dict[dg.AssetKey, int] = {}
    for key in selected.assets.keys() - set(views):
        schema, name = key.path
        table = f'marts."{"main" if schema == "marts" else schema}"."{name}"'
        try:
            (row,) = reader.query(f"select count(*) as rows from {table}")
        except NotFound:
            continue
        found[key] = int(row["rows"])
    return found
