"""What must not go out by itself: campaigns that are hours late, and anything of a copied or restored installation."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from sendworker.mailroom import Mailroom
from sillage.campaign.live import adopt, why_not
from sillage.campaign.schedule import resume, send_to_missing
from sillage.clock import Clock
from sillage.domain.ids import CampaignId
from sillage.errors import Refused
from sillage.lake.collector import collect_once
from sillage.lake.event import EventType
from sillage.settings import Settings
from sillage.store import campaigns, identity, signals
from sillage.store.database import Store
from sillage.store.migrate import epoch
from sillage.store.tables import consents, deliveries, installation, workers
from sillage.tokens import Recipient
from tests.conftest import SECRET
from tests.sendworker.relay import DROP, Relay, listening
from tests.sendworker.test_worker import books, events, plan, sending_to, state_of, until, working
from tests.world import World


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    """A server that takes everything, until told otherwise."""
    async with listening(Relay()) as found:
        yield found


@pytest.fixture
def settings(tmp_path: Path, relay: Relay) -> Settings:
    """Settings that send to the test's server, on a clock that runs 600 times as fast."""
    clock = Clock.started_now(origin=Clock().now() - timedelta(hours=1), speed=600)
    return Settings(
        data_dir=tmp_path / "run", secret=SECRET, demo=True, postoffice_port=relay.port, SILLAGE_CLOCK=str(clock)
    )  # type: ignore[arg-type]


@pytest.fixture
def world(any_store: Store, settings: Settings) -> World:
    """A world with thirty contacts, on each engine."""
    found = World(any_store, settings)
    found.add_contacts(30)
    return found


def unseen_for(world: World, hours: float) -> None:
    """Let the last worker have been seen so long ago."""
    with world.store.write() as conn:
        conn.execute(workers.update().values(seen_at=world.now - timedelta(hours=hours)))


def sending(world: World) -> CampaignId:
    """A campaign that runs, with a worker that has seen to it and is gone."""
    campaign = plan(world)
    with world.store.write() as conn:
        campaigns.move(conn, world.id, campaign, to="sending", only_from=("planned",))
    Mailroom(world.store, world.settings, "before").leave([])
    return campaign


async def test_campaign_that_ran_when_all_stopped_for_hours_is_held(world: World, relay: Relay):
    """Where nobody was sending for seven hours, what ran then asks; told to go on, it goes on exactly there."""
    campaign = sending(world)
    unseen_for(world, 7)
    async with working(world):
        await until(lambda: state_of(world, campaign) == "held")
        assert not relay.taken
        with world.store.write() as conn:
            assert "nothing was sending for 7." in (campaigns.get(conn, world.id, campaign).pause_reason or "")
            resume(conn, world.id, campaign)
        await until(lambda: state_of(world, campaign) == "closed")
    assert books(world, campaign) == {"accepted": 30}


def test_short_stop_holds_nothing(world: World):
    """Five hours are within what a campaign may be late by default, and it goes on by itself."""
    campaign = sending(world)
    unseen_for(world, 5)
    Mailroom(world.store, world.settings, "after")
    assert state_of(world, campaign) == "sending"


def test_clock_that_jumps_ahead_holds_what_runs(world: World):
    """When the clock jumps by a day between two windows, nothing more is claimed until somebody has said so."""
    campaign = sending(world)
    room = Mailroom(world.store, world.settings, "test")
    ahead = Clock.started_now(origin=world.now + timedelta(days=1), speed=1)
    room._settings = Settings(**world.settings.model_dump(), SILLAGE_CLOCK=str(ahead))
    unseen_for(world, 0)
    with world.store.write() as conn:
        conn.execute(workers.update().where(workers.c.id != room.worker_id).values(ended_at=world.now))
    assert room.window([], {}, 200, 400) == []
    assert state_of(world, campaign) == "held"


