"""Test mails go to colleagues by the real way, once, and leave no trace among contacts and figures."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import cast

import pytest
import sqlalchemy as sa

from sendworker.trial_mailer import TrialMailer
from sillage.campaign.trial_send import MAX_AN_HOUR, send_test, versions_of
from sillage.clock import Clock
from sillage.domain.ids import ContactId
from sillage.errors import BadInput, NotFound, Refused
from sillage.settings import Settings
from sillage.store import campaigns, erasures, suppressions, trial_mails
from sillage.store.database import Store
from sillage.store.migrate import upgrade
from sillage.store.tables import consents, contact_sends, contacts, deliveries, outbox
from sillage.tokens import TokenKey
from tests.conftest import SECRET
from tests.sendworker.relay import Relay, listening
from tests.world import World

TWO = [
    {
        "name": "A",
        "subject": "Hello {{ first_name }}",
        "html": '<p><a href="https://shop.example/?a=1&amp;b=2">x</a></p>',
    },
    {"name": "B", "subject": "Bye", "html": "<p>{{ city | default: 'somewhere' }}</p>"},
]


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    """A server that takes everything, until told otherwise."""
    async with listening(Relay()) as found:
        yield found


@pytest.fixture
def world(tmp_path: Path, relay: Relay) -> World:
    """Two people, and a clock that runs a minute a second."""
    clock = Clock.started_now(origin=Clock().now() - timedelta(days=2), speed=60)
    settings = Settings(
        data_dir=tmp_path / "run", secret=SECRET, demo=True, postoffice_port=relay.port, SILLAGE_CLOCK=str(clock)
    )  # type: ignore[arg-type]
    store = Store(settings.database_url)
    upgrade(store)
    made = World(store, settings)
    made.add_contacts(2, first_name="Zoé", city="Nantes")
    return made


def ask(world: World, *to: str, contact: int | None = None, **spec: object) -> int:
    with world.store.read() as conn:
        known = campaigns.listed(conn, world.id)
    if not known:
        world.add_campaign(scheduled=False, variants=TWO, **spec)
    with world.store.read() as conn:
        (campaign,) = campaigns.listed(conn, world.id)
        versions = versions_of(conn, world.id, campaign)
    whose = ContactId(contact) if contact is not None else None
    return send_test(
        world.store, world.settings, world.account, campaign.kind, versions, to, contact_id=whose, by="ada"
    )


async def tell(world: World) -> int:
    return await asyncio.to_thread(TrialMailer(world.settings, world.store).tell)


def parts(message: object) -> tuple[str, str]:
    mail = cast("EmailMessage", message)
    body = mail.get_body(("html",))
    assert body is not None
    return str(mail["Subject"]), body.get_content()


async def test_each_version_goes_to_each_colleague_filled_with_the_contact(world: World, relay: Relay) -> None:
    """Two colleagues and two versions are four mails, marked in the subject, with the contact's own data."""
    assert ask(world, "ada@maison.example", "Bob@Maison.example", "ada@maison.example", contact=1) == 4
    assert await tell(world) == 4
    assert relay.times() == {"ada@maison.example": 2, "Bob@maison.example": 2}
    found = [parts(message) for message in relay.messages]
    assert {subject for subject, _ in found} == {"[Test A] Hello Zoé", "[Test B] Bye"}
    assert any("Nantes" in html for _, html in found)
    assert len({message_id for _, message_id in relay.taken}) == 4
    assert set(relay.return_paths) == {f"tests@{world.settings.bounce_domain}"}
    assert await tell(world) == 0


async def test_links_lead_straight_to_their_targets_and_no_token_is_of_a_person(world: World, relay: Relay) -> None:
    """No redirect, no pixel; the only tokens are those of the ways out, and they say that it is a test."""
    ask(world, "ada@maison.example", contact=1)
    await tell(world)
    key = TokenKey(world.settings.secret.get_secret_value())
    raw = b"".join(bytes(cast("EmailMessage", m).as_bytes()) for m in relay.messages)
    html = "".join(parts(message)[1] for message in relay.messages)
    assert "https://shop.example/?a=1&amp;b=2" in html
    assert "/c/" not in html
    assert "/o/" not in html
    tokens = set(re.findall(r"/[utw]/([\w-]{36})", html + raw.decode("ascii", "replace").replace("=\n", "")))
    assert tokens
    read = [key.read(token) for token in tokens]
    assert all(found is not None and found.is_test and found.campaign_id == 0 for found in read)


