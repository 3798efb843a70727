"""What follows from bounces, by policy, on both engines."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from sillage.campaign import regain
from sillage.commands import account as account_command
from sillage.commands import bounce as bounce_command
from sillage.commands import complaints as complaints_command
from sillage.domain.bounce_policy import DEFAULT_POLICY, BouncePolicy, Follow
from sillage.domain.bounce_rules import BounceClass, rules_with
from sillage.domain.complaint_sums import read_sums
from sillage.domain.ids import CampaignId, ContactId
from sillage.errors import BadInput
from sillage.lake.event import Event, EventType, event_id
from sillage.settings import Settings
from sillage.store import accounts, bounces, reported, signals
from sillage.store.database import Store
from sillage.store.signals import Bounce
from sillage.store.tables import contact_bounces
from tests.conftest import SECRET
from tests.listening import EMAIL, NOW, Scene

SOFT = Bounce(BounceClass.SOFT, "mailbox_full", "5.2.2", 552, "mailbox full", "mailbox-full")
NPAI = Bounce(BounceClass.NPAI, "unknown_user", "5.0.0", 550, f"zork <{EMAIL}> blocked by the moon", "old-rule")
POLICY = BouncePolicy(DEFAULT_POLICY.follows, recommend_after=3, within_days=90, min_campaigns=2)


@pytest.fixture
def scene(any_store: Store) -> Scene:
    """One message to one person, on each engine."""
    return Scene.set_up(any_store, SECRET)


def came_back(scene: Scene, bounced: Bounce, *, campaign: int, at: datetime, via: str = "mail") -> None:
    """A refusal of one campaign's message to the scene's person."""
    recipient = msgspec.structs.replace(scene.recipient, campaign_id=CampaignId(campaign))
    with scene.store.write() as conn:
        signals.bounce(
            conn, scene.account_id, recipient, bounced, via=via, key=f"{campaign} {at}", occurred_at=at, secret=SECRET
        )


def delivered(scene: Scene, *, campaign: int, at: datetime) -> None:
    """A server took a campaign's message to the scene's person."""
    event = Event(
        id=event_id("accepted", campaign, at),
        type=EventType.ACCEPTED,
        account_id=scene.account_id,
        campaign_id=campaign,
        contact_id=scene.recipient.contact_id,
        occurred_at=at,
        recorded_at=at,
    )
    with scene.store.write() as conn:
        bounces.follow(conn, [event], now=at)


def recommended(scene: Scene, policy: BouncePolicy = POLICY, *, now: datetime = NOW) -> list[tuple[int, int, int]]:
    """Contacts recommended for removal, with their bounces and campaigns."""
    with scene.store.read() as conn:
        found = bounces.recommended(conn, scene.account_id, policy, now=now)
    return [(one.contact_id, one.bounces, one.campaigns) for one in found]


def days(count: float) -> timedelta:
    """Days."""
    return timedelta(days=count)


def test_soft_bounces_add_up_to_a_recommendation(scene: Scene) -> None:
    """N in D days over K campaigns: not before N, not of too few campaigns, not of long ago."""
    who = scene.recipient.contact_id
    came_back(scene, SOFT, campaign=1, at=NOW - days(20))
    came_back(scene, SOFT, campaign=1, at=NOW - days(19))
    assert recommended(scene) == []
    came_back(scene, SOFT, campaign=1, at=NOW - days(18))
    assert recommended(scene) == []
    came_back(scene, SOFT, campaign=2, at=NOW - days(17))
    assert recommended(scene) == [(who, 4, 2)]
    assert recommended(scene, now=NOW + days(80)) == []
    assert scene.suppressed() is None


def test_delivery_starts_the_count_anew(scene: Scene) -> None:
    """A message that arrived ends the row of bounces (trap 23); what comes after is counted from nought."""
    for campaign in (1, 2, 3):
        came_back(scene, SOFT, campaign=campaign, at=NOW - days(10 - campaign))
    assert recommended(scene) != []
    delivered(scene, campaign=4, at=NOW - days(3))
    assert recommended(scene) == []
    came_back(scene, SOFT, campaign=5, at=NOW - days(2))
    assert recommended(scene) == []


def test_message_that_was_taken_and_came_back_is_no_delivery(scene: Scene) -> None:
    """A server that says 250 and returns the mail an hour later has delivered nothing: the count goes on."""
    for campaign in (1, 2):
        came_back(scene, SOFT, campaign=campaign, at=NOW - days(10 - campaign))
    delivered(scene, campaign=3, at=NOW - days(3))
    came_back(scene, SOFT, campaign=3, at=NOW - days(3) + timedelta(hours=1))
    assert recommended(scene) == [(scene.recipient.contact_id, 3, 3)]


def test_replayed_bounce_counts_once(scene: Scene) -> None:
    """The same report three times is one bounce (trap 12)."""
    for _ in range(3):
        came_back(scene, SOFT, campaign=1, at=NOW)
    with scene.store.read() as conn:
        assert conn.execute(sa.select(sa.func.count()).select_from(contact_bounces)).scalar_one() == 1


@pytest.mark.parametrize("kind", [BounceClass.BLOCK, BounceClass.UNKNOWN])
def test_block_says_nothing_of_the_person(scene: Scene, kind: BounceClass) -> None:
    """However often we are blocked, nothing is held against the person (traps 21, 22)."""
    for campaign in (1, 2, 3):
        came_back(scene, Bounce(kind), campaign=campaign, at=NOW)
    assert (recommended(scene), scene.suppressed()) == ([], None)


def test_policy_decides_what_follows(scene: Scene) -> None:
    """An account that keeps NPAI and deactivates soft bounces gets just that."""
    follows = {**DEFAULT_POLICY.follows, BounceClass.NPAI: Follow.COUNT, BounceClass.SOFT: Follow.DEACTIVATE}
    with scene.store.write() as conn:
        bounces.save_policy(conn, scene.account_id, BouncePolicy(follows), now=NOW)
        assert bounces.policy_of(conn, scene.account_id) == BouncePolicy(follows)
    came_back(scene, NPAI, campaign=1, at=NOW)
    assert scene.suppressed() is None
    came_back(scene, SOFT, campaign=2, at=NOW)
    assert scene.suppressed() == "soft_bounce"


def test_session_bounces_follow_the_policy_too(scene: Scene) -> None:
    """What a server says in the session is carried out by the same policy as what comes by mail."""
    event = Event(
        id=event_id("b"), type=EventType.BOUNCED, account_id=scene.account_id, campaign_id=1, occurred_at=NOW,
        recorded_at=NOW, contact_id=scene.recipient.contact_id, bounce_class="hard", via="session",
    )  # fmt: skip
    with scene.store.write() as conn:
        bounces.follow(conn, [event], now=NOW)
    assert scene.suppressed() == "hard_bounce"


def test_effect_is_told_before_and_comes_true_after(scene: Scene) -> None:
    """The numbers shown for a policy are those of the people whom it then concerns; showing changes nothing."""
    came_back(scene, SOFT, campaign=1, at=NOW)
    stricter = BouncePolicy({**DEFAULT_POLICY.follows, BounceClass.SOFT: Follow.DEACTIVATE})
    with scene.store.read() as conn:
        told = bounces.effect(conn, scene.account_id, stricter, now=NOW)
    assert (told.deactivated, told.offered_back, told.recommended, told.counted) == (1, 0, 0, 0)
    assert scene.suppressed() is None
    with scene.store.write() as conn:
        bounces.apply_policy(conn, scene.account_id, stricter, now=NOW)
    assert scene.suppressed() == "soft_bounce"
    with scene.store.read() as conn:
        told = bounces.effect(conn, scene.account_id, DEFAULT_POLICY, now=NOW)
    assert (told.deactivated, told.offered_back) == (0, 1)
    with scene.store.write() as conn:
        bounces.apply_policy(conn, scene.account_id, DEFAULT_POLICY, now=NOW)
    assert scene.suppressed() is None


def test_complaint_and_removal_by_hand_come_back_by_no_policy(scene: Scene) -> None:
    """Only a bounce's own deactivation is undone: not a complaint's, not a removal that somebody decided."""
    with scene.store.write() as conn:
        signals.complain(conn, scene.account_id, scene.recipient, via="feedback_loop", occurred_at=NOW, secret=SECRET)
        bounces.apply_policy(conn, scene.account_id, DEFAULT_POLICY, now=NOW)
        assert bounces.lift(conn, scene.account_id, [scene.recipient.contact_id]) == 0
    assert scene.suppressed() == "complaint"


def test_removal_of_the_recommended_stays(scene: Scene) -> None:
    """Who was removed on a recommendation is no longer recommended, and no policy offers them back."""
    for campaign in (1, 2, 3):
        came_back(scene, SOFT, campaign=campaign, at=NOW)
    with scene.store.write() as conn:
        assert bounces.remove(conn, scene.account_id, [scene.recipient.contact_id], now=NOW) == 1
        assert bounces.effect(conn, scene.account_id, DEFAULT_POLICY, now=NOW).offered_back == 0
    assert (recommended(scene), scene.suppressed()) == ([], "soft_bounce")


def test_people_lost_by_a_corrected_rule_come_back(scene: Scene, tmp_path: Path) -> None:
    """A bounce that today's rules read otherwise names its person, who can come back (trap 25)."""
    came_back(scene, NPAI, campaign=scene.recipient.campaign_id, at=NOW)
    assert scene.suppressed() == "npai"
    own = tmp_path / "own.toml"
    own.write_text(
        '[[rule]]\nid = "moon"\nclass = "block"\nreason = "policy"\nwords = ["blocked by the moon"]\n'
        'source = "seen"\ndate = 2026-11-24\n'
    )
    with scene.store.write() as conn:
        (found,) = regain.find(conn, scene.account_id, rules_with(own))
        assert (found.bounce.rule, found.verdict.rule, found.verdict.bounce_class) == ("old-rule", "moon", "block")
        assert EMAIL not in (found.bounce.diagnostic or "")
        assert regain.give_back(conn, scene.account_id, [found]) == 1
        assert regain.find(conn, scene.account_id, rules_with(own)) == []
    assert scene.suppressed() is None


