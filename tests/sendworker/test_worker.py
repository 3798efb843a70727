"""The worker against a real server: everybody exactly once, the books balance, doubt is counted and bounded."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from sendworker import mailroom as mailroom_module
from sendworker.mailroom import Mailroom
from sendworker.worker import Worker
from sillage.campaign.plan import plan_campaign
from sillage.campaign.schedule import cancel, pause, resume
from sillage.clock import Clock
from sillage.content.message import Compiled
from sillage.content.segments import Person
from sillage.domain.delivery import DeliveryState
from sillage.domain.ids import CampaignId
from sillage.domain.pace import Rate
from sillage.lake.event import Event, EventType, decode
from sillage.settings import Settings
from sillage.store import campaigns, rates, suppressions, workers
from sillage.store.campaigns import Campaign
from sillage.store.database import Store
from sillage.store.deliveries import Claimed, FencedError, Outcome, release
from sillage.store.tables import consents, contacts, deliveries, outbox
from tests.conftest import SECRET
from tests.sendworker.relay import CUT, DROP, Relay, listening
from tests.world import BODY, World


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


def plan(world: World, name: str = "News", **spec: object) -> CampaignId:
    campaign = world.add_campaign(name, **spec)
    plan_campaign(world.store, world.settings, world.id, campaign)
    return campaign


def state_of(world: World, campaign: CampaignId) -> str:
    with world.store.read() as conn:
        return campaigns.get(conn, world.id, campaign).state.value


def books(world: World, campaign: CampaignId) -> dict[str, int]:
    with world.store.read() as conn:
        return books_of(conn, world, campaign)


def books_of(conn: sa.Connection, world: World, campaign: CampaignId) -> dict[str, int]:
    return campaigns.balance(conn, world.id, campaign).counts


def events(world: World) -> list[Event]:
    with world.store.read() as conn:
        return [decode(bytes(r.body)) for r in conn.execute(sa.select(outbox).order_by(outbox.c.seq))]


def told(world: World) -> Counter[str]:
    return Counter(e.type.value for e in events(world) if e.type is not EventType.PLANNED)


@asynccontextmanager
async def working(world: World) -> AsyncIterator[Worker]:
    worker = Worker(world.settings, world.store)
    running = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        worker.stop()
        await running


async def until(is_so: Callable[[], bool], *, seconds: float = 20.0) -> None:
    """Wait for something to become true, checked off the loop."""
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(is_so):  # noqa: ASYNC110  # facts in a database send no event
            await asyncio.sleep(0.05)


async def test_everybody_gets_it_once_and_the_campaign_closes(world: World, relay: Relay):
    """Thirty planned, thirty taken, thirty accepted, each with its own return path; then the rows go."""
    campaign = plan(world)
    async with working(world):
        await until(lambda: state_of(world, campaign) == "closed")
        await until(lambda: world_rows(world) == 0)
    assert set(relay.times().values()) == {1}
    assert len(relay.taken) == len(set(relay.return_paths)) == 30
    assert books(world, campaign) == {"accepted": 30}
    assert told(world) == {"accepted": 30}
    assert all(e.opens_measured for e in events(world) if e.type is EventType.ACCEPTED)


def world_rows(world: World) -> int:
    with world.store.read() as conn:
        return int(conn.execute(sa.select(sa.func.count()).select_from(deliveries)).scalar_one())


async def test_books_balance_over_every_kind_of_answer(world: World, relay: Relay):
    """Refused, put off, cut and dropped: each recipient ends in one state, and only the doubtful one is in doubt."""
    relay.plan = {
        "c1@mail.example": ["550 5.1.1 user unknown <c1@mail.example>"],
        "c2@mail.example": ["451 4.7.1 greylisted", "421 4.3.2 closing"],
        "c3@mail.example": [CUT],
        "c4@mail.example": [DROP],
        "c5@mail.example": ["552 5.2.2 mailbox full"],
        "c6@mail.example": ["450 4.2.1 try later"] * 1000,
    }
    campaign = plan(world, retry_for_hours=0.5)
    async with working(world):
        await until(lambda: state_of(world, campaign) == "closed")
    assert books(world, campaign) == {"accepted": 26, "bounced": 3, "in_doubt": 1}
    assert relay.times()["c4@mail.example"] == 1
    assert relay.times()["c6@mail.example"] == 0
    assert told(world)["in_doubt"] == 1
    bounced = {e.contact_id: e for e in events(world) if e.type is EventType.BOUNCED}
    assert (bounced[1].bounce_class, bounced[5].bounce_class) == ("npai", "soft")
    assert (bounced[6].bounce_class, bounced[6].reason) == ("transient", "expired")
    assert "mail.example" not in (bounced[1].diagnostic or "")


async def test_hard_bounce_stops_further_mail_and_a_full_mailbox_does_not(world: World, relay: Relay):
    """Who is unknown gets nothing of the next campaign; who has a full mailbox does."""
    relay.plan = {"c1@mail.example": ["550 5.1.1 unknown user"], "c2@mail.example": ["552 5.2.2 mailbox full"]}
    first = plan(world)
    async with working(world):
        await until(lambda: state_of(world, first) == "closed")
    second = world.add_campaign("Second")
    assert plan_campaign(world.store, world.settings, world.id, second).left_out == {"npai": 1}


async def test_doubt_is_resent_with_the_same_message_id_when_the_campaign_says_so(world: World, relay: Relay):
    """With `resend` a message in doubt goes again, under the same Message-ID, so that a receiver can drop it."""
    relay.plan = {"c4@mail.example": [DROP]}
    campaign = plan(world, in_doubt="resend")
    async with working(world):
        await until(lambda: state_of(world, campaign) == "closed")
    assert books(world, campaign) == {"accepted": 30}
    assert [m for r, m in relay.taken if r == "c4@mail.example"] == [relay_id(relay, "c4@mail.example")] * 2
    assert told(world) == {"accepted": 30, "in_doubt": 1}


def relay_id(relay: Relay, recipient: str) -> str:
    return next(message_id for who, message_id in relay.taken if who == recipient)


async def test_last_look_is_in_the_claim(world: World, relay: Relay):
    """Who withdrew, complained or was erased after planning gets nothing, and the reason is in the books."""
    campaign = plan(world)
    with world.store.write() as conn:
        conn.execute(consents.update().where(consents.c.contact_id == 1).values(marketing="withdrawn"))
        suppressions.suppress_contact(
            conn, world.id, 2, channel="email", reason="complaint", campaign_id=None, now=world.now
        )
        conn.execute(consents.delete().where(consents.c.contact_id == 3))
        conn.execute(contacts.delete().where(contacts.c.id == 4))
    async with working(world):
        await until(lambda: state_of(world, campaign) == "closed")
    assert books(world, campaign) == {"accepted": 26, "suppressed": 4}
    assert not {f"c{n}@mail.example" for n in (1, 2, 3, 4)} & set(relay.times())
    reasons = {e.contact_id: e.reason for e in events(world) if e.type is EventType.SUPPRESSED}
    assert reasons == {1: "unsubscribed", 2: "complaint", 3: "consent_missing", 4: "erased"}


async def test_message_that_cannot_be_filled_fails_alone(world: World, relay: Relay):
    """A field that was emptied after planning fails that one message; the others go on."""
    with world.store.write() as conn:
        conn.execute(contacts.update().values(first_name="Zoé"))
    campaign = plan(world, variants=[{"subject": "s", "html": "<p>{{ first_name }}</p>"}])
    with world.store.write() as conn:
        conn.execute(contacts.update().where(contacts.c.id == 7).values(first_name=None))
    async with working(world):
        await until(lambda: state_of(world, campaign) == "closed")
    assert books(world, campaign) == {"accepted": 29, "failed": 1}
    assert [e.reason for e in events(world) if e.type is EventType.FAILED] == ["missing_field"]


async def test_pause_and_resume_ten_times_mails_everybody_once(world: World, relay: Relay):
    """However often a campaign is paused and resumed, with other rates each time, the same people get it, once."""
    world.add_contacts(170)
    relay.delay = 0.01
    campaign = plan(world)
    async with working(world):
        for turn in range(10):
            await until(lambda: state_of(world, campaign) in {"sending", "waiting", "closed"})
            await asyncio.to_thread(_try_pause, world, campaign)
            with world.store.write() as conn:
                rates.set_rate(conn, "*", Rate(1 + turn % 5, 3 + turn, 200.0 if turn % 2 else None), channel="email")
            if state_of(world, campaign) == "closed":
                break
            await asyncio.sleep(0.05)
            with world.store.write() as conn:
                resume(conn, world.id, campaign)
            await asyncio.sleep(0.05)
        await until(lambda: state_of(world, campaign) == "closed")
    assert len(relay.times()) == 200
    assert set(relay.times().values()) == {1}
    assert books(world, campaign) == {"accepted": 200}


def _try_pause(world: World, campaign: CampaignId) -> None:
    with world.store.write() as conn:
        if campaigns.get(conn, world.id, campaign).state in {"sending", "waiting"}:
            pause(conn, world.id, campaign, reason="test")


async def test_cancelled_campaign_skips_the_rest(world: World, relay: Relay):
    """Who had not got it when it was cancelled is skipped, with the reason, and the books still balance."""
    world.add_contacts(170)
    relay.delay = 0.05
    campaign = plan(world)
    async with working(world):
        await until(lambda: len(relay.taken) > 0)
        with world.store.write() as conn:
            cancel(conn, world.id, campaign)
        await until(lambda: not books(world, campaign).keys() & {"due", "sending"})
    counted = books(world, campaign)
    assert counted["accepted"] == len(relay.taken)
    assert counted["accepted"] + counted["skipped"] == 200
    assert {e.reason for e in events(world) if e.type is EventType.SKIPPED} == {"cancelled"}


async def test_stopped_worker_gives_the_rest_back(world: World, relay: Relay):
    """A worker that is told to stop finishes what is in flight; the next one sends the others, and nobody twice."""
    world.add_contacts(170)
    relay.delay = 0.02
    campaign = plan(world)
    async with working(world):
        await until(lambda: len(relay.taken) > 5)
    left = books(world, campaign)
    assert "sending" not in left
    assert "in_doubt" not in left
    async with working(world):
        await until(lambda: state_of(world, campaign) == "closed")
    assert set(relay.times().values()) == {1}
    assert books(world, campaign) == {"accepted": 200}


async def test_two_workers_at_once_mail_everybody_once(world: World, relay: Relay):
    """Two workers share the queue; nobody gets two."""
    world.add_contacts(270)
    campaign = plan(world)
    async with working(world), working(world):
        await until(lambda: state_of(world, campaign) == "closed")
    assert len(relay.taken) == len(relay.times()) == 300
    assert books(world, campaign) == {"accepted": 300}


async def test_rows_of_a_dead_worker_are_in_doubt_and_bounded(
    world: World, relay: Relay, monkeypatch: pytest.MonkeyPatch
):
    """What a killed worker held is listed as in doubt, at most its cap; all others are mailed once."""
    monkeypatch.setattr(mailroom_module, "LEASE_S", 1.0)
    campaign = plan(world)
    with world.store.write() as conn:
        campaigns.move(conn, world.id, campaign, to="sending", only_from=("planned",))
    dead = Mailroom(world.store, world.settings, "dead")
    held = dead.window([], {}, 5, world.settings.sending_cap)
    assert 0 < len(held) <= world.settings.sending_cap
    async with working(world):
        await until(lambda: state_of(world, campaign) == "closed")
    assert books(world, campaign) == {"accepted": 30 - len(held), "in_doubt": len(held)}
    assert not {j.claimed.email for j in held} & set(relay.times())
    with pytest.raises(FencedError):
        dead.window([], {}, 5, 5)


async def left_in_doubt(
    world: World, campaign: CampaignId, monkeypatch: pytest.MonkeyPatch
) -> tuple[Claimed, Mailroom, Mailroom]:
    """A row, the worker that stalled with it in flight, and the one that took it for dead."""
    monkeypatch.setattr(mailroom_module, "LEASE_S", 0.2)
    with world.store.write() as conn:
        campaigns.move(conn, world.id, campaign, to="sending", only_from=("planned",))
    stalled = Mailroom(world.store, world.settings, "stalled")
    row = stalled.window([], {}, 1, 1)[0].claimed
    other = Mailroom(world.store, world.settings, "other")
    for _ in range(8):
        other.tick()
        await asyncio.sleep(0.1)
    return row, stalled, other


async def test_fenced_worker_writes_nothing_but_evidence(world: World, monkeypatch: pytest.MonkeyPatch):
    """A worker that was taken for dead can't settle; what it learnt resolves the doubt, and is not sent again."""
    campaign = plan(world)
    row, stalled, _ = await left_in_doubt(world, campaign, monkeypatch)
    event = events(world)[-1]
    outcome = Outcome(row.campaign_id, row.contact_id, DeliveryState.ACCEPTED, world.now, 1, world.now, None, (event,))
    with pytest.raises(FencedError):
        stalled.window([outcome], {}, 1, 1)
    assert books(world, campaign)["in_doubt"] == 1
    stalled.evidence([outcome])
    assert books(world, campaign)["accepted"] == 1


