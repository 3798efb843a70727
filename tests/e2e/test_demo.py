"""The demo under kill -9, and what it does not touch."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bench import kill
from tests.e2e.demo import COMMAND


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
