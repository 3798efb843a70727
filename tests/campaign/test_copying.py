"""A campaign copied is the same again; what the form holds makes the very campaign; and once more to the silent."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sillage.campaign.again import To, campaign_again, draft_again, tree_of
from sillage.campaign.copying import copy_name, duplicate, spec_of
from sillage.campaign.create import parse_spec
from sillage.campaign.form import form_of, spec_of_form, to_draft
from sillage.domain.campaign import CampaignState, SourceKind
from sillage.domain.ids import AccountId, CampaignId
from sillage.domain.segment import as_json, parse_tree
from sillage.errors import BadInput, NotFound, Refused
from sillage.settings import Settings
from sillage.store import campaigns, drafts, segments
from sillage.store.campaigns import Sender
from sillage.store.database import Store
from sillage.store.drafts import Written
from sillage.store.tables import campaigns as campaigns_table
from tests.world import BODY, World

TEST = {"size": 20, "criterion": "opens", "lift": 0.05, "decide": "at_time", "decide_after_hours": 6,
        "otherwise": "nobody", "hold_out": 3}  # fmt: skip
TWO = [
    {"name": "A", "subject": "One {{ first_name }}", "html": BODY, "preheader": "p", "defaults": {"first_name": "you"}},
    {"name": "B", "subject": "Two", "html": BODY, "after_hours": 2},
]
SENDER = Sender(7, "Maison", "news@maison.example", None, None)


@pytest.fixture
def world(any_store: Store, settings: Settings) -> World:
    """Ten people and a segment."""
    made = World(any_store, settings)
    made.add_contacts(10)
    return made


def over(world: World, **spec: Any) -> CampaignId:
    """A campaign that has sent what it had."""
    made = world.add_campaign(scheduled=False, **spec)
    with world.store.write() as conn:
        conn.execute(campaigns_table.update().values(state=CampaignState.CLOSED, started_at=world.now))
    return made


def test_a_duplicate_is_the_same_but_for_its_name_and_time(world: World) -> None:
    """Content, audience, test and pace are the copy's too; it is a draft without a time, and its name is free."""
    made = world.add_campaign(scheduled=False, variants=TWO, test=TEST, spread_hours=2, per_hour=100, exclude=["All"])
    with world.store.write() as conn:
        first = duplicate(conn, world.settings, world.account, made, name=None, by=None, now=world.now)
        second = duplicate(conn, world.settings, world.account, made, name=None, by=None, now=world.now)
        found = [campaigns.get(conn, world.id, i) for i in (made, first, second)]
        specs = [{**spec_of(conn, world.id, c), "name": ""} for c in found]
    assert specs[0] == specs[1] == specs[2]
    assert [c.name for c in found] == ["News", "Copie de « News »", "Copie de « News » (2)"]
    assert [c.send_at for c in found[1:]] == [None, None]
    assert found[1].state is CampaignState.DRAFT


def test_a_copy_keeps_its_files_and_another_account_has_none_of_it(world: World) -> None:
    """Attached files go with a copy; a campaign of somebody else's account is unknown."""
    files = [{"path": "plan.pdf", "content": b"%PDF-1.4"}]
    made = world.add_campaign(scheduled=False, variants=[{"subject": "S", "html": BODY, "files": files}])
    with world.store.write() as conn:
        copy = duplicate(conn, world.settings, world.account, made, name="C", by=None, now=world.now)
        (variant,) = campaigns.variants_of(conn, world.id, copy)
        with pytest.raises(Refused, match=r"plan\.pdf"):
            to_draft(conn, world.settings, world.account, made, name="D", by=None, now=world.now)
        with pytest.raises(NotFound):
            campaigns.get(conn, AccountId(99), copy)
    assert [(f.name, f.content) for f in variant.source.files] == [("plan.pdf", b"%PDF-1.4")]


def test_a_draft_of_a_campaign_makes_the_very_campaign_again(world: World) -> None:
    """Through the draft and its form nothing of content, audience and test is lost."""
    made = world.add_campaign(scheduled=False, variants=TWO, test=TEST)
    with world.store.write() as conn:
        draft = to_draft(conn, world.settings, world.account, made, name="News", by=None, now=world.now)
        before = spec_of(conn, world.id, campaigns.get(conn, world.id, made))
        after = spec_of_form(draft.form, draft.written, campaigns.senders_of(conn, world.id))
    parsed = [parse_spec({k: v for k, v in spec.items() if k in after}, where="x") for spec in (before, after)]
    assert [v.source for v in parsed[0].variants] == [v.source for v in parsed[1].variants]
    assert [v.after_hours for v in parsed[1].variants] == [0, 2]
    assert parsed[0].test == parsed[1].test
    assert (parsed[0].include, parsed[0].sender) == (parsed[1].include, parsed[1].sender)


_LINE = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=20).map(lambda s: f"x{s}")