@pytest.mark.parametrize("is_late", [False, True])
async def test_evidence_outlives_a_second_sending(world: World, monkeypatch: pytest.MonkeyPatch, *, is_late: bool):
    """Who has the message was reached, whether a woken worker tells so before or after the second copy is refused."""
    campaign = plan(world, in_doubt="resend")
    row, stalled, other = await left_in_doubt(world, campaign, monkeypatch)
    again = [job.claimed for job in other.window([], {row.provider: 30}, 30, 30)]
    assert row.contact_id in {claimed.contact_id for claimed in again}

    def ended(state: DeliveryState, attempt: int) -> Outcome:
        return Outcome(row.campaign_id, row.contact_id, state, world.now, attempt, world.now, None)

    steps = [lambda: stalled.evidence([ended(DeliveryState.ACCEPTED, 1)]),
             lambda: other.window([ended(DeliveryState.BOUNCED, 2)], {}, 0, 0)]  # fmt: skip
    for step in reversed(steps) if is_late else steps:
        step()
    assert books(world, campaign)["accepted"] == 1
    assert "bounced" not in books(world, campaign)


async def test_evidence_outlives_a_claim_that_is_given_back(world: World, monkeypatch: pytest.MonkeyPatch):
    """A row known to be taken is accepted, not due again, where the worker that claimed it anew lets it go unsent."""
    campaign = plan(world, in_doubt="resend")
    row, stalled, other = await left_in_doubt(world, campaign, monkeypatch)
    other.window([], {row.provider: 30}, 30, 30)
    stalled.evidence([Outcome(row.campaign_id, row.contact_id, DeliveryState.ACCEPTED, world.now, 1, world.now, None)])
    with world.store.write() as conn:
        release(conn, other.worker_id, but=())
    assert books(world, campaign) == {"accepted": 1, "due": 29}