def test_people_whom_the_rules_still_put_out_stay_out(scene: Scene) -> None:
    """A bounce that is read as it was offers nobody back."""
    bounced = replace(NPAI, diagnostic="550 5.1.1 user unknown", status="5.1.1", rule="unknown-user")
    came_back(scene, bounced, campaign=scene.recipient.campaign_id, at=NOW)
    with scene.store.read() as conn:
        assert regain.find(conn, scene.account_id, rules_with(None)) == []


def test_another_account_sees_and_changes_nothing(scene: Scene) -> None:
    """Bounces, recommendations and policies are an account's own (trap 42)."""
    for campaign in (1, 2, 3):
        came_back(scene, SOFT, campaign=campaign, at=NOW)
    with scene.store.write() as conn:
        other = accounts.create(conn, "other", "Other", created_at=NOW).id
        bounces.save_policy(conn, other, BouncePolicy(POLICY.follows, 1, 1, 1), now=NOW)
        assert bounces.recommended(conn, other, POLICY, now=NOW) == []
        assert bounces.lift(conn, other, [scene.recipient.contact_id]) == 0
        assert bounces.decided(conn, other) == []
        bounces.forget(conn, other, scene.recipient.contact_id)
        assert bounces.policy_of(conn, scene.account_id) == DEFAULT_POLICY
    assert len(recommended(scene)) == 1


