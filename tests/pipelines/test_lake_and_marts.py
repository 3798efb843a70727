"""The lake is observed, the marts are built when it has grown, and what dbt did is told asset by asset."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import timedelta

import dagster as dg
import pytest

from pipelines.attempts import WORK
from pipelines.defs.lake.checks import lake_is_fresh
from pipelines.defs.lake.sensors import lake_observed
from pipelines.defs.marts.results import Selected, events_of
from pipelines.defs.marts.sensors import lake_has_grown
from pipelines.installation import Installation
from sillage.campaign.plan import plan_campaign
from sillage.lake.collector import collect_once
from sillage.lake.event import Event, EventType, event_id
from sillage.store import outbox
from tests.world import World


@pytest.fixture
def resources() -> Iterator[dict[str, object]]:
    """The one resource."""
    return {"installation": Installation()}


def happen(home: World, *, ago: timedelta = timedelta(0), number: int = 1) -> None:
    at = home.now - ago
    event = Event(
        id=event_id("test", number), type=EventType.IMPORTED, account_id=home.id, occurred_at=at, recorded_at=at
    )
    with home.store.write() as conn:
        outbox.record(conn, [event])


def fresh() -> dg.AssetCheckResult:
    found = lake_is_fresh(Installation())
    assert isinstance(found, dg.AssetCheckResult)
    return found


def test_an_event_that_waits_long_makes_the_lake_stale(home: World):
    """Nothing waiting and what came just now are fine; half a minute is not."""
    assert fresh().passed
    happen(home)
    assert fresh().passed
    happen(home, ago=timedelta(minutes=2), number=2)
    assert fresh().passed  # the first in line is what counts, and it is young
    with home.store.write() as conn:
        outbox.drop(conn, [seq for seq, _ in outbox.waiting(conn, 1)])
    found = fresh()
    assert not found.passed
    assert found.metadata["waiting"].value == 1


def test_the_lake_is_observed_when_it_changes(home: World, instance: dg.DagsterInstance, resources: dict[str, object]):
    """Each change is one observation with its rows; a quiet lake leaves no trace."""

    def look(cursor: str | None) -> dg.SensorResult:
        found = lake_observed(dg.build_sensor_context(instance=instance, resources=resources, cursor=cursor))
        assert isinstance(found, dg.SensorResult)
        return found

    assert look(None).asset_events == []
    happen(home)
    collect_once(home.settings, home.store)
    first = look(None)
    assert [e.metadata["dagster/row_count"].value for e in first.asset_events] == [1]
    assert look(first.cursor).asset_events == []


@pytest.mark.slow
def test_marts_are_built_when_the_lake_has_grown(
    home: World, instance: dg.DagsterInstance, defs: dg.Definitions, resources: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    """The sensor asks, the job builds all models with their checks and row counts, and the sensor is content."""

    def look() -> dg.SensorResult:
        found = lake_has_grown(dg.build_sensor_context(instance=instance, resources=resources))
        assert isinstance(found, dg.SensorResult)
        return found

    assert look().run_requests == []
    home.add_contacts(4)
    campaign = home.add_campaign()
    plan_campaign(home.store, home.settings, home.id, campaign)
    collect_once(home.settings, home.store)
    (request,) = look().run_requests or []
    job = defs.resolve_job_def("build_marts")
    done = job.execute_in_process(instance=instance, tags=dict(request.tags), raise_on_error=False)
    assert done.success
    rows = {
        e.asset_key.to_user_string(): e.materialization.metadata.get("dagster/row_count")
        for e in done.get_asset_materialization_events()
        if e.asset_key
    }
    performance = rows["marts/fct_campaign_performance"]
    assert performance is not None
    assert performance.value == 1
    assert rows["marts/live_campaign"] is None
    checks = done.get_asset_check_evaluations()
    assert len(checks) >= 30
    assert all(check.passed for check in checks)
    assert look().run_requests == []
    # Its pace is kept, whatever the lake has now. (A build may take longer than two minutes on a busy machine.)
    monkeypatch.setattr("pipelines.defs.marts.sensors.PACE_S", 3_600.0)
    happen(home, number=3)
    collect_once(home.settings, home.store)
    waits = look()
    assert waits.run_requests == []
    assert isinstance(waits.skip_reason, dg.SkipReason)
    assert str(waits.skip_reason.skip_message).startswith("asked again in")
    assert request.tags[WORK] == "build marts"


def test_results_of_dbt_are_events_of_dagster():
    """What was made is materialized, what was skipped is not, and a test that warns is no error."""
    made, skipped = dg.AssetKey(["marts", "made"]), dg.AssetKey(["marts", "skipped"])
    checks = {dg.AssetCheckKey(made, name): f"test.sillage.{name}.1" for name in ("good", "bad", "odd", "unasked")}
    selected = Selected({made: "model.sillage.made", skipped: "model.sillage.skipped"}, checks)
    results = {
        "model.sillage.made": {"status": "success", "execution_time": 0.123},
        "model.sillage.skipped": {"status": "skipped", "execution_time": 0},
        "test.sillage.good.1": {"status": "pass", "failures": 0},
        "test.sillage.bad.1": {"status": "fail", "failures": 2, "message": "Got 2 results"},
        "test.sillage.odd.1": {"status": "warn", "failures": 1},
        "test.sillage.unasked.1": {"status": "skipped"},
    }
    found = list(events_of(selected, results, {made: 5}))
    assert [e.asset_key for e in found if isinstance(e, dg.MaterializeResult)] == [made]
    verdicts = {e.check_name: (e.passed, e.severity) for e in found if isinstance(e, dg.AssetCheckResult)}
    error, warn = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN
    assert verdicts == {"good": (True, error), "bad": (False, error), "odd": (False, warn)}
    assert selected.dbt_selection() == "made skipped"


def test_the_project_is_parsed_once(defs: dg.Definitions, loaded_in: object):
    """A second load takes the manifest that the first has made."""
    from pathlib import Path

    assert isinstance(loaded_in, Path)
    manifest = loaded_in / "dagster" / "dbt" / "manifest.json"
    assert json.loads(manifest.read_text())["metadata"]["project_name"] == "sillage"
    assert manifest.stat().st_mtime <= time.time()