def sending_to(settings: Settings, port: int) -> Settings:
    told = {**settings.model_dump(), "postoffice_port": port}
    return Settings(**told, SILLAGE_CLOCK=settings.clock_text)


async def test_windows_longer_than_the_lease_do_not_stop_the_sending(
    store: Store, settings: Settings, relay: Relay, monkeypatch: pytest.MonkeyPatch
):
    """Where each transaction waits longer for its turn than a lease lasts, what was claimed leaves all the same."""
    monkeypatch.setattr(mailroom_module, "LEASE_S", 0.3)
    world = World(store, settings)
    world.add_contacts(30)
    campaign = plan(world)
    is_over = threading.Event()

    def hog() -> None:
        while not is_over.is_set():
            with store.turn():
                time.sleep(0.5)
            time.sleep(0.02)

    hogging = asyncio.create_task(asyncio.to_thread(hog))
    async with working(world):
        try:
            await until(lambda: len(relay.times()) == 30)
        finally:
            is_over.set()
        await until(lambda: state_of(world, campaign) == "closed")
    await hogging
    assert books(world, campaign) == {"accepted": 30}
    assert told(world) == {"accepted": 30}


async def test_cap_holds_while_windows_settle_and_claim(world: World, relay: Relay):
    """However fast outcomes come back, no more rows are in flight at once than the cap allows, and all are sent."""
    relay.delay = 0.01
    world.settings = Settings(**{**world.settings.model_dump(), "sending_cap": 5, "window_size": 4})
    campaign = plan(world)
    most = 0

    def is_closed() -> bool:
        nonlocal most
        with world.store.read() as conn:
            most = max(most, books_of(conn, world, campaign).get("sending", 0))
        return state_of(world, campaign) == "closed"

    async with working(world):
        await until(is_closed)
    assert 0 < most <= 5
    assert books(world, campaign) == {"accepted": 30}