def test_forgotten_contact_leaves_no_bounce(scene: Scene) -> None:
    """Erasure takes a contact's bounces along."""
    came_back(scene, SOFT, campaign=1, at=NOW)
    with scene.store.write() as conn:
        bounces.forget(conn, scene.account_id, scene.recipient.contact_id)
        assert conn.execute(sa.select(contact_bounces)).all() == []


def test_bounce_of_an_erased_contact_is_not_kept(scene: Scene) -> None:
    """A report that comes for somebody who was erased makes no new row about them."""
    scene.forget_contact()
    came_back(scene, SOFT, campaign=1, at=NOW)
    with scene.store.read() as conn:
        assert conn.execute(sa.select(contact_bounces)).all() == []


def test_sums_of_a_provider_are_replaced_not_added(scene: Scene) -> None:
    """The same report again changes nothing; a corrected day replaces the old one."""
    first = read_sums("Date,Spam rate\n2026-11-23,0.001\n", "p.csv", domain="d.example")
    second = read_sums("Date,Spam rate\n2026-11-23,0.002\n", "p.csv", domain="d.example")
    with scene.store.write() as conn:
        for sums in (first, first, second):
            reported.put(conn, scene.account_id, sums, now=NOW)
        assert reported.listed(conn, scene.account_id) == second


