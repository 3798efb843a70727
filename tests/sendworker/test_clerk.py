"""Confirmation mails through a real server: once, and never again where it is not known whether they arrived."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from sendworker.clerk import Clerk
from sendworker.routes import Relays
from sendworker.smtp import Hop
from sendworker.worker import Worker
from sillage.domain.contact import EmailAddress
from sillage.settings import Settings
from sillage.signup import sign_up
from sillage.store import campaigns, forms, signups, suppressions, workers
from sillage.store.database import Store
from sillage.store.forms import Form
from sillage.store.tables import signups as signups_table
from sillage.tokens import address_hash
from tests.conftest import SECRET
from tests.sendworker.relay import DROP, Relay, listening
from tests.world import World

ADA = "ada@shop.example"


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    """A server that takes everything, until told otherwise."""
    async with listening(Relay()) as found:
        yield found


@pytest.fixture
def world(any_store: Store, settings: Settings, relay: Relay) -> World:
    """An account whose mail goes to the test's server, on each engine."""
    here = settings.model_copy(update={"postoffice_port": relay.port})
    return World(any_store, here)


@pytest.fixture
def form(world: World) -> Form:
    """A form of the account."""
    with world.store.write() as conn:
        sender = campaigns.senders_of(conn, world.id)[0].id
        return forms.create(
            conn, world.id, "News", sender_id=sender, wording="Oui, merci", wording_version="1", now=world.now
        )


def ask(world: World, form: Form, email: str = ADA) -> None:
    """Somebody fills in the form."""
    with world.store.write() as conn:
        sign_up(
            conn, SECRET, form, EmailAddress.parse(email), fields={"first_name": "Win money"}, agrees_tracking=False,
            network="", now=world.now,
        )  # fmt: skip


def clerk_of(world: World) -> Clerk:
    with world.store.write() as conn:
        return Clerk(world.settings, world.store, workers.enrol(conn, "test", lease_s=5, now=world.now))


def way_to(port: int) -> Relays:
    """The one server on that port."""
    return Relays([(Hop("127.0.0.1", port, "sillage.example"), 1)])


async def round_of(world: World, clerk: Clerk, relay: Relay) -> int:
    """One round of the clerk; how many letters it took up."""
    letters = clerk.claim()
    clerk.settle(await clerk.send(letters, way_to(relay.port)))
    return len(letters)


def states(world: World) -> list[tuple[str, str | None]]:
    with world.store.read() as conn:
        rows = conn.execute(sa.select(signups_table.c.state, signups_table.c.reason).order_by(signups_table.c.id))
        return [(row.state, row.reason) for row in rows]


async def test_worker_sends_the_mail_that_asks_to_confirm(world: World, form: Form, relay: Relay) -> None:
    """It leaves beside the campaigns, in the account's language, with its words, its identity and nothing typed."""
    ask(world, form)
    worker = Worker(world.settings, world.store)
    running = asyncio.create_task(worker.run())
    async with asyncio.timeout(10):
        while not relay.messages:  # noqa: ASYNC110  # what a server took sends no event
            await asyncio.sleep(0.02)
    worker.stop()
    await running
    (mail,) = relay.messages
    body = "".join(part.get_content() for part in mail.walk() if not part.is_multipart())  # type: ignore[attr-defined]
    assert mail["To"] == ADA
    assert "Merci de confirmer" in str(mail["Subject"])
    assert mail["Auto-Submitted"] == "auto-generated"
    for text in ("Oui, merci", "Maison SAS, 1 quai, Brest", f"{world.settings.base_url}/s/"):
        assert text in body
    assert "Win money" not in body
    assert states(world) == [("mailed", None)]


async def test_put_off_mail_is_due_again_and_a_refused_one_is_not(world: World, form: Form, relay: Relay) -> None:
    """4xx waits, 5xx ends it."""
    relay.plan = {ADA: ["451 4.7.1 later"], "bob@shop.example": ["550 5.1.1 nobody"]}
    ask(world, form)
    ask(world, form, "bob@shop.example")
    assert await round_of(world, clerk := clerk_of(world), relay) == 2
    assert states(world) == [("due", "451 4.7.1"), ("failed", "550 5.1.1")]
    assert await round_of(world, clerk, relay) == 0


async def test_mail_in_doubt_is_not_sent_again(world: World, form: Form, relay: Relay) -> None:
    """The server took it and hung up: it counts as sent, since two a day are worse than none."""
    relay.plan = {ADA: [DROP]}
    ask(world, form)
    clerk = clerk_of(world)
    await round_of(world, clerk, relay)
    assert states(world) == [("mailed", "in_doubt")]
    assert await round_of(world, clerk, relay) == 0


async def test_what_a_dead_worker_held_counts_as_sent(world: World, form: Form, relay: Relay) -> None:
    """A worker that died with a letter in hand may have sent it."""
    ask(world, form)
    dead = clerk_of(world)
    assert len(dead.claim()) == 1
    with world.store.write() as conn:
        workers.end(conn, dead._worker_id, now=world.now)
    assert await round_of(world, clerk_of(world), relay) == 0
    assert states(world) == [("mailed", "in_doubt")]
    assert relay.messages == []


async def test_nobody_answers_and_it_waits(world: World, form: Form, relay: Relay) -> None:
    """No server: the letter is due again later."""
    ask(world, form)
    clerk = clerk_of(world)
    clerk.settle(await clerk.send(clerk.claim(), way_to(1)))
    assert states(world) == [("due", "no_route")]


async def test_who_was_blocked_since_gets_no_mail(world: World, form: Form, relay: Relay) -> None:
    """The installation's list is looked at again when the mail leaves."""
    ask(world, form)
    with world.store.write() as conn:
        suppressions.add(conn, None, channel="email", addresses=[(address_hash(SECRET, ADA), "")], now=world.now)
    await round_of(world, clerk_of(world), relay)
    assert (states(world), relay.messages) == ([("failed", "installation")], [])


def test_sign_ups_that_nobody_confirmed_are_forgotten(world: World, form: Form) -> None:
    """After a week the address goes, after the time that counts the row."""
    ask(world, form)
    with world.store.write() as conn:
        assert signups.expire(conn, world.now + timedelta(days=6)) == 0
        assert signups.expire(conn, world.now + timedelta(days=8)) == 1
        assert conn.execute(sa.select(signups_table.c.email)).scalar_one() is None
        signups.expire(conn, world.now + timedelta(days=60))
        assert conn.execute(sa.select(signups_table)).all() == []