@given(
    st.lists(st.tuples(_LINE, _LINE, st.sampled_from(["html", "mjml"])), min_size=1, max_size=5), st.booleans(),
    st.data(),
)  # fmt: skip
def test_form_and_plain_data_are_each_others_inverse(
    contents: list[tuple[str, str, str]], is_test: bool, data: st.DataObject
) -> None:
    """Whatever versions, shares or test a campaign has, the form holds it and gives it back."""
    count, shares = len(contents), [0.0]
    if count > 1 and not is_test:
        cuts = sorted(data.draw(st.sets(st.integers(1, 99), min_size=count - 1, max_size=count - 1)))
        shares = [(b - a) / 100 for a, b in zip([0, *cuts], [*cuts, 100], strict=True)]
    versions = [
        {"name": "ABCDE"[at], "subject": subject, "preheader": "", kind: body, "defaults": {"city": subject}}
        | ({"share": shares[at]} if len(shares) > 1 else {})
        for at, (subject, body, kind) in enumerate(contents)
    ]
    spec = {
        "name": "N", "kind": "marketing", "sender": {"name": SENDER.name, "email": SENDER.email, "reply_to": None},
        "include": ["All"], "exclude": [], "variants": versions, "test": TEST if is_test and count > 1 else None,
    }  # fmt: skip
    first = versions[0]
    kind = SourceKind.HTML if "html" in first else SourceKind.MJML
    written = Written(kind, first[kind.value], first["subject"], "")
    back = parse_spec(spec_of_form(form_of(spec, [SENDER]), written, [SENDER]), where="back")
    wanted = parse_spec(spec, where="wanted")
    assert [v.source for v in back.variants] == [
        v.source for v in parse_spec(_stripped(spec), where="stripped").variants
    ]
    assert [v.share for v in back.variants] == pytest.approx([v.share for v in wanted.variants])
    assert back.test == wanted.test


def _stripped(spec: dict[str, Any]) -> dict[str, Any]:
    """Defaults without the blanks around them: a box that holds nothing else is an empty one."""
    versions = [{**v, "defaults": {k: s.strip() or " " for k, s in v["defaults"].items()}} for v in spec["variants"]]
    return {**spec, "variants": versions}


def test_once_more_goes_to_the_silent_with_another_subject(world: World) -> None:
    """One version, a saved segment of whom it reached without a click, and a subject that is new."""
    made = over(world, variants=TWO, test=TEST)
    with world.store.write() as conn:
        draft = draft_again(
            conn, world.settings, world.account, made, To.NON_CLICKERS, subject=" Missed? ", by=None, now=world.now
        )
        again = campaign_again(
            conn, world.settings, world.account, made, To.NON_OPENERS, subject="Missed?", name=None, by=None,
            now=world.now,
        )  # fmt: skip
        named = {s.name: as_json(s.tree) for s in segments.listed(conn, world.id)}
        (variant,) = campaigns.variants_of(conn, world.id, again)
    assert draft.written.subject == "Missed?"
    assert draft.form["include"] == ["N\u2019ont pas cliqué : News"]
    assert draft.form["versions"] == 1
    assert "criterion" not in draft.form
    assert named["N\u2019ont pas cliqué : News"] == as_json(parse_tree(tree_of(made, To.NON_CLICKERS)))
    assert variant.source.subject == "Missed?"


def test_once_more_makes_one_segment_however_often(world: World) -> None:
    """Asked again, the same segment is taken; a name that means something else is left alone."""
    made = over(world)
    with world.store.write() as conn:
        segments.save(conn, world.id, "N\u2019ont pas cliqué : News", parse_tree({"kind": "everyone"}), now=world.now)
        for _ in range(2):
            draft = draft_again(
                conn, world.settings, world.account, made, To.NON_CLICKERS, subject="Missed?", by=None, now=world.now
            )
        names = [s.name for s in segments.listed(conn, world.id)]
    assert draft.form["include"] == ["N\u2019ont pas cliqué : News (2)"]
    assert len(names) == 3


@pytest.mark.parametrize("subject", ["", "  ", "Hello", " Hello "])
def test_once_more_wants_a_new_subject(world: World, subject: str) -> None:
    """The old subject, or none, is refused, and nothing is made."""
    made = over(world)
    with world.store.write() as conn, pytest.raises(BadInput, match="another subject"):
        draft_again(conn, world.settings, world.account, made, To.NON_CLICKERS, subject=subject, by=None, now=world.now)
    with world.store.read() as conn:
        assert drafts.listed(conn, world.id) == []


def test_once_more_waits_until_it_is_over(world: World) -> None:
    """While a campaign still sends, nobody can say who did not react."""
    made = world.add_campaign()
    with world.store.write() as conn, pytest.raises(Refused, match="once it is over"):
        draft_again(conn, world.settings, world.account, made, To.NON_CLICKERS, subject="x", by=None, now=world.now)


def test_copies_find_a_free_name(world: World) -> None:
    """The third copy has a number."""
    made = world.add_campaign(scheduled=False)
    with world.store.write() as conn:
        campaign = campaigns.get(conn, world.id, made)
        for _ in range(3):
            last = copy_name(conn, world.account, campaign)
            duplicate(conn, world.settings, world.account, made, name=last, by=None, now=world.now)
    assert last == "Copie de « News » (3)"
