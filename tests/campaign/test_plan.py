"""Planning freezes an audience: everybody once, nobody without consent, exact shares, nothing half-done."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from sillage.campaign import audience
from sillage.campaign.audience import audience_of
from sillage.campaign.create import create_campaign, parse_spec, read_folder
from sillage.campaign.plan import plan_campaign
from sillage.campaign.schedule import cancel, pause, resume, schedule
from sillage.domain.segment import parse_tree
from sillage.domain.segment_sql import Today, compile_segment
from sillage.errors import BadInput, NotFound, Refused, SillageError
from sillage.lake.event import decode
from sillage.settings import ROOT, Settings
from sillage.store import campaigns, segments, suppressions
from sillage.store.database import Store
from sillage.store.tables import consents, contacts, deliveries, outbox
from tests.world import BODY, World


@pytest.fixture
def world(any_store: Store, settings: Settings) -> World:
    """A world on each engine."""
    return World(any_store, settings)


def planned(world: World) -> Counter[str]:
    with world.store.read() as conn:
        return Counter(decode(bytes(row.body)).type.value for row in conn.execute(sa.select(outbox)))


def test_everybody_is_planned_once_with_an_event(world: World):
    """One delivery row and one event for each mailable contact, sealed with the size of the audience."""
    world.add_contacts(50)
    campaign = world.add_campaign()
    plan = plan_campaign(world.store, world.settings, world.id, campaign)
    assert plan.audience == 50
    assert plan.by_variant == {"A": 50}
    assert planned(world) == {"planned": 50}
    with world.store.read() as conn:
        found = campaigns.get(conn, world.id, campaign)
        assert (found.state, found.audience) == ("planned", 50)
        assert campaigns.balance(conn, world.id, campaign).counts == {"due": 50}


def test_nobody_without_consent_is_planned(world: World):
    """Withdrawn, missing and lapsed consent and each suppression leave a person out, with the reason counted."""
    world.add_contacts(10)
    with world.store.write() as conn:
        ids = [row.id for row in conn.execute(sa.select(contacts.c.id).order_by(contacts.c.id))]
        for contact, values in (
            (ids[0], {"marketing": "withdrawn"}),
            (ids[1], {"marketing": None}),
            (ids[2], {"lapses_at": world.now - timedelta(days=1)}),
            (ids[3], {"marketing_basis": "existing_customer"}),
        ):
            conn.execute(consents.update().where(consents.c.contact_id == contact).values(**values))
        for contact, reason in ((ids[4], "complaint"), (ids[5], "npai")):
            suppressions.suppress_contact(
                conn, world.id, contact, channel="email", reason=reason, campaign_id=None, now=world.now
            )
    plan = plan_campaign(world.store, world.settings, world.id, world.add_campaign())
    assert plan.audience == 4
    assert plan.left_out == {
        "unsubscribed": 1, "consent_missing": 2, "consent_too_old": 1, "complaint": 1, "npai": 1,
    }  # fmt: skip


def test_service_message_needs_no_consent_and_respects_hard_bounces(world: World):
    """A service message goes to who never agreed or complained, and not to an address that bounced for good."""
    world.add_contacts(3)
    with world.store.write() as conn:
        conn.execute(consents.delete())
        for contact, reason in ((1, "complaint"), (2, "hard_bounce")):
            suppressions.suppress_contact(
                conn, world.id, contact, channel="email", reason=reason, campaign_id=None, now=world.now
            )
    plan = plan_campaign(world.store, world.settings, world.id, world.add_campaign(kind="service"))
    assert (plan.audience, plan.left_out) == (2, {"hard_bounce": 1})


@pytest.mark.parametrize("count", [1, 2, 3, 10, 101])
def test_shares_are_exact_disjoint_and_stable(store: Store, settings: Settings, count: int):
    """Shares differ from what was asked by less than one person, and a second plan draws the same."""
    world = World(store, settings)
    world.add_contacts(count)
    variants = [{"name": n, "share": s, "subject": n, "html": BODY} for n, s in (("A", 0.5), ("B", 0.3), ("C", 0.2))]
    plan = plan_campaign(store, settings, world.id, world.add_campaign(variants=variants))
    assert sum(plan.by_variant.values()) == count
    for name, share in (("A", 0.5), ("B", 0.3), ("C", 0.2)):
        assert abs(plan.by_variant.get(name, 0) - share * count) < 1


def test_variant_by_segment_gets_its_own_people(world: World):
    """Each variant with a segment goes to that segment; who is in none is not mailed."""
    world.add_contacts(4, custom={"arm": "Mens"})
    world.add_contacts(3, custom={"arm": "Womens"})
    world.add_contacts(2, custom={"arm": "None"})
    with world.store.write() as conn:
        for arm in ("Mens", "Womens"):
            tree = parse_tree({"kind": "field", "field": "arm", "op": "equals", "value": arm})
            segments.save(conn, world.id, arm, tree, now=world.now)
    variants = [{"name": a, "segment": a, "subject": a, "html": BODY} for a in ("Mens", "Womens")]
    plan = plan_campaign(world.store, world.settings, world.id, world.add_campaign(variants=variants))
    assert plan.by_variant == {"Mens": 4, "Womens": 3}


def test_two_planners_at_once_plan_one_audience(world: World):
    """Two planners in the same second leave one row per recipient, and at most one of them is refused."""
    world.add_contacts(300)
    campaign = world.add_campaign()
    faults: list[SillageError] = []

    def plan() -> None:
        try:
            plan_campaign(world.store, world.settings, world.id, campaign)
        except SillageError as exc:
            faults.append(exc)

    threads = [threading.Thread(target=plan) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(isinstance(f, Refused) for f in faults)
    assert len(faults) <= 1
    with world.store.read() as conn:
        assert campaigns.get(conn, world.id, campaign).audience == 300
        assert conn.execute(sa.select(sa.func.count()).select_from(deliveries)).scalar() == 300
        events = {decode(bytes(r.body)).id for r in conn.execute(sa.select(outbox))}
        assert len(events) == 300


def test_killed_plan_is_finished_by_the_next(world: World):
    """A plan that was cut after some chunks is not sendable; the next planner finishes it and keeps who was chosen."""
    world.add_contacts(30)
    campaign = world.add_campaign()
    with world.store.write() as conn:
        campaigns.move(conn, world.id, campaign, to="planning", only_from=("scheduled",))
        variant = campaigns.variants_of(conn, world.id, campaign)[0].id
        row = {"account_id": world.id, "campaign_id": campaign, "variant_id": variant, "provider": "free"}
        conn.execute(
            deliveries.insert(), [{**row, "contact_id": i, "state": "due", "due_at": world.now} for i in range(1, 11)]
        )
        conn.execute(consents.update().where(consents.c.contact_id == 1).values(marketing="withdrawn"))
    assert plan_campaign(world.store, world.settings, world.id, campaign).audience == 30


def test_campaign_past_planning_is_not_planned_again(world: World):
    """A planned, sent or cancelled campaign is refused, so that nobody is mailed twice."""
    world.add_contacts(3)
    campaign = world.add_campaign()
    plan_campaign(world.store, world.settings, world.id, campaign)
    with pytest.raises(Refused, match="is planned"):
        plan_campaign(world.store, world.settings, world.id, campaign)


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        ({}, "nobody to mail: its segments are empty"),
        ({"contacts": 3, "html": "<p>{{ code }}</p>"}, r"\{\{ code \}\} is empty for 3 of 3 people"),
        ({"contacts": 3, "withdrawn": True}, "nobody to mail: 3 unsubscribed"),
    ],
)
def test_campaign_that_cannot_leave_says_why(world: World, prepare: dict, message: str):
    """A campaign without recipients or with an empty field is a draft again; no row and no event is left."""
    if prepare.get("contacts"):
        world.add_contacts(prepare["contacts"])
    if prepare.get("withdrawn"):
        with world.store.write() as conn:
            conn.execute(consents.update().values(marketing="withdrawn"))
    body = prepare.get("html", BODY)
    campaign = world.add_campaign(variants=[{"subject": "x", "html": body}])
    with pytest.raises(BadInput, match=message):
        plan_campaign(world.store, world.settings, world.id, campaign)
    assert planned(world) == {}
    with world.store.read() as conn:
        assert campaigns.get(conn, world.id, campaign).state == "draft"


def test_missing_field_with_a_default_stops_nothing(world: World):
    """A default in the template or of the variant stands in for an empty field."""
    world.add_contacts(2)
    variant = {"subject": "x", "html": "<p>{{ code }}</p>", "defaults": {"code": "none"}}
    assert plan_campaign(world.store, world.settings, world.id, world.add_campaign(variants=[variant])).audience == 2


def test_pause_resume_and_cancel_move_only_what_may_move(world: World):
    """Only a running campaign pauses, only a paused one goes on, and a closed one is not cancelled."""
    world.add_contacts(1)
    campaign = world.add_campaign()
    with world.store.write() as conn:
        with pytest.raises(Refused):
            pause(conn, world.id, campaign, reason="x")
        campaigns.move(conn, world.id, campaign, to="sending", only_from=("scheduled",))
        pause(conn, world.id, campaign, reason="wrong price")
        assert campaigns.get(conn, world.id, campaign).pause_reason == "wrong price"
        resume(conn, world.id, campaign)
        campaigns.move(conn, world.id, campaign, to="closed", only_from=("sending",))
        with pytest.raises(Refused, match="is closed"):
            cancel(conn, world.id, campaign)


def test_unverified_sender_and_account_without_identity_cannot_schedule(world: World):
    """A sender that is not verified and an account without legal name or address are refused."""
    with world.store.write() as conn:
        campaigns.add_sender(conn, world.id, "New", "new@maison.example", now=world.now)
    campaign = world.add_campaign(scheduled=False, sender={"name": "New", "email": "new@maison.example"})
    with world.store.write() as conn, pytest.raises(Refused, match="is not verified"):
        schedule(conn, world.id, campaign)
    with world.store.write() as conn:
        conn.execute(sa.text("update accounts set legal_name = ''"))
    other = world.add_campaign("Other", scheduled=False)
    with world.store.write() as conn, pytest.raises(Refused, match="no legal name"):
        schedule(conn, world.id, other)


def test_account_sees_only_its_own(world: World):
    """Another account's campaign, sender and segment are as unknown as one that never was."""
    world.add_contacts(2)
    campaign = world.add_campaign()
    stranger = world.id + 1
    with world.store.read() as conn:
        for look in (
            lambda: campaigns.get(conn, stranger, campaign),
            lambda: campaigns.sender(conn, stranger, 1),
            lambda: segments.by_name(conn, stranger, "All"),
        ):
            with pytest.raises(NotFound):
                look()
    with audience_of(world.store, stranger) as audience:
        assert audience.count(parse_tree({"kind": "everyone"})) == 0


