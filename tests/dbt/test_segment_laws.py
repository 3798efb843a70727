"""The laws of segments, over contacts and events by chance: SQL and plain Python agree, in the marts and after them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from marts_world import CHANCE, NOON, OTHER_CHANCE, World, fact, make
from segment_oracle import Oracle

from sillage.campaign.audience import Audience, open_audience
from sillage.domain.ids import AccountId, ContactId
from sillage.domain.segment import as_json, parse_tree
from sillage.errors import BadInput
from sillage.lake.build import build_marts
from sillage.lake.event import Event, EventType, event_id
from sillage.lake.reader import Reader
from sillage.store import segments
from sillage.store.tables import accounts, campaigns, consents, contacts, group_members, groups, senders, suppressions

pytestmark = pytest.mark.slow

WORDS = ("Évian", "evian", "BREST", "", "a_b%", "Straße", "ñandú", "'; drop table contacts; --", "x y")
NUMBERS = ("5", "05", "5.0", "-3", "12.5", "1e2", "abc", "", " 7", "٣", "1_0")
DAYS = ("2026-11-24", "2026-11-20", "2025-02-29", "2024-02-29", "1990-11-26", "2026-12-01", "24/11/2026", "", "0001-01-01")
FLAGS = ("true", "Oui", "0", "non", "peut-être", "", True, False)
AGENTS = ("Mozilla/5.0 (iPhone) Mobile", "Mozilla/5.0 (Windows NT 10.0)", "Mozilla/5.0 (Linux; Android 14)", "curl/8")
OWN = "own/~field"
PEOPLE = 70
STRANGER = 2
UNSEEN_LINKS = count(77)


@dataclass(repr=False)
class Known:
    """One account in a store, asked in SQL and in plain Python."""

    world: World
    audience: Audience
    oracle: Oracle

    def __repr__(self) -> str:
        """Short: hypothesis prints it with each counterexample."""
        return "known"


@pytest.fixture(scope="module")
def early(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Audience]]:
    """A world with half of its events after the marts' as-of, and an audience that was opened and asked before those."""
    world = make(tmp_path_factory.mktemp("segments"))
    _people(world)
    build_marts(world.settings)
    audience = open_audience(world.store, AccountId(1), world.settings)
    audience.count(parse_tree({"kind": "engaged", "did": "opened"}))
    world.collect(world.late)
    world.collect(_site(random.Random(5)))  # noqa: S311  # a world, not a secret
    yield world, audience
    audience.close()
    world.store.close()


@pytest.fixture(scope="module", params=["after the marts", "in the marts"])
def known(request: pytest.FixtureRequest, early: tuple[World, Audience]) -> Iterator[Known]:
    """The world as it is, then with all of its events in the marts."""
    world, audience = early
    if request.param == "after the marts":
        yield Known(world, audience, _oracle(world))
        return
    build_marts(world.settings)
    with closing(open_audience(world.store, AccountId(1), world.settings)) as later:
        yield Known(world, later, _oracle(world))


