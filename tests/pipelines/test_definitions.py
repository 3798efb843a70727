"""The definitions load as the server loads them, and everything in them says what it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from sillage.settings import ROOT
from tests.conftest import SECRET

OURS = {
    "ops/contacts": "contacts",
    "ops/segment_members": "segments",
    "ops/audience": "campaigns",
    "salesforce/contacts": "salesforce",
    "salesforce/leads": "salesforce",
    "salesforce/campaign_members": "salesforce",
    "ops/deliveries": "campaigns",
    "ops/queue": "sending",
    "lake/events": "lake",
    "staging/stg_lake__events": "staging",
    "marts/fct_campaign_performance": "marts",
    "marts/live_campaign": "live",
    "reference/thresholds": "reference",
    "ops/campaigns": "ops",
}


def test_every_asset_says_what_it_is(defs: dg.Definitions):
    """Each asset has a description, a group, owners and kinds."""
    for spec in defs.resolve_all_asset_specs():
        assert spec.description, spec.key
        assert spec.group_name not in {None, "default"}, spec.key
        assert spec.owners, spec.key
        assert spec.kinds, spec.key


def test_keys_say_where_things_lie(defs: dg.Definitions):
    """An asset's key is its place, and its group its room."""
    groups = {spec.key.to_user_string(): spec.group_name for spec in defs.resolve_all_asset_specs()}
    assert {key: groups.get(key) for key in OURS} == OURS


def test_no_asset_hangs_in_the_air(defs: dg.Definitions):
    """Whatever an asset depends on is defined."""
    specs = list(defs.resolve_all_asset_specs())
    keys = {spec.key for spec in specs}
    assert {dep.asset_key for spec in specs for dep in spec.deps} <= keys


def test_a_file_leads_to_the_answers(defs: dg.Definitions):
    """The graph goes from contacts over audience, deliveries and events to the marts."""
    below = {spec.key: {dep.asset_key for dep in spec.deps} for spec in defs.resolve_all_asset_specs()}
    above: set[dg.AssetKey] = set()
    left = {dg.AssetKey(["marts", "fct_campaign_performance"])}
    while left:
        above |= left
        left = {key for one in left for key in below[one]} - above
    way = ["ops/contacts", "ops/segment_members", "ops/audience", "ops/deliveries", "lake/events"]
    assert set(way) <= {key.to_user_string() for key in above}


def test_claims_are_checked(defs: dg.Definitions):
    """Our claims and dbt's data tests are checks; those that a send depends on block."""
    graph = defs.resolve_asset_graph()
    checks = {key.name: graph.get(key).blocking for key in graph.asset_check_keys}
    ours = {
        "few_rows_were_refused": False,
        "no_segment_doubled_overnight": False,
        "every_recipient_has_consent": True,
        "nobody_planned_twice": True,
        "audience_equals_deliveries": True,
        "books_balance": False,
        "lake_is_fresh": False,
        "no_rate_is_critical": False,
    }
    assert {name: checks[name] for name in ours} == ours
    assert len(checks) >= len(ours) + 30


def test_what_must_run_runs(defs: dg.Definitions):
    """Sensors and schedules are on from the first start."""
    sensors = {s.name: s.default_status for s in defs.sensors or []}
    schedules = {
        s.name: (s.cron_schedule, s.default_status)
        for s in defs.schedules or []
        if isinstance(s, dg.ScheduleDefinition)
    }
    on = dg.DefaultSensorStatus.RUNNING
    known = ["inbox_files", "campaigns_to_plan", "recurring_campaigns", "lake_observed", "lake_has_grown"]
    assert sensors == dict.fromkeys(known, on)
    running = dg.DefaultScheduleStatus.RUNNING
    assert schedules == {
        "segments_each_hour": ("7 * * * *", running),
        "deliveries_each_minute": ("* * * * *", running),
        "lake_each_quarter": ("*/15 * * * *", running),
        "salesforce_each_hour": ("23 * * * *", running),
    }


def test_the_entry_is_short():
    """definitions.py lists nothing: rooms register themselves."""
    assert len((ROOT / "pipelines" / "definitions.py").read_text().splitlines()) < 40


def validate(data_dir: Path, home: Path, **env: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("SILLAGE_")}
    return subprocess.run(
        [sys.executable, "-m", "dagster", "definitions", "validate", "-m", "pipelines.definitions"],
        env={**kept, "SILLAGE_DATA_DIR": str(data_dir), "DAGSTER_HOME": str(home), **env},
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_dagster_validates_them(defs: dg.Definitions, loaded_in: Path, tmp_path: Path):
    """`dagster definitions validate` passes, with the instance settings that stand beside the definitions."""
    (tmp_path / "dagster.yaml").write_text((ROOT / "pipelines" / "dagster.yaml").read_text())
    done = validate(loaded_in, tmp_path, SILLAGE_SECRET=SECRET)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_missing_secret_is_said_in_one_line(loaded_in: Path, tmp_path: Path):
    """Without a secret nothing loads, and one line says which variable to set."""
    done = validate(loaded_in, tmp_path)
    said = [line for line in (done.stdout + done.stderr).splitlines() if "SILLAGE_SECRET" in line]
    assert done.returncode != 0
    assert said == ["sillage.errors.BadInput: settings: SILLAGE_SECRET: is not set; `openssl rand -hex 32` makes one"]
