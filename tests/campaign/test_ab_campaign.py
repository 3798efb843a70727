"""Tests of versions from plan to release: exact samples, one end, one release, everybody in one final state."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from sendworker.scheduler import Scheduler
from sillage.campaign.ab_decide import choose, decide_all, watch
from sillage.campaign.ab_release import later_s
from sillage.campaign.ab_sample import WRITTEN, draw
from sillage.campaign.ab_told import as_data, as_text
from sillage.campaign.create import parse_spec
from sillage.campaign.plan import plan_campaign
from sillage.campaign.schedule import cancel, pause, resume
from sillage.domain.ab_test import AbTest, Criterion, Decide, Decision, How, Otherwise
from sillage.domain.ab_verdict import Standing
from sillage.domain.campaign import CampaignState
from sillage.domain.ids import CampaignId, VariantId
from sillage.errors import BadInput, NotFound, Refused
from sillage.lake.collector import collect_once
from sillage.lake.event import Event, EventType, decode, event_id
from sillage.lake.foundation import lay_foundation
from sillage.lake.reader import Reader
from sillage.settings import Settings
from sillage.store import ab_tests, campaigns, outbox
from sillage.store import deliveries as deliveries_store
from sillage.store.database import Store
from sillage.store.tables import deliveries
from sillage.store.tables import outbox as outbox_table
from tests.world import BODY, World

AB: list[dict[str, Any]] = [{"name": n, "subject": f"Version {n}", "html": BODY} for n in "AB"]
TICKS = 20
"""Each lets go for 50 ms and no longer: on a busy machine it takes more of them."""
ABC = [*AB, {"name": "C", "subject": "Version C", "html": BODY}]


@pytest.fixture
def world(any_store: Store, settings: Settings) -> World:
    """A world of a hundred contacts, on each engine."""
    found = World(any_store, settings)
    found.add_contacts(100)
    return found


def begun(world: World, *, variants: list[dict[str, Any]] = AB, **test: object) -> CampaignId:
    """A campaign with a test that is planned and sending."""
    campaign = world.add_campaign(variants=variants, test={"size": 20, **test})
    plan_campaign(world.store, world.settings, world.id, campaign)
    start(world, campaign)
    return campaign


def start(world: World, campaign: CampaignId) -> None:
    Scheduler(world.store, world.settings).tick(world.now)


def rows(world: World, campaign: CampaignId) -> list[sa.Row[Any]]:
    with world.store.read() as conn:
        return list(conn.execute(sa.select(deliveries).where(deliveries.c.campaign_id == campaign)))


def books(world: World, campaign: CampaignId) -> dict[str, int]:
    with world.store.read() as conn:
        return campaigns.balance(conn, world.id, campaign).counts


def by_hand(world: World, campaign: CampaignId, name: str = "B") -> None:
    with world.store.write() as conn:
        choose(conn, world.id, campaign, name, by="page:1", now=world.now)


def variant(world: World, campaign: CampaignId, name: str) -> int:
    with world.store.read() as conn:
        return next(int(v.id) for v in campaigns.variants_of(conn, world.id, campaign) if v.name == name)


def events(world: World) -> list[Event]:
    with world.store.read() as conn:
        return [decode(bytes(r.body)) for r in conn.execute(sa.select(outbox_table).order_by(outbox_table.c.seq))]


SIZES = st.integers(1, 60)


@given(people=st.sets(st.integers(1, 10_000), max_size=300), size=SIZES, arms=st.integers(2, 5), out=st.integers(0, 40),
       shuffle=st.randoms())  # fmt: skip
def test_samples_are_exact_disjoint_and_hang_on_nobodys_order(
    people: set[int], size: int, arms: int, out: int, shuffle: Any
):
    """Each version gets exactly as many as asked, nobody is in two parts, and however people are listed, and whatever
    part of a plan was written before a kill, everybody keeps their part.
    """
    test = AbTest(
        Criterion.CLICKS, Decide.WHEN_SURE, Otherwise.FIRST, 24, size, 0.01, 0.02, is_exact=True, hold_out=out
    )
    campaign: Any = type("C", (), {"id": 7, "name": "News"})
    variants: Any = [type("V", (), {"id": n + 1}) for n in range(arms)]
    none = pl.DataFrame([], schema=WRITTEN, orient="row")
    listed = sorted(people)

    def drawn(order: list[int], written: pl.DataFrame) -> dict[int, tuple[int, str]]:
        frame = pl.DataFrame({"contact_id": order}, schema={"contact_id": pl.Int64})
        found = draw(frame, campaign, variants, test, written, "s" * 40)
        return {contact: (version, state) for contact, version, state, _ in found.iter_rows()}

    if size * arms + out > len(listed):
        with pytest.raises(BadInput, match="test asks for"):
            drawn(listed, none)
        return
    first = drawn(listed, none)
    assert Counter(first.values()) == Counter(
        {(n + 1, "due"): size for n in range(arms)}
        | {(0, "skipped"): out, (0, "held"): len(listed) - size * arms - out}
    )
    mixed = list(listed)
    shuffle.shuffle(mixed)
    assert drawn(mixed, none) == first
    some = [(c, *first[c]) for c in mixed[: len(mixed) // 2]]
    assert drawn(mixed, pl.DataFrame(some, schema=WRITTEN, orient="row")) == first


def test_a_plan_holds_the_rest_and_holds_out_who_gets_nothing(world: World):
    """Of a hundred: twenty for each version, ten who get nothing and are told of as skipped, fifty who wait."""
    campaign = world.add_campaign(variants=AB, test={"size": 20, "hold_out": 10})
    plan = plan_campaign(world.store, world.settings, world.id, campaign)
    assert (plan.audience, plan.by_variant, plan.held, plan.held_out) == (100, {"A": 20, "B": 20}, 50, 10)
    assert books(world, campaign) == {"due": 40, "held": 50, "skipped": 10}
    assert Counter(r.reason for r in rows(world, campaign)) == {None: 90, "hold_out": 10}
    told = Counter((e.type.value, e.variant_id is not None, e.reason) for e in events(world))
    assert told == {("planned", True, None): 40, ("planned", False, None): 60, ("skipped", False, "hold_out"): 10}


def test_an_audience_too_small_is_refused_or_taken_whole(world: World):
    """A size that was asked for and can't be had is refused, naming the field; a size of ours takes all there are."""
    campaign = world.add_campaign(variants=AB, test={"size": 60})
    with pytest.raises(BadInput, match=r"2 x 60 people.*the audience has 100.*test\.size"):
        plan_campaign(world.store, world.settings, world.id, campaign)
    auto = world.add_campaign("Auto", variants=ABC, test={"size": "auto"})
    assert plan_campaign(world.store, world.settings, world.id, auto).by_variant == {"A": 33, "B": 33, "C": 33}


