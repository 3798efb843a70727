"""A demo as a user runs it, and its figures beside the post office's own ledger."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from sillage.settings import Settings

COMMAND = [sys.executable, "-c", "from sillage.cli import main; main()", "demo", "--once", "--json"]


def demo(*options: str) -> dict[str, Any]:
    """Run a demo to its end; its standard output is one JSON document and nothing else."""
    done = subprocess.run([*COMMAND, *options], capture_output=True, text=True, check=False, timeout=1_800)
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
        figures = {name: figure for name, figure in variant.items() if name not in {"id", "name"}}
        differing = {
            name: (figure, judge[name])
            for name, figure in figures.items()
            if figure != pytest.approx(judge[name], abs=1e-12)
        }
        assert not differing, (variant["name"], differing)


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
