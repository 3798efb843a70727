"""The tracker as it runs: a process with a server, killed and asked to stop."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from sillage.settings import ROOT, Settings
from sillage.store.database import Store
from tests.conftest import SECRET, free_port
from tests.listening import SHOP, Scene
from tests.web.conftest import BROWSER, journal_events


@pytest.fixture
def served(store: Store, settings: Settings) -> Settings:
    """Settings with a port of its own, on an ops that has a scene."""
    values: dict[str, Any] = {"data_dir": settings.data_dir, "secret": SECRET, "demo": True}
    return Settings(web_port=free_port(), **values)


@pytest.fixture
def scene(store: Store, served: Settings) -> Scene:
    """One message to one person."""
    return Scene.set_up(store, SECRET)


@pytest.fixture
def http(served: Settings) -> Iterator[httpx.Client]:
    """A browser."""
    with httpx.Client(base_url=served.base_url, headers={"user-agent": BROWSER}, timeout=10) as client:
        yield client


def start(settings: Settings, http: httpx.Client, log: Path) -> subprocess.Popen[bytes]:
    """Start `python -m web` and wait until it answers."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "web"], cwd=ROOT, env=settings.environment(), stderr=out, stdout=out
        )
    for _ in range(200):
        try:
            http.get("/health")
        except httpx.TransportError:
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)
        else:
            return process
    process.kill()
    raise AssertionError(log.read_text())


def test_killed_tracker_loses_no_answered_click(
    served: Settings, scene: Scene, http: httpx.Client, tmp_path: Path
) -> None:
    """Kill -9 in the middle, twice: each click that was answered is in the journal, and the next start goes on."""
    answered = 0
    for _ in range(2):
        process = start(served, http, tmp_path / "log")
        for _ in range(30):
            answer = http.get(f"/c/{scene.token}/1")
            assert (answer.status_code, answer.headers["location"]) == (302, SHOP)
            answered += 1
        process.kill()
        process.wait()
    process = start(served, http, tmp_path / "log")
    assert http.post(f"/u/{scene.token}", content="List-Unsubscribe=One-Click").status_code == 200
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0
    events = journal_events(served.journal_dir / "tracker-0.sqlite")
    assert len({event.id for event in events}) == answered
    assert scene.consent()[0] == "withdrawn"
    assert "Traceback" not in (tmp_path / "log").read_text()