async def test_message_that_breaks_the_composer_stops_no_other(
    world: World, relay: Relay, monkeypatch: pytest.MonkeyPatch
):
    """Whatever goes wrong with one message is that message's failure; its row is settled, the others leave."""
    compiled = Compiled.fill

    def fill(self: Compiled, person: Person) -> bytes:
        if person.address == "c7@mail.example":
            raise ZeroDivisionError
        return compiled(self, person)

    monkeypatch.setattr(Compiled, "fill", fill)
    campaign = plan(world)
    async with working(world):
        await until(lambda: state_of(world, campaign) == "closed")
    assert books(world, campaign) == {"accepted": 29, "failed": 1}
    assert len(relay.taken) == 29


def test_worker_that_beat_meanwhile_is_not_buried(world: World):
    """Who beats while another waits to bury it keeps its rows: only the beats that were watched count."""
    with world.store.write() as conn:
        worker = workers.enrol(conn, "slow", lease_s=5, now=world.now)
        workers.renew(conn, worker, "slow", now=world.now)
        assert not workers.end(conn, worker, now=world.now, renewals=0)
        assert workers.end(conn, worker, now=world.now, renewals=1)


async def test_server_that_is_down_loses_nobody(world: World, relay: Relay):
    """With nobody listening the queue waits; when the server is there, everybody gets it once."""
    campaign = plan(world)
    there, world.settings = world.settings, sending_to(world.settings, 1)
    async with working(world):
        await asyncio.sleep(1.5)
    assert books(world, campaign) == {"due": 30}
    world.settings = there
    async with working(world):
        await until(lambda: state_of(world, campaign) == "closed")
    assert books(world, campaign) == {"accepted": 30}
    assert set(relay.times().values()) == {1}


