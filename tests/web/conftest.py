"""A tracker on a temporary installation, and a browser to ask it with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from sillage.lake import sources
from sillage.lake.event import Event, decode
from sillage.settings import Settings
from sillage.store.database import Store
from tests.conftest import SECRET
from tests.listening import Scene
from web.app import Tracker

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


@dataclass(slots=True)
class Visit:
    """A tracker, the scene that it serves, and a client."""

    tracker: Tracker
    scene: Scene
    http: httpx.AsyncClient

    def journal(self) -> list[Event]:
        """The events that are durable in the tracker's own file."""
        return journal_events(self.tracker.journal.path)


def journal_events(path: Path) -> list[Event]:
    """The events in a journal's file, as the collector reads them."""
    return [decode(body) for _, body in sources.Journal(path).waiting(1_000_000)[1]]


def client(tracker: Tracker, **headers: str) -> httpx.AsyncClient:
    """A browser, with a connection of its own to the tracker's port."""
    assert tracker.port, "the tracker listens"
    return httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{tracker.port}", headers={"user-agent": BROWSER, **headers}, timeout=10
    )


@pytest.fixture
def web_settings(settings: Settings) -> Settings:
    """The test's settings, behind a proxy on loopback."""
    values: dict[str, Any] = {"data_dir": settings.data_dir, "secret": SECRET, "demo": True}
    return Settings(trusted_proxies=("127.0.0.1",), **values)


@pytest.fixture
async def visit(store: Store, web_settings: Settings) -> AsyncIterator[Visit]:
    """A tracker that has read the links."""
    scene = Scene.set_up(store, SECRET)
    tracker = Tracker(web_settings)
    await tracker.start()
    await tracker.listen("127.0.0.1", 0)
    async with client(tracker, **{"x-forwarded-for": "81.2.3.4"}) as http:
        yield Visit(tracker, scene, http)
    await tracker.stop()
