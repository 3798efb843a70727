"""Clicks that were answered are in the lake, once, whoever was killed when."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import track


@pytest.mark.slow
def test_answered_clicks_survive_kills_of_tracker_and_collector(tmp_path: Path):
    """Kill -9 of tracker and collector by turns under load: every redirect that went out is one event in the lake."""
    toll = track.killed(tmp_path, kills=3, links=4_000)
    assert toll["kills"] == {"web": 3, "collector": 3}
    assert toll["answered"] >= 100
    assert toll["lost"] == 0
    assert toll["doubled"] == 0
