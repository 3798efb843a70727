"""The whole system, as a user runs it: figures equal the post office's own ledger, whatever goes wrong."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bench import kill
from dashboards.queries import Details, Standing
from dashboards.verdict import of_variants
from dashboards.words import Words
from sillage.lake.build import build_marts
from sillage.lake.campaign_report import LIVE
from sillage.lake.collector import collect_once
from sillage.lake.reader import Reader
from sillage.settings import Settings
from sillage.store import accounts, campaigns
from sillage.store.campaigns import Balance
from sillage.store.database import Store
from tests.walk import Walk, everywhere

COMMAND = [sys.executable, "-c", "from sillage.cli import main; main()", "demo", "--once", "--json"]


def demo(*options: str) -> dict[str, Any]:
    """Run a demo to its end; its standard output is one JSON document and nothing else."""
    done = subprocess.run([*COMMAND, *options], capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def assert_equals_ledger(result: dict[str, Any]) -> None:
    """Each figure of each variant is the post office's own, and the books balance."""
    (campaign,) = result["campaigns"]
    office = result["post_office"]
    assert campaign["closed"] is True
    assert sum(campaign["balance"].values()) == campaign["audience"]
    assert campaign["balance"]["accepted"] == office["accepted"] == office["distinct_message_ids"]
    told = {number: figures for c in office["campaigns"].values() for number, figures in c["variants"].items()}
    for variant in campaign["variants"]:
        judge = told[str(variant["id"])]
        for name, figure in variant.items():
            if name not in {"id", "name"}:
                assert figure == pytest.approx(judge[name], abs=1e-12), (variant["name"], name)


@pytest.mark.slow
def test_mishaps_are_counted_as_the_post_office_counts_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Bounces, scanners, complaints, unsubscribes, replays, refused tracking: every figure equals the ledger's, and
    each page says the same.
    """
    result = demo("--mishaps", "7", "--contacts", "2500", "--data-dir", str(tmp_path / "run"))
    assert_equals_ledger(result)
    sums = Counter[str]()
    for variant in result["campaigns"][0]["variants"]:
        sums.update({k: v for k, v in variant.items() if isinstance(v, int)})
        assert variant["measurable"] < variant["delivered"]
    for mishap in ("bounced", "unsubscribed", "complained", "machine_clicked", "human_clicked"):
        assert sums[mishap] > 0, mishap
    settings = Settings(data_dir=tmp_path / "run", secret="0" * 64, demo=True)  # type: ignore[arg-type]
    with closing(Store(settings.database_url)) as store:
        with store.read() as conn:
            account = accounts.only_account(conn)
        assert everywhere(Walk(settings, store, account.slug, monkeypatch), lists_of=1) > 50


@pytest.mark.slow
def test_real_people_are_counted_to_the_person(shared: Path, tmp_path: Path):
    """The two arms of a real experiment come out with the file's own figures, to the person; what they bought, brought
    in afterwards, to the cent; and the versions compared say which was clicked more, and by how much.
    """
    path = shared / "data" / "hillstrom.csv"
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    mailed = Counter(r["segment"] for r in rows)
    came = Counter(r["segment"] for r in rows if r["visit"] == "1")
    result = demo("--people", str(path), "--data-dir", str(tmp_path / "run"))
    assert_equals_ledger(result)
    found = {v["name"]: (v["sent"], v["human_clicked"]) for v in result["campaigns"][0]["variants"]}
    assert found == {arm: (mailed[arm], came[arm]) for arm in ("Mens E-Mail", "Womens E-Mail")}
    assert found["Mens E-Mail"] == (21_307, 3_894)
    assert found["Womens E-Mail"] == (21_387, 3_238)
    _assert_bought(tmp_path, rows)


def _assert_bought(folder: Path, rows: list[dict[str, str]]) -> None:
    """Conversions and spend of those who were mailed, imported by the command line, equal the file's own."""
    orders = folder / "orders.csv"
    at = datetime.now(UTC).isoformat()
    with orders.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "email", "at", "amount", "currency", "campaign"])
        for row in rows:
            if row["conversion"] == "1":
                writer.writerow([row["customer_id"], row["email"], at, row["spend"], "EUR", "Experiment"])
    settings = Settings(data_dir=folder / "run", secret="0" * 64, demo=True)  # type: ignore[arg-type]
    told = sillage(settings, "events", "import", str(orders), "--json")
    assert told["unknown_lines"] == []
    with closing(Store(settings.database_url)) as store:
        collect_once(settings, store)
    build_marts(settings)
    with closing(Reader(settings)) as reader:
        sql = "select * from marts.main.fct_variant_performance where variant_id > 0"
        found = {row["variant_name"]: row for row in reader.query(sql)}
    for arm, rate in (("Mens E-Mail", 0.01253), ("Womens E-Mail", 0.00884)):
        mine = [row for row in rows if row["segment"] == arm]
        assert found[arm]["converted_count"] == sum(row["conversion"] == "1" for row in mine)
        assert found[arm]["conversion_rate"] == pytest.approx(rate, abs=5e-6)
        assert found[arm]["revenue"] == sum((Decimal(row["spend"]) for row in mine), Decimal(0))
    compared = sillage(settings, "campaign", "ab", "Experiment", "--json")
    rates = {row["name"]: round(row["rate"] * 100, 2) for row in compared["variants"]}
    assert rates == {"Mens E-Mail": 18.28, "Womens E-Mail": 15.14}
    assert compared["winner"] == "Mens E-Mail"
    assert 0.024 < compared["lift_low"] < compared["lift"] < compared["lift_high"] < 0.039
    _assert_report_says_so(settings)