@pytest.mark.parametrize(
    ("variants", "test", "said"),
    [
        (AB[:1], {}, "test: it compares two to five variants"),
        ([{**AB[0], "share": 0.5}, {**AB[1], "share": 0.5}], {}, "has a share or a segment"),
        (AB, {"size": 0}, r"test\.size"),
        (AB, {"criterion": "luck"}, r"test\.criterion"),
        (AB, {"decide_after_hours": 169}, r"test\.decide_after_hours"),
        (AB, {"hold_out": -1}, r"test\.hold_out"),
        (AB, {"otherwise": "both"}, r"test\.otherwise"),
        (AB, {"lfit": 0.1}, r"test\.lfit"),
    ],
)
def test_a_test_that_makes_no_sense_names_its_field(variants: list[Any], test: dict[str, Any], said: str):
    """Each field that can be wrong is named with what it takes."""
    raw = {"name": "x", "sender": {"name": "a", "email": "a@a.example"}, "include": ["All"], "variants": variants}
    with pytest.raises(BadInput, match=said):
        parse_spec({**raw, "test": test}, where="campaign.toml")


def test_a_lift_that_no_rate_has_is_refused(world: World):
    """Unsubscribes of two in a thousand can't fall by a hundredth."""
    with pytest.raises(BadInput, match=r"test\.lift: no test sees 0\.002 become"):
        world.add_campaign(variants=AB, test={"criterion": "unsubscribes", "lift": 0.01})