def _people(world: World) -> None:
    rng = random.Random(3)  # noqa: S311  # a world, not a secret
    with world.store.write() as conn:
        conn.execute(accounts.insert().values(id=STRANGER, slug="other", name="Other", created_at=NOON))
        conn.execute(groups.insert(), [{"id": 1, "account_id": 1, "name": "VIP", "created_at": NOON},
                                       {"id": 2, "account_id": STRANGER, "name": "VIP", "created_at": NOON}])  # fmt: skip
        conn.execute(senders.insert().values(id=9, account_id=STRANGER, name="O", email="o@o.example", created_at=NOON))
        conn.execute(campaigns.insert().values(id=CHANCE + 100, account_id=STRANGER, name="Other", sender_id=9,
                                               include=[1], state="closed", created_at=NOON))  # fmt: skip
        rows = []
        for n in range(1, 2 * PEOPLE + 1):
            custom = {OWN: rng.choice(WORDS), "points": rng.choice(NUMBERS), "day": rng.choice(DAYS),
                      "flag": rng.choice(FLAGS), "real": rng.choice([5, 2.5, -1])}  # fmt: skip
            at = NOON - timedelta(days=rng.randint(0, 40), hours=rng.randint(0, 23))
            rows.append(
                {"id": n, "account_id": 1 if n <= PEOPLE else STRANGER, "email": f"p{n}@mail.example",
                 "email_hash": n.to_bytes(16, "big"), "provider": rng.choice(["gmail", "orange"]),
                 "city": rng.choice([*WORDS, None]), "birthday": rng.choice([*DAYS, None]),
                 "custom": {k: v for k, v in custom.items() if rng.random() < 0.8}, "source": "",
                 "created_at": at, "updated_at": at}
            )  # fmt: skip
        conn.execute(contacts.insert(), rows)
        for n in range(1, 2 * PEOPLE + 1):
            account = 1 if n <= PEOPLE else STRANGER
            if rng.random() < 0.4:
                conn.execute(group_members.insert().values(
                    group_id=account, contact_id=n, account_id=account, added_at=NOON))  # fmt: skip
            if rng.random() < 0.8:
                said, at = rng.choice([None, "granted", "withdrawn"]), NOON - timedelta(days=rng.randint(0, 1500))
                conn.execute(
                    consents.insert().values(
                        contact_id=n, channel="email", account_id=account, marketing=said,
                        marketing_basis="consent" if said else None, marketing_at=at if said else None,
                        lapses_at=at + timedelta(days=1096) if said == "granted" else None,
                        open_tracking=rng.choice([None, "granted"]),
                    )
                )  # fmt: skip
            if rng.random() < 0.2:
                conn.execute(suppressions.insert().values(
                    account_id=account, channel="email", address_hash=n.to_bytes(16, "big"), created_at=NOON,
                    reason=rng.choice(["npai", "complaint"])))  # fmt: skip
    strange = [
        fact(CHANCE + 100, PEOPLE + n, kind, n=n, opens_measured=True if kind is EventType.ACCEPTED else None)
        for n in range(1, PEOPLE)
        for kind in (EventType.ACCEPTED, EventType.OPENED, EventType.CLICKED)
    ]
    world.collect([Event(**{**{f: getattr(e, f) for f in e.__struct_fields__}, "account_id": STRANGER}) for e in strange])


def _site(rng: random.Random) -> list[Event]:
    """Pages seen, conversions, and clicks on all kinds of devices, some of them twice."""
    told = []
    for n in range(150):
        at = NOON - timedelta(days=rng.randint(0, 30), minutes=n)
        common: dict[str, Any] = {"account_id": 1, "contact_id": rng.randint(1, PEOPLE), "occurred_at": at, "recorded_at": at}
        kind = rng.choice([EventType.PAGE_VIEWED, EventType.CONVERTED, EventType.CLICKED])
        if kind is EventType.PAGE_VIEWED:
            common["page"] = rng.choice(["https://shop.example/Été", "https://shop.example/panier"])
        if kind is EventType.CLICKED:
            common |= {"campaign_id": rng.choice([CHANCE, OTHER_CHANCE]), "variant_id": 21, "link": 1,
                       "agent": rng.choice(AGENTS)}  # fmt: skip
        told.append(Event(id=event_id("site", n), type=kind, **common))
    return told + told[:20]


def _oracle(world: World) -> Oracle:
    reader = Reader(world.settings)
    events = reader.query("select * from lake.main.events where account_id = 1")
    agents = {r["event_id"]: r["agent"] for r in reader.query("select * from lake.main.event_personal")}
    reader.close()
    with world.store.read() as conn:
        people = [dict(r._mapping) for r in conn.execute(contacts.select().where(contacts.c.account_id == 1))]
        mine = conn.execute(group_members.select().where(group_members.c.account_id == 1))
        return Oracle(
            contacts=people,
            groups={"VIP": {r.contact_id for r in mine}},
            consents={r.contact_id: dict(r._mapping) for r in conn.execute(consents.select())},
            suppressed={
                r.address_hash: r.reason
                for r in conn.execute(suppressions.select().where(suppressions.c.account_id == 1))
            },
            events=events,
            agents=agents,
            links={"https://acme.example/": {(c * 10 + 1, 1) for c in range(1, 8)}},
            now=NOON,
            zone="Europe/Paris",
        )