def test_new_installation_settles_where_it_is(world: World):
    """The first look takes note of where ops lives; the next finds it there."""
    assert why_not(world.store, world.settings) is None
    with world.store.read() as conn:
        assert identity.known_home(conn) == identity.home_of(world.store, conn)
    assert why_not(world.store, world.settings) is None


async def test_copied_installation_sends_nothing_until_told(world: World, relay: Relay):
    """An ops that was the live one elsewhere waits; adopted, it sends, in a new epoch."""
    with world.store.write() as conn:
        identity.settle(conn, "elsewhere")
        before = epoch(conn)
    campaign = plan(world)
    async with working(world):
        await asyncio.sleep(1.5)
        assert not relay.taken
        assert books(world, campaign) == {"due": 30}
        assert "ops adopt" in (why_not(world.store, world.settings) or "")
        adopt(world.store, world.settings)
        await until(lambda: state_of(world, campaign) == "closed")
    with world.store.read() as conn:
        assert epoch(conn) != before
    assert set(relay.times().values()) == {1}


async def test_restored_installation_mails_nobody_twice_and_hears_who_said_no(
    store: Store, settings: Settings, relay: Relay
):
    """Ops of before the campaign comes back beside a lake that saw it leave: it waits, learns, and sends the rest."""
    world = World(store, settings)
    world.add_contacts(30)
    campaign = plan(world)
    collect_once(settings, store)
    live = Path(store.url.database or "")
    backup = live.with_name("backup.sqlite")
    with sqlite3.connect(live) as source, sqlite3.connect(backup) as copy:
        source.backup(copy)
    relay.plan = {f"c{n}@mail.example": ["450 4.2.1 busy"] * 1000 for n in range(1, 11)}
    async with working(world):
        await until(lambda: len(relay.taken) == 20)
        await asyncio.sleep(0.3)
    with store.write() as conn:
        variant = campaigns.variants_of(conn, world.id, campaign)[0].id
        gone = Recipient(campaign, variant, 5)
        signals.unsubscribe(conn, world.id, gone, via="one_click", occurred_at=world.now)
    collect_once(settings, store)
    store.close()
    for name in (live, Path(f"{live}-wal"), Path(f"{live}-shm")):
        name.unlink(missing_ok=True)
    shutil.copyfile(backup, live)

    restored = Store(settings.database_url)
    world.store = restored
    assert why_not(restored, settings) is not None
    # Where the file was replaced in place, only the lake tells.
    with restored.write() as conn:
        identity.settle(conn, identity.home_of(restored, conn))
    assert "events that this ops does not know of" in (why_not(restored, settings) or "")
    assert books(world, campaign) == {"due": 30}
    done = adopt(restored, settings)
    assert (done.settled, done.refusals) == (20, 1)
    assert why_not(restored, settings) is None
    relay.plan = {}
    async with working(world):
        await until(lambda: state_of(world, campaign) == "closed")
    assert set(relay.times().values()) == {1}
    assert len(relay.taken) == 29
    assert books(world, campaign) == {"accepted": 29, "suppressed": 1}
    with restored.read() as conn:
        assert conn.execute(sa.select(consents.c.marketing).where(consents.c.contact_id == 5)).scalar() == "withdrawn"
    assert world.add_campaign("After") > campaign
    restored.close()