def test_commands_show_save_and_apply(store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch,
                                      tmp_path: Path) -> None:  # fmt: skip
    """The commands tell the effect first, change nothing unasked, and do what was told when asked."""
    scene = Scene.set_up(store, SECRET)
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    for campaign in (1, 2, 3):
        came_back(scene, SOFT, campaign=campaign, at=settings.clock.now() - days(1))
    run = CliRunner().invoke
    shown = run(account_command.app, ["bounce-policy", "--soft", "deactivate"])
    assert "1 to deactivate" in shown.stdout
    assert "not saved" in shown.stdout
    assert isinstance(run(account_command.app, ["bounce-policy", "--recommend-after", "1"]).exception, BadInput)
    saved = run(account_command.app, ["bounce-policy", "--recommend-after", "3", "--min-campaigns", "2", "--save"])
    assert "1 recommended for removal of 1 counted" in saved.stdout
    assert "1 removed" in run(bounce_command.app, ["recommended", "--remove"]).stdout
    assert scene.suppressed() == "soft_bounce"
    assert "0 people can come back" in run(bounce_command.app, ["reclassify"]).stdout
    (tmp_path / "p.csv").write_text("Date,Spam rate\n2026-11-23,0.001\n")
    done = run(complaints_command.app, ["import", str(tmp_path / "p.csv"), "--domain", "d.example"])
    assert "1 sums taken in" in done.stdout
    assert "0.100%" in run(complaints_command.app, ["list"]).stdout
    assert "Signal" in run(complaints_command.app, ["loops"]).stdout


def test_recommendation_names_the_person(scene: Scene) -> None:
    """The list says who, how often and since when."""
    for campaign in (1, 2, 3):
        came_back(scene, SOFT, campaign=campaign, at=NOW - days(campaign))
    with scene.store.read() as conn:
        (one,) = bounces.recommended(conn, scene.account_id, POLICY, now=NOW)
    assert (one.contact_id, one.email) == (ContactId(scene.recipient.contact_id), EMAIL)
    assert (one.first_at, one.last_at) == (NOW - days(3), NOW - days(1))


def test_joined_loops_are_an_accounts_own(scene: Scene) -> None:
    """What is ticked for one account is ticked for no other."""
    with scene.store.write() as conn:
        other = accounts.create(conn, "other", "Other", created_at=NOW).id
        reported.set_joined(conn, scene.account_id, ["yahoo", "gmail"], now=NOW)
        reported.set_joined(conn, scene.account_id, ["gmail", "snds"], now=NOW)
        assert reported.joined(conn, scene.account_id) == {"gmail", "snds"}
        assert reported.joined(conn, other) == frozenset()
