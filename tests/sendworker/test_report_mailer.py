"""Reports by mail: once per due time, with the figures of the page, to whom an account said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from sendworker.report_mailer import ReportMailer
from sillage.clock import Clock
from sillage.domain.contact import EmailAddress
from sillage.domain.report_time import Every, Rhythm
from sillage.lake.reader import Reader
from sillage.settings import Settings
from sillage.store import report_mails
from sillage.store.database import Store
from sillage.store.migrate import upgrade
from tests.conftest import SECRET
from tests.sendworker.relay import Relay, listening
from tests.world import World

TO = EmailAddress.parse("ada@maison.example")


class Time(Clock):
    """A clock that a test pushes."""

    ahead = timedelta(0)

    def now(self):  # as the clock has it
        return Clock().now() + Time.ahead


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    """A server that takes everything, until told otherwise."""
    async with listening(Relay()) as found:
        yield found


@pytest.fixture
def world(tmp_path: Path, relay: Relay) -> World:
    """An account with a campaign that left yesterday."""
    settings = Settings(data_dir=tmp_path / "run", secret=SECRET, demo=True, postoffice_port=relay.port)  # type: ignore[arg-type]
    Time.ahead = timedelta(0)
    settings.__dict__["clock"] = Time()
    store = Store(settings.database_url)
    upgrade(store)
    return World(store, settings)


def _order(world: World, every: Every = Every.DAY) -> report_mails.ReportMail:
    with world.store.write() as conn:
        report_mails.order(conn, world.id, TO, Rhythm(every, 8), language="fr", timezone=world.account.timezone,
                           now=world.now)  # fmt: skip
        (mail,) = report_mails.listed(conn, world.id)
    return mail


async def _tell(world: World) -> int:
    reader = Reader(world.settings)
    try:
        return await asyncio.to_thread(ReportMailer(world.settings, world.store, reader).tell)
    finally:
        reader.close()


async def test_a_report_comes_once_per_due_time(world: World, relay: Relay) -> None:
    """Not before its time; then once, however often it is looked; then at the next one."""
    mail = _order(world)
    assert await _tell(world) == 0
    Time.ahead = mail.due_at - Clock().now() + timedelta(seconds=1)
    assert [await _tell(world) for _ in range(3)] == [1, 0, 0]
    with world.store.read() as conn:
        (after,) = report_mails.listed(conn, world.id)
    assert after.due_at - mail.due_at in {timedelta(hours=h) for h in (23, 24, 25)}
    Time.ahead += timedelta(days=1)
    assert [await _tell(world) for _ in range(2)] == [1, 0]
    assert len(relay.taken) == 2
    assert len({identity for _, identity in relay.taken}) == 2


async def test_one_that_is_not_taken_stays_due_and_one_refused_waits_for_its_next_time(
    world: World, relay: Relay
) -> None:
    """A busy server is asked again after ten minutes; a refusal for good ends this one, and says why."""
    mail = _order(world, Every.WEEK)
    relay.plan[mail.email] = ["451 4.3.0 later", "550 5.1.1 nobody"]
    Time.ahead = mail.due_at - Clock().now() + timedelta(seconds=1)
    assert [await _tell(world) for _ in range(2)] == [0, 0]
    with world.store.read() as conn:
        (held,) = report_mails.listed(conn, world.id)
    assert (held.due_at, held.attempt) == (mail.due_at, 1)
    assert "451" in (held.error or "")
    Time.ahead += timedelta(minutes=11)
    assert await _tell(world) == 0
    with world.store.read() as conn:
        (held,) = report_mails.listed(conn, world.id)
    assert held.due_at > mail.due_at + timedelta(days=6)
    assert relay.plan[mail.email] == []
    assert relay.taken == []


async def test_nothing_goes_out_without_a_verified_sender(world: World, relay: Relay) -> None:
    """An account whose sender is gone writes to nobody."""
    mail = _order(world)
    with world.store.write() as conn:
        conn.exec_driver_sql("update senders set verified_at = null")
    Time.ahead = mail.due_at - Clock().now() + timedelta(seconds=1)
    assert await _tell(world) == 0
    assert relay.taken == []


def test_a_time_said_anew_holds_and_ends_within_its_account(world: World) -> None:
    """One row per address and rhythm; another account's number ends nothing."""
    _order(world)
    with world.store.write() as conn:
        report_mails.order(conn, world.id, TO, Rhythm(Every.DAY, 17), language="en", timezone="UTC", now=world.now)
        (mail,) = report_mails.listed(conn, world.id)
        assert (mail.rhythm.hour, mail.language, mail.due_at.hour) == (17, "en", 17)
        report_mails.stop(conn, world.id + 1, mail.id)  # type: ignore[arg-type]  # another account's number
        assert len(report_mails.listed(conn, world.id)) == 1
        report_mails.stop(conn, world.id, mail.id)
        assert report_mails.listed(conn, world.id) == []
