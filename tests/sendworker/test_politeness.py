"""What a provider is given, whose turn it is, what a contact gets at most: with a real server, on each engine."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from sendworker import claim
from sendworker.mailroom import Job, Mailroom
from sendworker.outcome import given_back
from sendworker.worker import Worker
from sillage.campaign.plan import plan_campaign
from sillage.campaign.schedule import pause, resume
from sillage.domain import quota
from sillage.domain.ids import CampaignId
from sillage.domain.pace import Rate
from sillage.lake.event import EventType
from sillage.settings import Settings
from sillage.store import accounts, campaigns, quotas, rates, workers
from sillage.store.columns import from_micros
from sillage.store.database import Store
from sillage.store.deliveries import Outcome
from sillage.store.queue import Depth
from sillage.store.rates import Feedback
from sillage.store.tables import contact_sends, contacts, deliveries
from tests.conftest import SECRET, free_port
from tests.sendworker.relay import Relay, listening
from tests.sendworker.test_worker import books, events, plan, state_of, until, working
from tests.world import World

EVERYONE = 10_000


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    """A server that takes everything, until told otherwise."""
    async with listening(Relay()) as found:
        yield found


@pytest.fixture
def settings(tmp_path: Path, relay: Relay) -> Settings:
    """Settings that send to the test's server, by the wall's clock."""
    return Settings(data_dir=tmp_path / "run", secret=SECRET, demo=True, postoffice_port=relay.port)  # type: ignore[arg-type]


@pytest.fixture
def world(any_store: Store, settings: Settings) -> World:
    """A world with sixty contacts at one provider."""
    found = World(any_store, settings)
    found.add_contacts(60, provider="gmail")
    return found


def set_rate(world: World, rate: Rate) -> None:
    with world.store.write() as conn:
        rates.set_rate(conn, "gmail", rate, channel="email")


def start(world: World, *names: str, **spec: object) -> list[CampaignId]:
    """Planned campaigns that run."""
    found = [plan(world, name, **spec) for name in names]
    with world.store.write() as conn:
        for campaign in found:
            campaigns.move(conn, world.id, campaign, to="sending", only_from=("planned",))
    return found


def back(jobs: list[Job]) -> list[Outcome]:
    """Everything unsent."""
    return [given_back(job, due_at=from_micros(job.claimed.due)) for job in jobs]


async def test_rate_of_a_provider_holds_over_two_workers(world: World, relay: Relay):
    """Two workers together send no more to a provider than its rate lets through in that time."""
    set_rate(world, Rate(4, 100, 10.0))
    plan(world)
    async with working(world), working(world):
        await until(lambda: len(relay.taken) > 0)
        began, first = time.monotonic(), len(relay.taken)
        await asyncio.sleep(2.0)
        took, sent = time.monotonic() - began, len(relay.taken) - first
    # Each worker holds one fill of its bucket (at most 2 messages) beyond the rate.
    assert 0 < sent <= took * 10.0 + 4


async def test_provider_that_says_slower_is_served_slower_and_the_rest_is_not(world: World, relay: Relay):
    """4.7.x answers halve a provider's rate and connections for all workers, and say why; another keeps its own."""
    with world.store.write() as conn:
        conn.execute(contacts.update().where(contacts.c.id > 30).values(provider="free"))
    relay.plan = {f"c{n}@mail.example": ["451 4.7.0 slow down"] for n in range(1, 5)}
    set_rate(world, Rate(8, 100, 100.0))
    plan(world)

    def slowed() -> dict[str, bool]:
        with world.store.read() as conn:
            return {s.provider: s.is_slowed for s in rates.standings(conn, channel="email")}

    async with working(world):
        await until(lambda: slowed().get("gmail", False))
        with world.store.read() as conn:
            standing = next(s for s in rates.standings(conn, channel="email") if s.provider == "gmail")
        assert standing.limit.connections == 4
        assert standing.limit.per_second is not None
        assert standing.limit.per_second <= 50.0
        assert "4.7.0" in (standing.reason or "")
        assert slowed().get("free") is not True


