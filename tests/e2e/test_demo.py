"""The demo under kill -9, and what it does not touch."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bench import kill
from sillage.commands.demo import demo_settings
from sillage.demo import scene
from sillage.errors import BadInput
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


@pytest.mark.parametrize("what", ["empty", "absent"])
def test_demo_takes_an_empty_directory(tmp_path: Path, what: str):
    """Somebody may have made the directory already."""
    folder = tmp_path / "here"
    if what == "empty":
        folder.mkdir()
    scene.fresh(demo_settings(folder, speed=1, free_ports=True)).close()
    assert (folder / "made-by-demo").exists()


def test_demo_refuses_a_file_in_place_of_its_directory(tmp_path: Path):
    """It is named, and left as it was."""
    (tmp_path / "here").write_text("x")
    with pytest.raises(BadInput, match=r"here is a file, no directory"):
        scene.fresh(demo_settings(tmp_path / "here", speed=1, free_ports=True))
    assert (tmp_path / "here").read_text() == "x"
