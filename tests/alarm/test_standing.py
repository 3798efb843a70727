"""Queues that stand still and a lake that lags are told once, and told again when they are in order."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from sillage.alarm import standing as standing_module
from sillage.alarm.standing import Standing
from sillage.campaign.plan import plan_campaign
from sillage.clock import Clock
from sillage.domain.campaign import CampaignState as S
from sillage.lake.collector import collect_once
from sillage.lake.reader import Reader
from sillage.settings import Settings
from sillage.store import alerts, campaigns, incidents
from sillage.store.database import Store
from sillage.store.migrate import upgrade
from sillage.store.tables import deliveries
from tests.conftest import SECRET
from tests.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Thirty contacts, on a clock that runs an hour a second."""
    clock = Clock.started_now(origin=Clock().now() - timedelta(days=2), speed=3600)
    settings = Settings(data_dir=tmp_path / "run", secret=SECRET, demo=True, SILLAGE_CLOCK=str(clock))  # type: ignore[arg-type]
    store = Store(settings.database_url)
    upgrade(store)
    found = World(store, settings)
    found.add_contacts(30)
    return found


@pytest.fixture
def standing(world: World) -> Iterator[Standing]:
    """What looks at it."""
    reader = Reader(world.settings)
    yield Standing(world.settings, world.store, reader)
    reader.close()


def raised(world: World) -> list[tuple[str, str, int]]:
    with world.store.read() as conn:
        return [(s.facts["metric"], s.level.value, s.change) for s in alerts.states(conn, world.id, raised=True)]


def test_a_queue_that_does_not_move_is_told_and_one_that_moves_again_is_in_order(world: World, standing: Standing):
    """Rows are due, nobody takes them: a warning, then critical; a row that leaves brings it back, as a change."""
    campaign = world.add_campaign()
    plan_campaign(world.store, world.settings, world.id, campaign)
    with world.store.write() as conn:
        campaigns.move(conn, world.id, campaign, to=S.SENDING, only_from=(S.PLANNED,), started_at=world.now)
    collect_once(world.settings, world.store)
    assert standing.look() == 0
    time.sleep(0.7)
    assert standing.look() == 1
    assert raised(world) == [("queue_stuck", "critical", 1)]
    assert standing.look() == 0
    with world.store.write() as conn:
        conn.execute(sa.update(deliveries).where(deliveries.c.contact_id == 1).values(state="accepted"))
    assert standing.look() == 1
    assert raised(world) == []


def test_a_queue_that_a_person_or_the_guard_stopped_is_not_stuck(world: World, standing: Standing):
    """All that is due is paused: nothing has to move."""
    campaign = world.add_campaign()
    plan_campaign(world.store, world.settings, world.id, campaign)
    with world.store.write() as conn:
        campaigns.move(conn, world.id, campaign, to=S.SENDING, only_from=(S.PLANNED,), started_at=world.now)
        for provider in ("gmail", "free", "orange"):
            incidents.pause_slice(conn, world.id, campaign, provider, why="because", at=world.now)
    collect_once(world.settings, world.store)
    standing.look()
    time.sleep(0.7)
    assert standing.look() == 0


def test_events_that_nobody_drains_are_told(world: World, standing: Standing, monkeypatch: pytest.MonkeyPatch):
    """The same event has been the first for too long; drained, it is in order again."""
    monkeypatch.setattr(standing_module, "LAG_WARN_S", 0.2)
    plan_campaign(world.store, world.settings, world.id, world.add_campaign())
    assert standing.look() == 0
    time.sleep(0.3)
    assert standing.look() == 1
    assert raised(world) == [("lake_lag", "warning", 1)]
    collect_once(world.settings, world.store)
    assert standing.look() == 1
    assert raised(world) == []
