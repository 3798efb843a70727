"""What follows from what comes back, on both engines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from sillage.domain.bounce import BounceClass
from sillage.domain.ids import ContactId
from sillage.lake.event import EventType
from sillage.store import accounts, consent, signals
from sillage.store.database import Store
from sillage.store.signals import Bounce
from sillage.store.tables import contacts
from sillage.store.targets import every_target, target_of, unsettled_targets
from sillage.tokens import NOBODY
from tests.conftest import SECRET
from tests.listening import EMAIL, NOW, SHOP, Scene

NPAI = Bounce(BounceClass.NPAI, "unknown_user", "5.1.1", 550, f"550 5.1.1 <{EMAIL}> user jean.dupont unknown", "r")
SOFT = Bounce(BounceClass.SOFT, "mailbox_full", "5.2.2", 552, "full", "r")


@pytest.fixture
def scene(any_store: Store) -> Scene:
    """One message to one person, on each engine."""
    return Scene.set_up(any_store, SECRET)


def told(scene: Scene, act: Callable[..., bool], **facts: Any) -> bool:
    """Carry out one signal about the scene's person in a transaction of its own."""
    recipient = facts.pop("recipient", scene.recipient)
    args = [facts.pop("bounced")] if "bounced" in facts else []
    with scene.store.write() as conn:
        return act(conn, scene.account_id, recipient, *args, **{"occurred_at": NOW, **facts})


def test_unsubscribe_withdraws_and_tells_once(scene: Scene) -> None:
    """The consent to marketing goes, tracking's stays, and the same wish again, whatever its way, changes nothing."""
    assert told(scene, signals.unsubscribe, via="one_click")
    assert not told(scene, signals.unsubscribe, via="mailto")
    assert scene.consent() == ("withdrawn", "granted", "granted")
    (event,) = scene.events()
    assert (event.type, event.via, event.provider) == (EventType.UNSUBSCRIBED, "one_click", "gmail")
    assert event.contact_id == scene.recipient.contact_id


def test_unsubscribe_after_a_new_consent_counts_again(scene: Scene) -> None:
    """Somebody who came back by a later proof, and leaves once more by the same mail, has left."""
    told(scene, signals.unsubscribe, via="page")
    later = NOW + timedelta(days=1)
    with scene.store.write() as conn:
        person = scene.recipient.contact_id
        channel, purposes = consent.Channel.EMAIL, [consent.Purpose.MARKETING]
        consent.grant(
            conn, scene.account_id, person, channel, purposes, occurred_at=later, source="form", proof="confirmed",
            is_return=True,
        )  # fmt: skip
    assert scene.consent()[0] == "granted"
    assert told(scene, signals.unsubscribe, via="page", occurred_at=later + timedelta(hours=1))
    assert scene.consent()[0] == "withdrawn"
    assert len({event.id for event in scene.events()}) == 1


def test_withdraw_tracking_leaves_marketing(scene: Scene) -> None:
    """Who does not want to be measured still gets the messages; one event for each purpose."""
    assert told(scene, signals.withdraw_tracking, via="page")
    assert not told(scene, signals.withdraw_tracking, via="one_click")
    assert scene.consent() == ("granted", "withdrawn", "withdrawn")
    assert [event.purpose for event in scene.events(EventType.WITHDREW)] == ["open_tracking", "click_tracking"]


def test_complaint_stops_all_mail(scene: Scene) -> None:
    """A complaint suppresses the address and withdraws the consent, once, however often it is reported."""
    assert told(scene, signals.complain, via="feedback_loop", secret=SECRET)
    assert not told(scene, signals.complain, via="feedback_loop", secret=SECRET)
    assert scene.suppressed() == "complaint"
    assert scene.consent()[0] == "withdrawn"
    assert [event.type for event in scene.events()] == [EventType.COMPLAINED]


def test_complaint_after_unsubscribe_still_counts(scene: Scene) -> None:
    """Who left and then complains has complained."""
    told(scene, signals.unsubscribe, via="page")
    assert told(scene, signals.complain, via="feedback_loop", secret=SECRET)
    assert scene.suppressed() == "complaint"


@pytest.mark.parametrize(("bounce_class", "reason"), [(BounceClass.NPAI, "npai"), (BounceClass.HARD, "hard_bounce")])
def test_permanent_bounce_stops_all_mail(scene: Scene, bounce_class: BounceClass, reason: str) -> None:
    """Nobody or nothing at that address: suppressed at once, and the event names nobody in its words."""
    bounced = replace(NPAI, bounce_class=bounce_class)
    assert told(scene, signals.bounce, bounced=bounced, via="mail", key="<1@x>", secret=SECRET)
    assert scene.suppressed() == reason
    (event,) = scene.events()
    assert (event.bounce_class, event.status, event.smtp_code) == (bounce_class, "5.1.1", 550)
    assert event.diagnostic
    assert "jean" not in event.diagnostic


def test_replayed_bounce_writes_no_second_event(scene: Scene) -> None:
    """The same report by mail, or another that says the same of this message, is told once."""
    assert told(scene, signals.bounce, bounced=NPAI, via="mail", key="<1@x>", secret=SECRET)
    assert not told(scene, signals.bounce, bounced=NPAI, via="mail", key="<1@x>", secret=SECRET)
    assert not told(scene, signals.bounce, bounced=NPAI, via="mail", key="<2@x>", secret=SECRET)


