"""Approval by a second person: never the author's, of exactly what leaves, and taken back by any change of it."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from sillage.campaign import approval
from sillage.campaign.plan import plan_campaign
from sillage.campaign.schedule import cancel, move_to, schedule
from sillage.domain.approval import ApprovalState
from sillage.domain.campaign import CampaignState as S
from sillage.domain.ids import AccountId, CampaignId
from sillage.domain.segment import parse_tree
from sillage.domain.sign_in import Role
from sillage.errors import BadInput, NotFound, Refused, SillageError
from sillage.settings import Settings
from sillage.store import accounts, approvals, campaigns, segments, users
from sillage.store.database import Store
from sillage.store.tables import campaigns as campaigns_table
from sillage.store.tables import variants
from tests.world import World


@pytest.fixture
def world(any_store: Store, settings: Settings) -> World:
    """An account that wants approval, with Ada (1) and Bob (2), and Eve (3) of nowhere."""
    made = World(any_store, settings)
    made.add_contacts(3)
    with made.store.write() as conn:
        for name in ("ada", "bob", "eve"):
            user = users.add(
                conn, email=f"{name}@maison.example", name=name.title(), language="en", password_hash="x", now=made.now
            )
            if name != "eve":
                users.join(conn, made.id, user.id, Role.MEMBER, now=made.now)
        accounts.set_approval(conn, made.id, needed=True)
    return made


ADA, BOB, EVE = 1, 2, 3


def ready(world: World, name: str = "News", *, by: int | None = ADA) -> CampaignId:
    made = world.add_campaign(name, scheduled=False, send_at=world.now + timedelta(hours=2))
    with world.store.write() as conn:
        schedule(conn, world.id, made, by=by, now=world.now)
    return made


def state(world: World, campaign: CampaignId) -> S:
    with world.store.read() as conn:
        return campaigns.get(conn, world.id, campaign).state


def decide(world: World, campaign: CampaignId, by: int, words: str | None = None) -> None:
    with world.store.write() as conn:
        if words is None:
            approval.approve(conn, world.id, campaign, by=by, now=world.now)
        else:
            approval.refuse(conn, world.id, campaign, by=by, now=world.now, words=words)


def test_a_campaign_made_ready_waits_and_leaves_once_another_member_approves(world: World) -> None:
    """It waits, can't be planned, is approved by Bob, and is then planned; who and when is written down."""
    made = ready(world)
    assert state(world, made) is S.APPROVAL
    with pytest.raises(Refused):
        plan_campaign(world.store, world.settings, world.id, made)
    decide(world, made, BOB)
    assert state(world, made) is S.SCHEDULED
    with world.store.read() as conn:
        found = approvals.latest(conn, world.id, made)
    assert found is not None
    assert (found.state, found.asked_by_name, found.decided_by_name) == (ApprovalState.APPROVED, "Ada", "Bob")
    assert found.decided_at is not None
    assert plan_campaign(world.store, world.settings, world.id, made).audience == 3


@pytest.mark.parametrize(("by", "why"), [(ADA, "nobody approves what they made"), (EVE, "member of the account")])
def test_the_author_and_strangers_approve_nothing(world: World, by: int, why: str) -> None:
    """Neither who asked nor who is of no such account may decide, either way."""
    made = ready(world)
    for words in (None, "no"):
        with pytest.raises(Refused, match=why):
            decide(world, made, by, words)
    assert state(world, made) is S.APPROVAL


def test_who_made_it_can_not_approve_it_though_somebody_else_asked(world: World) -> None:
    """The maker is an author as well as who asked for the approval."""
    made = ready(world, by=BOB)
    with world.store.write() as conn:
        conn.execute(campaigns_table.update().values(created_by=ADA))
    for by in (ADA, BOB):
        with pytest.raises(Refused, match="nobody approves"):
            decide(world, made, by)


def test_nobody_asks_for_nothing(world: World) -> None:
    """Where it is not said who asks, and nobody made it, it is refused and stays a draft."""
    with pytest.raises(Refused, match="--by"):
        ready(world, by=None)


def test_a_refusal_needs_words_and_makes_it_a_draft_again(world: World) -> None:
    """Refused, the author reads why; asked for again, it waits again."""
    made = ready(world)
    with pytest.raises(BadInput, match="say why"):
        decide(world, made, BOB, "  ")
    decide(world, made, BOB, "the price is wrong")
    assert state(world, made) is S.DRAFT
    with world.store.write() as conn:
        found = approvals.latest(conn, world.id, made)
        schedule(conn, world.id, made, by=ADA, now=world.now)
    assert found is not None
    assert found.words == "the price is wrong"
    assert state(world, made) is S.APPROVAL