def _node(kind: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"kind": st.just(kind)}, optional=fields)


def _field(names: tuple[str, ...], ops: tuple[str, ...], values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {"kind": st.just("field"), "field": st.sampled_from(names), "op": st.sampled_from(ops), "value": values}
    )


TEXTS = st.one_of(st.sampled_from(WORDS), st.text(max_size=3))
FIELDS = st.one_of(
    _field(("city", OWN, "email", "nowhere"), ("equals", "contains", "starts_with", "ends_with"), TEXTS),
    _field(("city", OWN), ("in",), st.lists(TEXTS, min_size=1, max_size=3)),
    _field(("points", "real", "city"), ("less", "at_most", "more", "at_least", "equals"),
           st.sampled_from([5.0, 2.5, -3.0, 100.0])),
    _field(("day", "birthday", "created_at"), ("before", "after", "on"), st.sampled_from(["2026-11-20", "2024-02-29"])),
    _field(("day", "birthday", "updated_at"), ("within_last", "within_next", "longer_ago"), st.integers(0, 30).map(float)),
    _field(("day", "birthday"), ("birthday_within",), st.sampled_from([0.0, 3.0, 100.0, 366.0])),
    _field(("flag", OWN, "birthday", "nowhere"), ("empty", "is_true", "is_false"), st.none()),
)  # fmt: skip
MAYBE_DAYS = st.integers(0, 40)
CAMPAIGN = st.sampled_from([1, CHANCE, OTHER_CHANCE, CHANCE + 100])
ENGAGED = st.one_of(
    st.fixed_dictionaries(
        {"kind": st.just("engaged"), "did": st.sampled_from(["opened", "clicked", "received"])},
        optional={"campaign": CAMPAIGN, "days": MAYBE_DAYS, "at_least": st.integers(1, 3),
                  "counting": st.just("times")},
    ).filter(lambda t: t["did"] != "received" or "counting" not in t),
    st.fixed_dictionaries(
        {"kind": st.just("engaged"), "did": st.sampled_from(["opened", "clicked", "received"]),
         "last": st.integers(1, 4)}, optional={"at_least": st.integers(1, 3)},
    ),
    st.fixed_dictionaries(
        {"kind": st.just("engaged"), "did": st.sampled_from(["not_opened", "not_clicked"])},
        optional={"campaign": CAMPAIGN, "days": MAYBE_DAYS},
    ),
    st.fixed_dictionaries(
        {"kind": st.just("engaged"), "did": st.sampled_from(["not_opened", "not_clicked"]), "last": st.integers(1, 4)}
    ),
    st.fixed_dictionaries(
        {"kind": st.just("engaged"), "did": st.sampled_from(["clicked", "not_clicked"])},
        optional={"campaign": CAMPAIGN, "link": st.integers(1, 2), "url": st.just("https://acme.example/")},
    ),
)  # fmt: skip
LEAVES = st.one_of(
    st.just({"kind": "everyone"}), FIELDS, FIELDS, ENGAGED, ENGAGED,
    st.just({"kind": "group", "name": "VIP"}), st.just({"kind": "group", "name": "none"}),
    st.fixed_dictionaries(
        {"kind": st.just("consent"), "purpose": st.just("marketing"),
         "state": st.sampled_from(["granted", "withdrawn", "lapsed"])},
        optional={"older_than_days": st.sampled_from([0, 365]), "newer_than_days": st.sampled_from([30, 1000])},
    ),
    st.fixed_dictionaries({"kind": st.just("consent"), "purpose": st.sampled_from(["marketing", "open_tracking"]),
                           "state": st.just("unknown")}),
    _node("suppressed", reasons=st.just(["npai"])),
    _node("bounced", classes=st.sampled_from([["soft"], ["npai", "hard"]]), days=MAYBE_DAYS),
    _node("visited", page=st.sampled_from(["ETE", "shop", "x"]), days=MAYBE_DAYS, at_least=st.integers(1, 2)),
    _node("converted", days=MAYBE_DAYS, at_least=st.integers(1, 2)),
    st.fixed_dictionaries({"kind": st.just("device"), "device": st.sampled_from(["mobile", "tablet", "desktop"])},
                          optional={"days": MAYBE_DAYS}),
)  # fmt: skip
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda parts: {"kind": "and", "parts": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda parts: {"kind": "or", "parts": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda part: {"kind": "not", "part": part}, inner),
    ),
    max_leaves=6,
)
LAW = hypothesis_settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@LAW
@given(raw=TREES)
def test_segment_sql_agrees_with_plain_python(known: Known, raw: dict[str, Any]) -> None:
    """The members that DuckDB finds are those for whom the tree holds in plain Python, and their count is theirs."""
    tree = parse_tree(raw)
    members = known.audience.in_segment(tree, now=NOON).to_list()
    assert set(members) == known.oracle.members(raw)
    assert len(members) == len(set(members)) == known.audience.count(tree, now=NOON)
    assert as_json(parse_tree(as_json(tree))) == as_json(tree)