@pytest.mark.parametrize("bounce_class", [c for c in BounceClass if c not in {"npai", "hard"}])
def test_other_bounces_keep_the_person(scene: Scene, bounce_class: BounceClass) -> None:
    """Soft, transient, block and unknown change nothing for the person (traps 21 and 22)."""
    told(scene, signals.bounce, bounced=Bounce(bounce_class), via="mail", key="<1@x>", secret=SECRET)
    assert scene.suppressed() is None
    assert scene.consent()[0] == "granted"
    assert len(scene.events(EventType.BOUNCED)) == 1


def test_soft_bounce_hides_no_later_hard_one(scene: Scene) -> None:
    """A full mailbox first, nobody there later: two events, and the second one stops the mail (trap 23)."""
    told(scene, signals.bounce, bounced=SOFT, via="mail", key="<1@x>", secret=SECRET)
    told(scene, signals.bounce, bounced=NPAI, via="mail", key="<2@x>", secret=SECRET)
    assert scene.suppressed() == "npai"
    assert len({event.id for event in scene.events()}) == 2


def test_bounce_of_a_contact_without_a_hash_is_suppressed_by_a_new_one(scene: Scene) -> None:
    """A contact whose address was never hashed is stopped all the same."""
    with scene.store.write() as conn:
        conn.execute(sa.update(contacts).values(email_hash=None))
    told(scene, signals.bounce, bounced=NPAI, via="mail", key="<1@x>", secret=SECRET)
    assert scene.suppressed() == "npai"


def test_erased_contact_gives_an_event_and_nothing_else(scene: Scene) -> None:
    """Totals stay, the person is gone: nothing is written about them but what happened."""
    scene.forget_contact()
    assert told(scene, signals.unsubscribe, via="page")
    assert told(scene, signals.complain, via="feedback_loop", secret=SECRET)
    assert told(scene, signals.bounce, bounced=NPAI, via="mail", key="<1@x>", secret=SECRET)
    assert scene.suppressed() is None
    assert scene.consent() == (None, None, None)
    assert len(scene.events()) == 3


def test_test_send_changes_nothing(scene: Scene) -> None:
    """Signals about a test message are marked as such and touch nobody."""
    test = msgspec.structs.replace(scene.recipient, is_test=True)
    told(scene, signals.unsubscribe, via="page", recipient=test)
    told(scene, signals.complain, via="feedback_loop", secret=SECRET, recipient=test)
    told(scene, signals.bounce, bounced=NPAI, via="mail", key="<1@x>", secret=SECRET, recipient=test)
    assert scene.suppressed() is None
    assert scene.consent()[0] == "granted"
    assert all(event.is_test for event in scene.events())


def test_anonymous_token_unsubscribes_nobody(scene: Scene) -> None:
    """The token that everybody shares speaks for nobody."""
    nobody = msgspec.structs.replace(scene.recipient, contact_id=NOBODY)
    assert not told(scene, signals.unsubscribe, via="page", recipient=nobody)
    assert scene.events() == []


def test_signal_reaches_nobody_of_another_account(scene: Scene) -> None:
    """Told of another account, a function finds no such person there (trap 42)."""
    with scene.store.write() as conn:
        other = accounts.create(conn, "other", "Other", created_at=NOW)
        signals.bounce(conn, other.id, scene.recipient, NPAI, via="mail", key="<1@x>", occurred_at=NOW, secret=SECRET)
        signals.unsubscribe(conn, other.id, scene.recipient, via="page", occurred_at=NOW)
    assert scene.suppressed() is None
    assert scene.consent()[0] == "granted"


def test_autoreply_is_an_event_and_no_more(scene: Scene) -> None:
    """A reply from a program changes nothing for the person."""
    with scene.store.write() as conn:
        signals.autoreply(conn, scene.account_id, scene.recipient, key="<1@x>", occurred_at=NOW)
    assert scene.consent()[0] == "granted"
    assert [event.type for event in scene.events()] == [EventType.AUTOREPLIED]


def test_account_of_finds_the_account_by_campaign_or_contact(scene: Scene) -> None:
    """A token's account is its campaign's; where that is gone, the contact's; else none."""
    with scene.store.read() as conn:
        gone = msgspec.structs.replace(scene.recipient, campaign_id=scene.recipient.campaign_id + 9)
        assert signals.account_of(conn, scene.recipient) == scene.account_id
        assert signals.account_of(conn, gone) == scene.account_id
        assert signals.account_of(conn, msgspec.structs.replace(gone, contact_id=ContactId(999))) is None


def test_targets_know_the_links_of_each_variant(scene: Scene) -> None:
    """The tracker learns where links lead, of all variants or of those whose campaign is not over."""
    with scene.store.read() as conn:
        (every,) = every_target(conn)
        assert every.links == {1: SHOP}
        assert every.account_id == scene.account_id
        assert unsettled_targets(conn) == [every]
        assert target_of(conn, every.variant_id) == every
        assert target_of(conn, every.variant_id + 1) is None