async def test_send_to_the_missing_is_one_call(world: World, relay: Relay):
    """Failed, expired and, if asked, doubtful recipients get it after all; all others don't get it again."""
    relay.plan = {
        "c1@mail.example": ["450 4.2.1 busy"] * 1000,
        "c2@mail.example": [DROP],
        "c3@mail.example": ["550 5.1.1 nobody"],
    }
    campaign = plan(world, retry_for_hours=0.25)
    async with working(world):
        await until(lambda: state_of(world, campaign) == "closed")
        await until(lambda: rows_left(world) == 2)
        assert books(world, campaign) == {"accepted": 27, "bounced": 2, "in_doubt": 1}
        relay.plan = {}
        with world.store.write() as conn:
            assert send_to_missing(conn, world.id, campaign, doubtful=False, now=world.now) == 1
        assert sum(books(world, campaign).values()) == 30
        await until(lambda: state_of(world, campaign) == "closed")
        assert books(world, campaign) == {"accepted": 28, "bounced": 1, "in_doubt": 1}
        with world.store.write() as conn:
            assert send_to_missing(conn, world.id, campaign, doubtful=True, now=world.now) == 1
        await until(lambda: state_of(world, campaign) == "closed")
        await until(lambda: rows_left(world) == 0)
    assert books(world, campaign) == {"accepted": 29, "bounced": 1}
    assert relay.times() == {**{f"c{n}@mail.example": 1 for n in range(1, 31) if n != 3}, "c2@mail.example": 2}
    assert len({m for r, m in relay.taken if r == "c2@mail.example"}) == 1
    accepted = [e.contact_id for e in events(world) if e.type is EventType.ACCEPTED]
    assert sorted(accepted) == sorted({*range(1, 31)} - {3})
    with world.store.write() as conn, pytest.raises(Refused, match="nobody is missing"):
        send_to_missing(conn, world.id, campaign, doubtful=True, now=world.now)


def rows_left(world: World) -> int:
    with world.store.read() as conn:
        return int(conn.execute(sa.select(sa.func.count()).select_from(deliveries)).scalar_one())


async def test_one_bad_connection_fails_nobody_who_waited_for_a_turn(world: World, relay: Relay):
    """A deadline of silence begins when nobody answers, not when a message was first due and had to wait its turn."""
    campaign = plan(world, retry_for_hours=1, late_after_hours=720, send_at=world.now - timedelta(hours=5))
    there, world.settings = world.settings, sending_to(world.settings, 1)
    async with working(world):
        await asyncio.sleep(1.0)
    assert books(world, campaign) == {"due": 30}
    world.settings = there
    async with working(world):
        await until(lambda: state_of(world, campaign) == "closed")
    assert books(world, campaign) == {"accepted": 30}


def test_number_of_a_worker_in_another_ops_is_not_its_own(world: World):
    """Where an ops was restored under a running worker, another of the same number does not keep it alive."""
    room = Mailroom(world.store, world.settings, "test")
    with world.store.write() as conn:
        conn.execute(workers.update().where(workers.c.id == room.worker_id).values(name="another"))
    with pytest.raises(Exception, match="taken for dead"):
        room.window([], {}, 5, 5)


def test_epoch_is_one_row(world: World):
    """A new epoch replaces the old one; there is never more than one."""
    with world.store.write() as conn:
        first, second = identity.new_epoch(conn), identity.new_epoch(conn)
        assert first != second == epoch(conn)
        query = sa.select(sa.func.count()).select_from(installation).where(installation.c.key == "epoch")
        assert conn.execute(query).scalar() == 1


@pytest.mark.parametrize("extensions", ["", "250-PIPELINING\r\n"])
async def test_server_that_says_250_to_everything_is_not_believed(store: Store, settings: Settings, extensions: str):
    """A server that answers 250 where 354 is due has taken nothing: put off, never accepted."""

    async def yes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 yes\r\n")
        while line := await reader.readline():
            hello = line.upper().startswith(b"EHLO")
            writer.write((f"250-yes\r\n{extensions}250 OK\r\n" if hello else "250 ok\r\n").encode())
        writer.close()

    world = World(store, settings)
    world.add_contacts(3)
    server = await asyncio.start_server(yes, "127.0.0.1", 0)
    world.settings = sending_to(settings, server.sockets[0].getsockname()[1])
    campaign = plan(world, retry_for_hours=0.25)
    async with working(world):
        await until(lambda: state_of(world, campaign) == "closed")
    server.close()
    assert books(world, campaign) == {"bounced": 3}
    assert {e.reason for e in events(world) if e.type is EventType.BOUNCED} == {"expired"}