def test_demo_campaign_folder_is_read():
    """The campaign that the demo sends is read from its folder as anybody's would be."""
    spec = read_folder(ROOT / "data" / "demo" / "campaign")
    assert [v.name for v in spec.variants] == ["A", "B"]


HEAD = 'name = "x"\ninclude=["All"]\nsender={name="a",email="b@c.example"}\n[[variants]]\nsubject="s"\n'


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("name = ", "does not parse"),
        ('name = "x"', "sender: Field required"),
        (
            'name = "x"\ninclude=["All"]\nsender={name="a",email="b@c.example"}\n[[variants]]\nsubject="s"',
            "mjml or html",
        ),
        (
            HEAD + 'html="../../etc/passwd"',
            "outside the campaign's folder",
        ),
    ],
)
def test_broken_campaign_folder_names_file_and_field(tmp_path: Path, toml: str, message: str):
    """A campaign.toml that does not parse or lacks a field is refused with the file, the field and the mend."""
    (tmp_path / "campaign.toml").write_text(toml)
    with pytest.raises(BadInput, match=message) as caught:
        read_folder(tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_name_is_taken_once(world: World):
    """Two campaigns of one name are refused, and the second leaves nothing behind."""
    world.add_campaign("One")
    with pytest.raises(BadInput, match="already"):
        world.add_campaign("One")
    with world.store.read() as conn:
        assert len(campaigns.listed(conn, world.id)) == 1


def test_unknown_segment_makes_no_campaign(world: World):
    """A campaign that names a segment that is not there is not made."""
    raw = {
        "name": "n", "sender": {"name": "Maison", "email": "news@maison.example"}, "include": ["Nobody"],
        "variants": [{"subject": "s", "html": BODY}],
    }  # fmt: skip
    with world.store.write() as conn, pytest.raises(NotFound, match="no segment 'Nobody'"):
        create_campaign(conn, world.settings, world.account, parse_spec(raw, where="t"), now=world.now)


LEAVES = st.one_of(
    st.just({"kind": "everyone"}),
    st.builds(
        lambda f, op, v: {"kind": "field", "field": f, "op": op, "value": v},
        st.sampled_from(["city", "first_name", "we'ird \" ~/col", "); drop table contacts; --"]),
        st.sampled_from(["equals", "contains", "starts_with"]),
        st.text(max_size=20),
    ),
    st.builds(lambda f: {"kind": "field", "field": f, "op": "empty"}, st.sampled_from(["city", "x"])),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda parts: {"kind": "and", "parts": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda parts: {"kind": "or", "parts": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda part: {"kind": "not", "part": part}, inner),
    ),
    max_leaves=6,
)


@given(TREES)
def test_segment_text_never_holds_a_value(raw: dict):
    """What a person typed is a bound value, never a piece of SQL."""
    query = compile_segment(parse_tree(raw), Today(datetime(2026, 11, 24, tzinfo=UTC)))
    assert "drop table" not in query.sql
    assert query.sql.count("?") == len(query.params)


def test_not_is_complement_and_empty_fails_comparisons(store: Store, settings: Settings):
    """NOT of a segment has exactly the others; an empty value fails each comparison; case and accents don't count."""
    world = World(store, settings)
    for city in ("Évian", "evian", "", None, "Brest"):
        world.add_contacts(1, city=city)
    with audience_of(store, world.id) as audience:

        def count(raw: dict) -> int:
            return audience.count(parse_tree(raw))

        evian = {"kind": "field", "field": "city", "op": "equals", "value": "EVIAN"}
        assert count(evian) == 2
        assert count({"kind": "not", "part": evian}) == 3
        assert count({"kind": "field", "field": "city", "op": "equals", "value": ""}) == 0
        assert count({"kind": "field", "field": "city", "op": "contains", "value": ""}) == 0
        assert count({"kind": "field", "field": "city", "op": "empty"}) == 2


def test_segment_reaches_nothing_outside_its_account(store: Store, settings: Settings, tmp_path: Path):
    """The connection that answers segments can read no file, attach no database and change no setting."""
    world = World(store, settings)
    (tmp_path / "secret.csv").write_text("a\n1\n")
    confined = audience._open(str(store.url), world.id, settings)
    for sql in (
        f"select * from read_csv('{tmp_path}/secret.csv')",
        f"attach '{tmp_path}/other.db'",
        "install httpfs",
        "set enable_external_access = true",
        f"copy (select 1) to '{tmp_path}/out.csv'",
    ):
        with pytest.raises(duckdb.Error, match=r"(?i)permission|disabled|lock|cannot"):
            confined._con.execute(sql)
    confined.close()