def test_senders_and_times_may_differ_by_version(world: World):
    """A version leaves later, or in another name of the same domain; another domain is refused."""
    with world.store.write() as conn:
        campaigns.add_sender(conn, world.id, "Camille", "camille@maison.example", now=world.now, verified_at=world.now)
        campaigns.add_sender(conn, world.id, "Other", "x@other.example", now=world.now, verified_at=world.now)
    own = {"name": "Camille", "email": "camille@maison.example"}
    campaign = begun(world, variants=[AB[0], {**AB[1], "after_hours": 6, "sender": own}])
    due = {r.variant_id: r.due_at for r in rows(world, campaign) if r.state == "due"}
    a, b = variant(world, campaign, "A"), variant(world, campaign, "B")
    assert due[b] - due[a] == timedelta(hours=6)
    with pytest.raises(BadInput, match="of another domain"):
        world.add_campaign("Two", variants=[AB[0], {**AB[1], "sender": {"name": "Other", "email": "x@other.example"}}])


def test_the_rest_gets_the_winner_once(world: World):
    """Chosen by hand: everybody who was held is due with that version; again it is refused, and nothing changes."""
    campaign = begun(world, decide="by_hand")
    scheduler = Scheduler(world.store, world.settings)
    scheduler.tick(world.now)
    assert books(world, campaign) == {"due": 40, "held": 60}
    by_hand(world, campaign)
    for _ in range(TICKS):
        scheduler.tick(world.now)
    assert books(world, campaign) == {"due": 100}
    assert Counter(r.variant_id for r in rows(world, campaign)) == {
        variant(world, campaign, "A"): 20, variant(world, campaign, "B"): 80,
    }  # fmt: skip
    with pytest.raises(Refused, match="it has ended"):
        by_hand(world, campaign, "A")
    assert [(e.reason, e.via) for e in events(world) if e.type is EventType.DECIDED] == [("hand", "page")]
    with world.store.read() as conn:
        kept = ab_tests.of_campaign(conn, world.id, campaign)
    assert kept is not None
    assert kept.released_at is not None