async def test_a_test_leaves_no_trace_in_figures_or_consent(world: World) -> None:
    """No event, delivery, send or act of consent comes of it, even where the colleague is a contact."""
    with world.store.read() as conn:
        before = conn.execute(sa.select(consents).order_by(consents.c.contact_id)).all()
    ask(world, "c1@mail.example", contact=2)
    await tell(world)
    with world.store.read() as conn:
        for table in (outbox, deliveries, contact_sends):
            assert conn.execute(sa.select(sa.func.count()).select_from(table)).scalar() == 0
        assert conn.execute(sa.select(consents).order_by(consents.c.contact_id)).all() == before
        (campaign,) = campaigns.listed(conn, world.id)
    assert campaign.state == "draft"


async def test_a_sample_fills_it_where_nobody_is_chosen(world: World, relay: Relay) -> None:
    """Without a contact each field has a value, so that nothing is empty and nothing refuses."""
    ask(world, "ada@maison.example")
    await tell(world)
    assert {parts(message)[0] for message in relay.messages} == {"[Test A] Hello Camille", "[Test B] Bye"}


@pytest.mark.parametrize(
    "to", [[], ["no address"], [f"c{n}@maison.example" for n in range(11)], ["a@b.example\r\nX: y"]]
)
def test_addresses_that_are_none_or_too_many_are_refused(world: World, to: list[str]) -> None:
    """One to ten addresses, each of them one; nothing is queued otherwise."""
    with pytest.raises(BadInput):
        ask(world, *to)
    with world.store.read() as conn:
        assert trial_mails.listed(conn, world.id) == []


def test_a_suppressed_colleague_is_refused_with_the_reason(world: World) -> None:
    """An address that gets nothing gets no test either, and nobody gets one in its place."""
    with world.store.write() as conn:
        suppressions.suppress_contact(
            conn, world.id, ContactId(1), channel="email", reason="complaint", campaign_id=None, now=world.now
        )
    with pytest.raises(Refused, match=r"c1@mail\.example \(complaint\)"):
        ask(world, "ada@maison.example", "c1@mail.example")
    with world.store.read() as conn:
        assert trial_mails.listed(conn, world.id) == []


def test_no_list_is_mailed_by_tests(world: World) -> None:
    """An account has so many an hour; what would pass it is refused whole."""
    to = [f"c{n}@maison.example" for n in range(10)]
    for _ in range(MAX_AN_HOUR // 20):
        assert ask(world, *to) == 20
    with pytest.raises(Refused, match="wait until"):
        ask(world, "ada@maison.example")


def test_another_accounts_contact_is_unknown(world: World) -> None:
    """Whose data it is filled with is looked for in the account alone."""
    with pytest.raises(NotFound):
        ask(world, "ada@maison.example", contact=99)


async def test_a_refusal_is_told_and_a_delay_is_tried_again(world: World, relay: Relay) -> None:
    """5xx ends it with the server's words, 4xx waits; the message is gone once it is settled."""
    relay.plan = {"ada@maison.example": ["550 5.1.1 nobody"], "bob@maison.example": ["451 later"]}
    ask(world, "ada@maison.example", "bob@maison.example")
    assert await tell(world) == 2
    with world.store.read() as conn:
        found = {(m.email, m.label): (m.state, m.error) for m in trial_mails.listed(conn, world.id)}
    states = [state for state, _ in found.values()]
    assert sorted(states) == ["due", "failed", "sent", "sent"]
    assert any(error and "5.1.1 nobody" in error for _, error in found.values())
    for _ in range(40):
        if await tell(world):
            break
        await asyncio.sleep(0.05)
    assert relay.times()["bob@maison.example"] == 2
    with world.store.read() as conn:
        kept = conn.execute(sa.text("select count(*) from trial_mails where message is not null")).scalar()
    assert kept == 0


def test_an_erasure_reaches_test_mails(world: World) -> None:
    """What was filled with an erased person's data, or went to their address, goes with them."""
    ask(world, "ada@maison.example", contact=1)
    ask(world, "c1@mail.example", contact=2)
    with world.store.write() as conn:
        erasures.request(conn, world.id, ContactId(1), by="ada", now=world.now)
        assert trial_mails.listed(conn, world.id) == []
        assert conn.execute(sa.select(contacts.c.id)).scalars().all() == [2]