def test_a_changed_audience_takes_the_approval_back(world: World) -> None:
    """The segment's rule changed after the approval: it is not planned, waits again, and says why."""
    made = ready(world)
    decide(world, made, BOB)
    with world.store.write() as conn:
        tree = parse_tree({"kind": "field", "field": "provider", "op": "equals", "value": "gmail"})
        segments.save(conn, world.id, "All", tree, now=world.now)
    with pytest.raises(Refused, match="changed after it was approved"):
        plan_campaign(world.store, world.settings, world.id, made)
    assert state(world, made) is S.APPROVAL
    with world.store.read() as conn:
        states = [a.state for a in approvals.history(conn, world.id, made)]
    assert states == [ApprovalState.ASKED, ApprovalState.TAKEN_BACK]


def test_a_changed_content_takes_the_approval_back(world: World) -> None:
    """Another subject, however it came about, is not what was approved."""
    made = ready(world)
    decide(world, made, BOB)
    with world.store.write() as conn:
        conn.execute(variants.update().values(subject="Something else"))
    with pytest.raises(Refused, match="changed after it was approved"):
        plan_campaign(world.store, world.settings, world.id, made)


def test_another_time_takes_the_approval_back(world: World) -> None:
    """Moved, it waits for approval again; without the setting it is simply moved."""
    made = ready(world)
    decide(world, made, BOB)
    later = world.now + timedelta(days=1)
    with world.store.write() as conn:
        move_to(conn, world.id, made, send_at=later, by=ADA, now=world.now)
    assert state(world, made) is S.APPROVAL
    decide(world, made, BOB)
    with world.store.write() as conn:
        accounts.set_approval(conn, world.id, needed=False)
        move_to(conn, world.id, made, send_at=later + timedelta(hours=1), by=ADA, now=world.now)
        found = campaigns.get(conn, world.id, made)
    assert (found.state, found.send_at) == (S.SCHEDULED, later + timedelta(hours=1))


def test_what_was_looked_at_is_what_is_approved(world: World) -> None:
    """A change between looking and approving is told; the new look may be approved."""
    made = ready(world)
    with world.store.write() as conn:
        seen = approval.fingerprint_of(conn, world.id, campaigns.get(conn, world.id, made))
        conn.execute(variants.update().values(preheader="More"))
        with pytest.raises(Refused, match="look at it again"):
            approval.approve(conn, world.id, made, by=BOB, now=world.now, seen=seen)
        again = approval.fingerprint_of(conn, world.id, campaigns.get(conn, world.id, made))
        approval.approve(conn, world.id, made, by=BOB, now=world.now, seen=again)
    assert plan_campaign(world.store, world.settings, world.id, made).audience == 3


def test_one_scheduled_before_the_setting_waits_too(world: World) -> None:
    """With the setting on nothing leaves that nobody approved, whenever it was scheduled."""
    with world.store.write() as conn:
        accounts.set_approval(conn, world.id, needed=False)
    made = world.add_campaign()
    with world.store.write() as conn:
        accounts.set_approval(conn, world.id, needed=True)
    with pytest.raises(Refused, match="nobody has approved it"):
        plan_campaign(world.store, world.settings, world.id, made)
    assert state(world, made) is S.APPROVAL


def test_two_who_decide_at_once_are_one_decision(world: World) -> None:
    """Approved and refused in the same moment, one of them holds."""
    made = ready(world)
    with world.store.write() as conn:
        carl = users.add(conn, email="carl@x.example", name="C", language="en", password_hash="x", now=world.now)
        users.join(conn, world.id, carl.id, Role.MEMBER, now=world.now)
    faults: list[SillageError] = []

    def act(by: int, words: str | None) -> None:
        try:
            decide(world, made, by, words)
        except SillageError as exc:
            faults.append(exc)

    threads = [threading.Thread(target=act, args=(BOB, None)), threading.Thread(target=act, args=(carl.id, "no"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(faults) == 1
    assert state(world, made) in {S.SCHEDULED, S.DRAFT}


def test_one_that_waits_can_be_cancelled_and_is_unknown_elsewhere(world: World) -> None:
    """The author may give it up; another account has no such campaign."""
    made = ready(world)
    with world.store.write() as conn, pytest.raises(NotFound):
        approval.approve(conn, AccountId(99), made, by=BOB, now=world.now)
    with world.store.write() as conn:
        cancel(conn, world.id, made)
    with pytest.raises(Refused, match="cancelled"):
        decide(world, made, BOB)