def test_two_schedulers_at_once_release_once(world: World, monkeypatch: pytest.MonkeyPatch):
    """Two workers, in chunks of seven: each held row is released by one of them, and one that a worker has claimed
    meanwhile is not made due again.
    """
    monkeypatch.setattr("sendworker.scheduler.CHUNK", 7)
    campaign = begun(world, decide="by_hand")
    by_hand(world, campaign)
    threads = [
        threading.Thread(target=lambda: [Scheduler(world.store, world.settings).tick(world.now) for _ in range(4)])
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert books(world, campaign) == {"due": 100}
    with world.store.write() as conn:
        claimed = deliveries_store.claim_due(
            conn, campaign, provider="gmail", worker_id=1, now=world.now + timedelta(hours=1), limit=5
        )
    Scheduler(world.store, world.settings).tick(world.now)
    assert books(world, campaign) == {"due": 95, "sending": len(claimed)}


def test_a_release_that_was_killed_is_finished(world: World, monkeypatch: pytest.MonkeyPatch):
    """Killed after the decision, or after a chunk: whoever comes next releases the rest, with the same times."""
    monkeypatch.setattr("sendworker.scheduler.CHUNK", 7)
    campaign = begun(world, decide="by_hand")
    by_hand(world, campaign)
    with world.store.write() as conn:
        (kept,) = ab_tests.to_release(conn)
        ab_tests.release(conn, world.id, campaign, VariantId(variant(world, campaign, "B")), later_s=9, limit=7)
    assert kept.decision is not None
    assert books(world, campaign) == {"due": 47, "held": 53}
    for _ in range(TICKS):
        Scheduler(world.store, world.settings).tick(world.now)
    assert books(world, campaign) == {"due": 100}


def test_a_paused_or_cancelled_campaign_loses_nobody(world: World):
    """Paused: what is decided is released and waits. Cancelled: who was held is skipped, and named no version."""
    campaign = begun(world, decide="by_hand")
    with world.store.write() as conn:
        pause(conn, world.id, campaign, reason="wrong price")
    by_hand(world, campaign)
    Scheduler(world.store, world.settings).tick(world.now)
    assert books(world, campaign) == {"due": 100}
    with world.store.write() as conn:
        resume(conn, world.id, campaign)
    other = world.add_campaign("Other", variants=AB, test={"size": 20})
    plan_campaign(world.store, world.settings, world.id, other)
    start(world, other)
    with world.store.write() as conn:
        cancel(conn, world.id, other)
    for _ in range(TICKS):
        Scheduler(world.store, world.settings).tick(world.now)
    with pytest.raises(Refused):
        by_hand(world, other)
    assert books(world, other) == {"skipped": 100}
    told = [e for e in events(world) if e.type is EventType.SKIPPED and e.campaign_id == other]
    assert Counter(e.variant_id is None for e in told) == {True: 60, False: 40}


def test_unknown_versions_and_campaigns_without_a_test_are_said(world: World):
    """A winner that is none of them is refused with their names; a campaign without a test has none to choose."""
    campaign = begun(world, decide="by_hand")
    with pytest.raises(NotFound, match=r"no variant 'Z'; it has 'A', 'B'"):
        by_hand(world, campaign, "Z")
    plain = world.add_campaign("Plain")
    with pytest.raises(NotFound, match="has no test"):
        by_hand(world, plain, "A")


@pytest.mark.parametrize(("hours", "offset_h", "waited_h"), [(5, 0, 5), (5, 6, 6), (30, 6, 30), (31, 6, 54)])
def test_the_rest_leaves_at_once_or_at_the_winners_hour(world: World, hours: int, offset_h: int, waited_h: int):
    """Versions of one time: the rest leaves when the winner is named. Of several: at the winner's hour, which comes
    again each day.
    """
    campaign = begun(world, variants=[AB[0], {**AB[1], "after_hours": offset_h}])
    with world.store.read() as conn:
        found, variants = campaigns.get(conn, world.id, campaign), campaigns.variants_of(conn, world.id, campaign)
    assert found.starts_at is not None
    decision = Decision(How.SURE, variants[1].id, found.starts_at + timedelta(hours=hours), "guard")
    assert later_s(found, variants, decision) == waited_h * 3600


# The whole way, with lake and marts.


@pytest.fixture
def home(tmp_path: Path, settings: Settings, store: Store) -> World:
    """A world with marts, whose clock stands where a test puts it."""
    found = World(store, settings)
    lay_foundation(settings)
    return found


def deliver(world: World, campaign: CampaignId, at: datetime) -> list[sa.Row[Any]]:
    """Everything that is due is taken by servers, one moment for all."""
    sent = [r for r in rows(world, campaign) if r.state == "due"]
    with world.store.write() as conn:
        conn.execute(
            deliveries.update()
            .where(deliveries.c.campaign_id == campaign, deliveries.c.state == "due")
            .values(state="accepted", attempt=1)
        )
        outbox.record(conn, [_event(EventType.ACCEPTED, campaign, r, at, attempt=1, opens_measured=True) for r in sent])
    return sent


def react(
    world: World, campaign: CampaignId, people: list[sa.Row[Any]], kind: EventType, at: datetime, **more: Any
) -> None:
    with world.store.write() as conn:
        outbox.record(conn, [_event(kind, campaign, r, at, **more) for r in people])


def _event(kind: EventType, campaign: CampaignId, row: sa.Row[Any], at: datetime, **more: Any) -> Event:
    return Event(
        id=event_id(kind, campaign, row.contact_id), type=kind, account_id=row.account_id, campaign_id=campaign,
        variant_id=row.variant_id, contact_id=row.contact_id, provider=row.provider, occurred_at=at, recorded_at=at,
        **more,
    )  # fmt: skip


def played(world: World, clicks: tuple[int, int], *, hours: float = 24.5, kind: EventType = EventType.CLICKED,
           machine: bool = False, **test: Any) -> tuple[CampaignId, datetime]:  # fmt: skip
    """A test of 2 x 300 among 1,000 that left `hours` ago, with so many clicks of A and of B within its first hour."""
    world.add_contacts(1_000)
    campaign = begun(world, **{"size": 300, **test})
    sent_at = world.now - timedelta(hours=hours)
    sent = deliver(world, campaign, sent_at)
    for name, count in zip("AB", clicks, strict=True):
        mine = [r for r in sent if r.variant_id == variant(world, campaign, name)][:count]
        extra: dict[str, Any] = {"link": 1} if kind is EventType.CLICKED else {}
        react(world, campaign, mine, kind, sent_at + timedelta(minutes=30), is_machine=machine or None, **extra)
    collect_once(world.settings, world.store)
    return campaign, sent_at


def decided(world: World, campaign: CampaignId) -> tuple[Any, Any]:
    with closing(Reader(world.settings)) as reader:
        ended = decide_all(world.store, world.settings, reader)
        assert decide_all(world.store, world.settings, reader) == 0
        seen = watch(world.store, reader, world.id, campaign, now=world.now)
    for _ in range(2):
        Scheduler(world.store, world.settings).tick(world.now)
    return ended, seen


def test_a_sure_winner_goes_to_the_rest(home: World):
    """B is clicked far more: the guard says so at an age of some hours, and the rest is due with B; the marts count the
    samples alone.
    """
    campaign, _ = played(home, (20, 90), hours=6.2)
    ended, seen = decided(home, campaign)
    assert ended == 1
    assert (seen.verdict.standing, seen.kept.decision.how) == (Standing.SURE, How.SURE)
    assert seen.kept.decision.winner == variant(home, campaign, "B")
    assert books(home, campaign) == {"accepted": 600, "due": 400}
    told = as_data(seen)
    assert [(v["people"], v["reacted"]) for v in told["variants"]] == [(300, 20), (300, 90)]
    assert "B is ahead beyond chance" in as_text(told)
    sent = deliver(home, campaign, home.now)
    react(home, campaign, sent, EventType.CLICKED, home.now, link=1)
    collect_once(home.settings, home.store)
    with closing(Reader(home.settings)) as reader:
        later = watch(home.store, reader, home.id, campaign, now=home.now)
    assert [c.people for c in later.counts.values()] == [300, 300]
    Scheduler(home.store, home.settings).tick(home.now)
    assert books(home, campaign) == {"accepted": 1_000}
    with home.store.read() as conn:
        assert campaigns.get(conn, home.id, campaign).state is CampaignState.CLOSED


@pytest.mark.parametrize(("otherwise", "expected"), [("first", {"due": 400}), ("nobody", {"skipped": 400})])
def test_an_open_end_is_said_and_does_what_was_set(home: World, otherwise: str, expected: dict[str, int]):
    """Nobody ahead when the hours are over: the rest gets the first version, or nothing, with its reason."""
    campaign, _ = played(home, (30, 33), otherwise=otherwise)
    ended, seen = decided(home, campaign)
    assert ended == 1
    assert (seen.verdict.standing, seen.kept.decision.how) == (Standing.INCONCLUSIVE, How.INCONCLUSIVE)
    assert books(home, campaign) == {"accepted": 600, **expected}
    if otherwise == "nobody":
        told = [e for e in events(home) if e.type is EventType.SKIPPED]
        assert {e.reason for e in told} == {"winner_not_chosen"}
        assert len({e.contact_id for e in told}) == len(told) == 400
    else:
        assert Counter(r.variant_id for r in rows(home, campaign) if r.state == "due") == {
            variant(home, campaign, "A"): 400
        }


@pytest.mark.parametrize("decide", ["at_time", "by_hand"])
def test_who_asked_for_a_time_or_a_hand_waits_for_it(home: World, decide: str):
    """However clear the lead: before the hours are over nothing is decided by itself."""
    campaign, _ = played(home, (20, 90), hours=6.2, decide=decide)
    ended, seen = decided(home, campaign)
    assert ended == 0
    assert seen.kept.decision is None
    assert books(home, campaign) == {"accepted": 600, "held": 400}


def test_machines_name_no_winner(home: World):
    """Only machines clicked: rates of people are nought, and the test ends open."""
    campaign, _ = played(home, (20, 250), machine=True)
    _, seen = decided(home, campaign)
    assert seen.kept.decision.how is How.INCONCLUSIVE
    assert [count.reacted for count in seen.counts.values()] == [0, 0]


def test_the_fewest_unsubscribes_win_on_the_whole_way(home: World):
    """By unsubscribes B, which has fewer, wins, though more is more by any other criterion."""
    campaign, _ = played(home, (80, 20), kind=EventType.UNSUBSCRIBED, criterion="unsubscribes", lift=0.001)
    _, seen = decided(home, campaign)
    assert seen.kept.decision.winner == variant(home, campaign, "B")


def test_versions_are_compared_at_equal_age(home: World):
    """B leaves ten hours after A and is clicked as often: A's head start is no lead."""
    home.add_contacts(1_000)
    campaign = begun(home, size=300)
    sent_at = home.now - timedelta(hours=12)
    sent = [r for r in rows(home, campaign) if r.state == "due"]
    deliver(home, campaign, sent_at)
    late = [r for r in sent if r.variant_id == variant(home, campaign, "B")]
    with home.store.write() as conn:
        conn.execute(outbox_table.delete())
        outbox.record(conn, [_event(EventType.PLANNED, campaign, r, sent_at) for r in sent])
        for r in sent:
            at = sent_at + timedelta(hours=10 if r in late else 0)
            outbox.record(conn, [_event(EventType.ACCEPTED, campaign, r, at, attempt=1, opens_measured=True)])
            if r.contact_id % 3 == 0:
                # Half an hour after it came, or after nine hours: of B's the second has not happened yet.
                after = timedelta(hours=0.5 if r.contact_id % 2 else 9)
                if at + after <= home.now:
                    outbox.record(conn, [_event(EventType.CLICKED, campaign, r, at + after, link=1)])
    collect_once(home.settings, home.store)
    with closing(Reader(home.settings)) as reader:
        seen = watch(home.store, reader, home.id, campaign, now=home.now)
    rates = [count.rate or 0.0 for count in seen.counts.values()]
    assert seen.age == 2
    assert abs(rates[0] - rates[1]) < 0.08
    assert seen.verdict.winner is None


def test_a_test_waits_for_its_samples(home: World):
    """While more than a twentieth of the samples is still to be sent nothing is old, and nothing decided."""
    campaign = begun_late(home)
    with closing(Reader(home.settings)) as reader:
        seen = watch(home.store, reader, home.id, campaign, now=home.now + timedelta(days=3))
    assert seen.age == 0
    assert seen.verdict.standing is Standing.WAITING


def begun_late(world: World) -> CampaignId:
    world.add_contacts(100)
    campaign = begun(world)
    collect_once(world.settings, world.store)
    return campaign