@LAW
@given(raw=TREES)
def test_not_is_the_complement_and_nobody_else_is_seen(known: Known, raw: dict[str, Any]) -> None:
    """A segment and its negation share nobody, make up the whole account, and hold nobody of another account."""
    ours = set(known.audience.in_segment(parse_tree(raw), now=NOON))
    others = set(known.audience.in_segment(parse_tree({"kind": "not", "part": raw}), now=NOON))
    assert not ours & others
    assert ours | others == set(range(1, PEOPLE + 1))


@LAW
@given(raw=TREES, who=st.integers(1, PEOPLE))
def test_why_says_of_each_clause_what_holds(known: Known, raw: dict[str, Any], who: int) -> None:
    """The explanation of one contact gives the segment's own answer, and each clause's."""
    verdict = known.audience.why(parse_tree(raw), ContactId(who), now=NOON)
    person = next(c for c in known.oracle.contacts if c["id"] == who)
    waiting = [verdict]
    while waiting:
        one = waiting.pop()
        assert one.holds == known.oracle.holds(as_json(one.tree), person)
        waiting += one.parts


def test_a_late_event_changes_the_answer_at_once(known: Known) -> None:
    """A click that comes after marts and tail were read is in the next answer of the same audience."""
    link = next(UNSEEN_LINKS)
    tree = parse_tree({"kind": "engaged", "did": "clicked", "campaign": OTHER_CHANCE, "link": link})
    assert known.audience.count(tree) == 0
    # Two links at once would be a machine's click.
    known.world.collect([fact(OTHER_CHANCE, 9, EventType.CLICKED, minutes=60 * link, n="late", link=link)])
    assert known.audience.in_segment(tree).to_list() == [9]


def test_saved_segments_are_looked_into_and_may_not_hold_themselves(known: Known) -> None:
    """A nested segment means its tree; a name that is not there and a circle are refused in words."""
    account = AccountId(1)
    inner = {"kind": "field", "field": "city", "op": "equals", "value": "brest"}
    with known.world.store.write() as conn:
        segments.save(conn, account, "Brest", parse_tree(inner), now=NOON)
        segments.save(conn, account, "Not Brest", parse_tree({"kind": "not", "part": {"kind": "segment", "name": "Brest"}}),
                      now=NOON)  # fmt: skip
    nested = parse_tree({"kind": "segment", "name": "Not Brest"})
    assert set(known.audience.in_segment(nested)) == known.oracle.members({"kind": "not", "part": inner})
    with pytest.raises(BadInput, match="no segment 'Nowhere'"):
        known.audience.count(parse_tree({"kind": "segment", "name": "Nowhere"}))
    with known.world.store.write() as conn, pytest.raises(BadInput, match="holds itself"):
        segments.save(conn, account, "Brest", nested, now=NOON)
