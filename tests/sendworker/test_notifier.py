"""Each change of an alert is told once, by mail and by webhook, however often it has to be tried."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from sendworker.notifier import Notifier
from sillage.alarm import act
from sillage.clock import Clock
from sillage.domain.thresholds import Level, Threshold
from sillage.settings import Settings
from sillage.store import alerts, campaigns
from sillage.store.database import Store
from sillage.store.migrate import upgrade
from tests.conftest import SECRET
from tests.sendworker.relay import Relay, listening
from tests.sendworker.test_webhook import Ear, ear  # noqa: F401  # a fixture
from tests.world import World

COMPLAINTS = Threshold("complaint_rate", "campaign", "campaign", None, 0.001, 0.003, 1000, 5, "pause")


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    """A server that takes everything, until told otherwise."""
    async with listening(Relay()) as found:
        yield found


@pytest.fixture
def world(tmp_path: Path, relay: Relay) -> World:
    """A world whose mail goes to the relay, on a clock that runs an hour a second."""
    clock = Clock.started_now(origin=Clock().now() - timedelta(days=2), speed=3600)
    settings = Settings(
        data_dir=tmp_path / "run", secret=SECRET, demo=True, postoffice_port=relay.port, SILLAGE_CLOCK=str(clock),
        webhooks_may_be_private=True,
    )  # type: ignore[arg-type]  # fmt: skip
    store = Store(settings.database_url)
    upgrade(store)
    return World(store, settings)


def raise_alert(world: World, level: Level) -> None:
    with world.store.write() as conn:
        (campaign,) = campaigns.listed(conn, world.id)
        act.raise_alert(conn, COMPLAINTS, campaign, None, level, 8, 2000, now=world.now)


async def told(world: World, wanted: int) -> int:
    """How many were taken in a while of asking."""
    notifier, taken = Notifier(world.settings, world.store), 0
    for _ in range(60):
        taken += await asyncio.to_thread(notifier.tell)
        if taken >= wanted:
            break
        await asyncio.sleep(0.02)
    return taken + await asyncio.to_thread(notifier.tell)


async def test_a_change_reaches_both_targets_once(world: World, relay: Relay, ear: Ear):  # noqa: F811
    """The first answers say no: both come through later, once each, and say what, how much and of how many."""
    world.add_campaign("Sale\r\nBcc: all@victims.example", scheduled=False)
    url = f"http://127.0.0.1:{ear.port}/"
    with world.store.write() as conn:
        alerts.set_targets(conn, world.id, email="ops@maison.example", webhook_url=url, now=world.now)
    relay.plan["ops@maison.example"] = ["451 later"]
    ear.answers = [500]
    raise_alert(world, Level.CRITICAL)
    raise_alert(world, Level.CRITICAL)
    assert await told(world, 2) == 2
    assert [recipient for recipient, _ in relay.taken] == ["ops@maison.example"]
    (message,) = relay.messages
    assert message["From"] == "Maison <news@maison.example>"
    assert "Plaintes" in message["Subject"]
    assert message["Bcc"] is None
    assert message["Auto-Submitted"] == "auto-generated"
    text = message.get_content()  # type: ignore[attr-defined]
    assert "0,40" in text
    assert "8 / 2" in text
    first, second = (headers["Sillage-Delivery"] for headers, _ in ear.heard)
    assert first == second
    raise_alert(world, Level.OK)
    assert await told(world, 2) == 2
    assert len(relay.messages) == 2
    assert len({headers["Sillage-Delivery"] for headers, _ in ear.heard}) == 2


async def test_a_mailbox_that_is_no_more_is_not_tried_for_ever(world: World, relay: Relay):
    """A refusal for good is kept with the server's words."""
    world.add_campaign(scheduled=False)
    with world.store.write() as conn:
        alerts.set_targets(conn, world.id, email="gone@maison.example", webhook_url=None, now=world.now)
    relay.plan["gone@maison.example"] = ["550 5.1.1 gone"]
    raise_alert(world, Level.CRITICAL)
    assert await told(world, 1) == 0
    assert relay.messages == []