def _assert_report_says_so(settings: Settings) -> None:
    """The sentence of the report: who is ahead, with both rates, the difference and its interval."""
    with closing(Store(settings.database_url)) as store, store.read() as conn:
        account = accounts.only_account(conn)
        campaign = campaigns.by_name(conn, account.id, "Experiment")
        names = {int(v.id): v.name for v in campaigns.variants_of(conn, account.id, campaign.id)}
    with closing(Reader(settings)) as reader:
        sql = LIVE["variants"].format(live_variant="marts.main.live_variant")
        rows = reader.query(sql, [account.id, campaign.id])
    standing = Standing(campaign, Balance(), [], [])
    details = Details(settings.clock.now(), standing, [], rows, [], [], [], [], took_s=0.0)
    said = of_variants(Words("en", "UTC"), details, names, campaign.state)
    assert said.startswith("Mens E\\-Mail is clicked more than the others, beyond chance.")
    assert "18.28\u00a0% against 15.14\u00a0%, a difference of 3.14\u00a0% (2.4" in said


def sillage(settings: Settings, *arguments: str) -> dict[str, Any]:
    """What a command says as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", "from sillage.cli import main; main()", *arguments],
        capture_output=True, text=True, check=False, timeout=300,
        env={**os.environ, "SILLAGE_DATA_DIR": str(settings.data_dir), "SILLAGE_SECRET": "0" * 64, "SILLAGE_DEMO": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.slow
def test_kill_9_loses_nobody_and_no_event(tmp_path: Path):
    """Worker, collector, web and inbound killed at random: everybody mailed, doubt bounded, each event once."""
    toll = kill.run(tmp_path, contacts_count=5_000, kills=2, seed=3, pause_s=(0.1, 0.8))
    assert toll.faults == []
    assert toll.kills == dict.fromkeys(kill.VICTIMS, 2)
    assert toll.figures["mailed"] + toll.figures["suppressed"] == toll.figures["audience"] == 5_000
    assert toll.figures["in_doubt"] <= toll.figures["bound"]


def test_demo_refuses_a_directory_that_is_not_its_own(tmp_path: Path):
    """A demo empties only what a demo made."""
    (tmp_path / "precious.txt").write_text("x")
    done = subprocess.run(
        [*COMMAND, "--data-dir", str(tmp_path)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert "is not empty, and no demo made it" in done.stderr
    assert (tmp_path / "precious.txt").exists()