async def test_nobody_answering_until_the_deadline_is_our_failure(world: World):
    """With no server until the deadline the recipients have failed (no_route): not sent, not counted against them."""
    world.settings = sending_to(world.settings, 1)
    campaign = plan(world, retry_for_hours=0.05)
    async with working(world):
        await until(lambda: state_of(world, campaign) == "closed")
    assert books(world, campaign) == {"failed": 30}
    assert {(e.type.value, e.reason) for e in events(world)} == {("planned", None), ("failed", "no_route")}


async def test_campaign_whose_time_passed_long_ago_is_held(world: World):
    """A campaign that is hours late asks a person instead of going out in the night."""
    campaign = plan(world, send_at=world.now - timedelta(hours=7))
    async with working(world):
        await until(lambda: state_of(world, campaign) == "held")
    assert books(world, campaign) == {"due": 30}


async def test_due_campaign_that_nobody_planned_is_planned_by_the_worker(world: World):
    """If no planner has come, the worker's scheduler plans a due campaign itself."""
    world.settings = world.settings.model_copy(update={"plan_after_s": 0.2})
    campaign = world.add_campaign()
    async with working(world):
        await until(lambda: state_of(world, campaign) == "closed")
    assert books(world, campaign) == {"accepted": 30}


async def test_plan_that_takes_its_time_is_made_once(world: World, monkeypatch: pytest.MonkeyPatch):
    """While a worker plans a campaign it starts no second plan of it, however often the scheduler asks for one."""
    world.settings = world.settings.model_copy(update={"plan_after_s": 0.2})
    campaign = world.add_campaign()
    begun: list[int] = []
    plan_it = Mailroom.plan

    def slowly(mailroom: Mailroom, found: Campaign) -> None:
        begun.append(found.id)
        time.sleep(2.0)
        plan_it(mailroom, found)

    monkeypatch.setattr(Mailroom, "plan", slowly)
    async with working(world):
        await until(lambda: state_of(world, campaign) == "closed")
    assert begun == [campaign]


async def test_untracked_contact_gets_the_anonymous_pixel(world: World, relay: Relay):
    """Who did not agree to be measured gets the pixel that is the same for everybody of the variant."""
    with world.store.write() as conn:
        conn.execute(consents.update().where(consents.c.contact_id <= 10).values(open_tracking=None))
    campaign = plan(world, variants=[{"subject": "s", "html": BODY}])
    async with working(world):
        await until(lambda: state_of(world, campaign) == "closed")
    measured = Counter(e.opens_measured for e in events(world) if e.type is EventType.ACCEPTED)
    assert measured == {True: 20, False: 10}
    pixels = Counter()
    for message in relay.messages:
        page = message.get_body(("html",)).get_content()
        pixels[page[page.index("/o/") :][:39]] += 1
    assert sorted(pixels.values()) == [1] * 20 + [10]


def test_worker_ids_never_return(store: Store):
    """A fencing token is given once, also after the newest worker's row is gone."""
    now = Clock().now()
    with store.write() as conn:
        first = workers.enrol(conn, "a", lease_s=1, now=now)
        conn.execute(sa.text("delete from workers"))
        assert workers.enrol(conn, "b", lease_s=1, now=now) > first
