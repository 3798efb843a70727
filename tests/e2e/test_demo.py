"""The whole system, as a user runs it: figures equal the post office's own ledger, whatever goes wrong."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bench import kill

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
def test_mishaps_are_counted_as_the_post_office_counts_them():
    """Bounces, scanners, complaints, unsubscribes, replays, refused tracking: every figure equals the ledger's."""
    result = demo("--mishaps", "7", "--contacts", "2500")
    assert_equals_ledger(result)
    sums = Counter[str]()
    for variant in result["campaigns"][0]["variants"]:
        sums.update({k: v for k, v in variant.items() if isinstance(v, int)})
        assert variant["measurable"] < variant["delivered"]
    for mishap in ("bounced", "unsubscribed", "complained", "machine_clicked", "human_clicked"):
        assert sums[mishap] > 0, mishap


@pytest.mark.slow
def test_real_people_are_counted_to_the_person(shared: Path):
    """The two arms of a real experiment come out with the file's own figures, to the person."""
    path = shared / "data" / "hillstrom.csv"
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    mailed = Counter(r["segment"] for r in rows)
    came = Counter(r["segment"] for r in rows if r["visit"] == "1")
    result = demo("--people", str(path))
    assert_equals_ledger(result)
    found = {v["name"]: (v["sent"], v["human_clicked"]) for v in result["campaigns"][0]["variants"]}
    assert found == {arm: (mailed[arm], came[arm]) for arm in ("Mens E-Mail", "Womens E-Mail")}
    assert found["Mens E-Mail"] == (21_307, 3_894)
    assert found["Womens E-Mail"] == (21_387, 3_238)


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