async def test_greeting_421_slows_the_provider_down(world: World, settings: Settings):
    """A server that is too busy to talk is asked less, and nobody is lost."""

    async def busy(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"421 4.7.0 too many connections\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(busy, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    world.settings = Settings(**{**settings.model_dump(), "postoffice_port": port})
    campaign = plan(world)

    def is_slowed() -> bool:
        with world.store.read() as conn:
            return any(s.is_slowed for s in rates.standings(conn, channel="email"))

    async with working(world):
        await until(is_slowed)
    server.close()
    assert books(world, campaign) == {"due": 60}


def test_shares_move_between_workers_and_return_with_their_lease(any_store: Store, settings: Settings):
    """A second worker takes half once the first has renewed; when one ends, the other has all again."""
    now, whole = settings.clock.now(), Rate(5, 100, 10.0)
    with any_store.write() as conn:
        one, two = (workers.enrol(conn, name, lease_s=5, now=now) for name in "ab")

        def lease(worker: int) -> tuple[int, float | None]:
            told = {"gmail": Feedback()}
            held = rates.lease(conn, worker, told, channel="email", ceilings={rates.EVERYBODY: whole}, now=now)["gmail"]
            return held.connections, held.per_second

        assert lease(one) == (5, 10.0)
        assert lease(two) == (0, 0.0)
        assert lease(one) == (3, 5.0)
        assert lease(two) == (2, 5.0)
        workers.end(conn, one, now=now)
        assert lease(two) == (5, 10.0)


def test_two_campaigns_share_a_provider_by_their_weights(world: World):
    """While both have people left, a campaign of weight three gets three messages for each of the other."""
    heavy, light = start(world, "Heavy", weight=3)[0], start(world, "Light")[0]
    room = Mailroom(world.store, world.settings, "test")
    got: Counter[CampaignId] = Counter()
    for _ in range(10):
        got.update(job.campaign.id for job in room.window([], {"gmail": 6}, 6, EVERYONE))
    assert got[heavy] + got[light] == 60
    assert abs(got[heavy] - 45) <= 2
    room.leave([])


def test_room_that_one_campaign_leaves_goes_to_the_other(world: World):
    """A campaign with few people left does not hold up the other's."""
    first, second = start(world, "A", "B")
    with world.store.write() as conn:
        conn.execute(deliveries.delete().where(deliveries.c.campaign_id == first, deliveries.c.contact_id > 2))
    room = Mailroom(world.store, world.settings, "test")
    got = Counter(job.campaign.id for job in room.window([], {"gmail": 20}, 20, EVERYONE))
    assert got == {first: 2, second: 18}
    room.leave([])


def test_urgent_goes_before_automation_before_bulk(world: World):
    """Where room is short, a receipt leaves first, then what a person set off, then the newsletter."""
    bulk, automation = start(world, "Bulk")[0], start(world, "Welcome", priority="automation")[0]
    (urgent,) = start(world, "Receipt", kind="transactional")
    room = Mailroom(world.store, world.settings, "test")
    order = [job.campaign.id for _ in range(6) for job in room.window([], {"gmail": 30}, 30, EVERYONE)]
    assert order == [urgent] * 60 + [automation] * 60 + [bulk] * 60
    room.leave([])


def test_hourly_limit_holds_over_workers_and_gives_back_what_did_not_leave(world: World):
    """In one minute two workers claim no more than the minute's part of the hour; unsent messages are free again."""
    (campaign,) = start(world, "Slow", per_hour=600)
    one, two = (Mailroom(world.store, world.settings, name) for name in "ab")
    minute = quota.minute_of(world.now)
    jobs = one.window([], {"gmail": 7}, 7, EVERYONE)
    others = two.window([], {"gmail": 200}, 200, EVERYONE)
    again = one.window(back(jobs), {"gmail": 200}, 200, EVERYONE)
    if quota.minute_of(world.now) == minute:
        assert (len(jobs), len(others), len(again)) == (7, 3, 7)
    assert len(others) + len(again) <= 10 * (1 + quota.minute_of(world.now) - minute)
    one.leave(back(again))
    two.leave(back(others))
    assert books(world, campaign) == {"due": 60}


def test_new_sending_domain_is_capped_by_the_day(world: World, monkeypatch: pytest.MonkeyPatch):
    """On its first day a domain sends what the plan says and no more, over all campaigns; a receipt is not held."""
    monkeypatch.setattr(quota, "warmup_plan", lambda: (25, 50))
    today = quota.day_of(world.now)
    with world.store.write() as conn:
        quotas.start_warmup(conn, world.id, "maison.example", day=today)
    start(world, "A", "B")
    room = Mailroom(world.store, world.settings, "test")
    assert len(room.window([], {"gmail": 200}, 200, EVERYONE)) == 25
    assert room.window([], {"gmail": 200}, 200, EVERYONE) == []
    start(world, "Receipt", kind="service")
    assert len(room.window([], {"gmail": 200}, 200, EVERYONE)) == 60
    with world.store.write() as conn:
        quotas.end_warmup(conn, world.id, "maison.example", now=world.now)
    monkeypatch.setattr(claim, "WARMUP_KNOWN_S", 0.0)
    room._chooser._warmups.clear()
    assert len(room.window([], {"gmail": 200}, 200, EVERYONE)) == 95
    room.leave([])


async def test_frequency_cap_skips_who_has_got_enough(world: World, relay: Relay):
    """With two messages in seven days, the third campaign skips all; a service message goes out; the books say why."""
    with world.store.write() as conn:
        accounts.set_frequency_cap(conn, world.id, cap=2, days=7)
    found = [plan(world, name) for name in ("One", "Two", "Three")]
    receipt = plan(world, "Receipt", kind="service")
    async with working(world):
        for campaign in [*found, receipt]:
            await until(lambda campaign=campaign: state_of(world, campaign) == "closed")
    assert set(relay.times().values()) == {3}
    counted: Counter[str] = Counter()
    for campaign in found:
        counted.update(books(world, campaign))
    assert counted == {"accepted": 120, "skipped": 60}
    assert books(world, receipt) == {"accepted": 60}
    assert {e.reason for e in events(world) if e.type is EventType.SKIPPED} == {"frequency_cap"}


def test_frequency_cap_counts_two_claims_of_one_window_one_after_the_other(world: World):
    """Somebody whom two campaigns claim at once gets one of them, not both and not none."""
    with world.store.write() as conn:
        accounts.set_frequency_cap(conn, world.id, cap=1)
    start(world, "A", "B")
    one, two = (Mailroom(world.store, world.settings, name) for name in "ab")
    jobs = one.window([], {"gmail": 80}, 80, EVERYONE) + two.window([], {"gmail": 80}, 80, EVERYONE)
    assert sorted(job.claimed.contact_id for job in jobs) == list(range(1, 61))
    one.leave([])
    two.leave([])


def test_frequency_cap_forgets_old_days_and_what_did_not_leave(world: World):
    """A message of eight days ago counts no more, and one that came back unsent never did."""
    today = quota.day_of(world.now)
    with world.store.write() as conn:
        accounts.set_frequency_cap(conn, world.id, cap=1, days=7)
        conn.execute(
            contact_sends.insert(),
            [
                {"account_id": world.id, "contact_id": 1, "day": today - 7, "count": 5},
                {"account_id": world.id, "contact_id": 2, "day": today - 6, "count": 1},
            ],
        )
    start(world, "A")
    room = Mailroom(world.store, world.settings, "test")
    jobs = room.window([], {"gmail": 200}, 200, EVERYONE)
    assert {job.claimed.contact_id for job in jobs} == set(range(1, 61)) - {2}
    again = room.window(back(jobs), {"gmail": 200}, 200, EVERYONE)
    assert len(again) == 59
    room.leave(back(again))
    with world.store.read() as conn:
        left = conn.execute(sa.select(sa.func.sum(contact_sends.c["count"])).where(contact_sends.c.day == today))
        assert not left.scalar()


async def test_pause_takes_effect_within_a_second_and_resume_goes_on_there(world: World, relay: Relay):
    """After a second of pause no server is asked for anybody; then the others get it, once."""
    relay.delay = 0.05
    set_rate(world, Rate(2, 100, None))
    campaign = plan(world)
    async with working(world):
        await until(lambda: len(relay.taken) > 3)
        with world.store.write() as conn:
            pause(conn, world.id, campaign, reason="test")
        await asyncio.sleep(1.0)
        taken = len(relay.taken)
        await asyncio.sleep(0.7)
        assert len(relay.taken) == taken < 60
        with world.store.write() as conn:
            resume(conn, world.id, campaign)
        await until(lambda: state_of(world, campaign) == "closed")
    assert set(relay.times().values()) == {1}
    assert books(world, campaign) == {"accepted": 60}


def test_spread_is_even_and_the_same_for_whoever_draws_it(world: World):
    """Over six hours sixty people are due six minutes apart, in an order by chance."""
    at = world.now.replace(microsecond=0)
    campaign = plan(world, "Spread", spread_hours=6, send_at=at)
    with world.store.read() as conn:
        rows = conn.execute(
            sa.select(deliveries.c.contact_id, deliveries.c.due_at).where(deliveries.c.campaign_id == campaign)
        ).all()
    assert sorted(r.due_at for r in rows) == [at + timedelta(minutes=6 * n) for n in range(60)]
    assert [r.contact_id for r in sorted(rows, key=lambda r: r.due_at)] != sorted(r.contact_id for r in rows)


def test_local_time_is_the_same_hour_where_each_contact_lives(world: World):
    """Nine in Paris is nine in Tokyo, eight hours sooner, and nine in New York; who says nothing is where we are."""
    nine = datetime(world.now.year + 1, 1, 15, 8, tzinfo=UTC)
    with world.store.write() as conn:
        conn.execute(contacts.update().where(contacts.c.id == 1).values(country="JP"))
        conn.execute(
            contacts.update().where(contacts.c.id == 2).values(country="FR", custom={"timezone": "America/New_York"})
        )
    campaign = world.add_campaign("Local", local_time=True, send_at=nine)
    with world.store.read() as conn:
        assert campaigns.get(conn, world.id, campaign).starts_at == nine + timedelta(hours=1) - timedelta(hours=14)
    plan_campaign(world.store, world.settings, world.id, campaign)
    with world.store.read() as conn:
        due = {
            r.contact_id: r.due_at - nine
            for r in conn.execute(
                sa.select(deliveries.c.contact_id, deliveries.c.due_at).where(deliveries.c.campaign_id == campaign)
            )
        }
        assert campaigns.get(conn, world.id, campaign).starts_at == nine - timedelta(hours=8)
    assert (due[1], due[2], due[3]) == (timedelta(hours=-8), timedelta(hours=6), timedelta(0))


async def test_metrics_tell_queue_outcomes_and_shares(world: World, relay: Relay):
    """A scrape of the worker's port shows what left, what waits and what may be used; the port is on loopback."""
    port = free_port()
    relay.plan = {"c1@mail.example": ["450 4.2.1 busy"]}
    plan(world)
    async with working(world) as worker:
        worker.metrics.serve("127.0.0.1", port)
        await until(lambda: len(relay.taken) == 59)
        await asyncio.sleep(0.3)
        worker._next_look = 0.0
        await asyncio.sleep(0.5)
        async with httpx.AsyncClient() as client:
            text = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
    worker.metrics.stop()
    assert 'sillage_deliveries_total{provider="gmail",state="accepted"} 59.0' in text
    assert 'sillage_deferrals_total{provider="gmail",reason=' in text
    assert 'sillage_queue_depth{provider="gmail",state="deferred"} 1.0' in text
    assert 'sillage_share_connections{provider="gmail"} 4.0' in text


async def test_looks_at_a_long_queue_do_not_pile_up(world: World, monkeypatch: pytest.MonkeyPatch):
    """While one look at the queue goes on no other begins, however long it takes: each holds the queue in memory."""
    looks: list[float] = []

    def look() -> tuple[list[Depth], int]:
        looks.append(time.monotonic())
        time.sleep(0.3)
        return [], 0

    worker = Worker(world.settings, world.store)
    monkeypatch.setattr(worker._mailroom, "queue", look)
    worker.metrics.serve("127.0.0.1", free_port())
    for _ in range(5):
        worker._look()
        worker._next_look = 0.0
        await asyncio.sleep(0.01)
    assert worker._looking is not None
    await worker._looking
    worker.metrics.stop()
    assert len(looks) == 1
    assert worker._next_look - time.monotonic() > 4.0


def test_lost_answer_to_a_commit_repeats_and_forgets_nothing(world: World):
    """A window that was committed, but whose answer was lost, is asked again: outcomes once, claims given back."""
    (campaign,) = start(world, "A")
    room = Mailroom(world.store, world.settings, "test")
    jobs = room.window([], {"gmail": 10}, 10, EVERYONE)
    outcomes = back(jobs)
    # What a connection that breaks after the commit leaves behind: the database has moved on, the worker has not.
    before = (room._beats, dict(room._holds))
    room.window(outcomes, {"gmail": 20}, 20, EVERYONE)
    room._beats, room._holds = before
    room._in_question = frozenset((o.campaign_id, o.contact_id) for o in outcomes)
    again = room.window(outcomes, {"gmail": 5}, 5, EVERYONE)
    assert books(world, campaign) == {"due": 55, "sending": 5}
    assert len(again) == 5
    room.leave(back(again))
    assert books(world, campaign) == {"due": 60}
