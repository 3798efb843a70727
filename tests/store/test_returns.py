"""Coming back one by one, and the explanation that shows it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sillage.domain.consent import Channel, Purpose
from sillage.errors import BadInput, Refused
from sillage.lake.event import EventType
from sillage.store import consent, renewals, returns, signals, standing
from sillage.store.database import Store
from sillage.store.returns import Proof
from tests.conftest import SECRET
from tests.listening import NOW, Scene

LATER = NOW + timedelta(days=2)


@pytest.fixture
def scene(any_store: Store) -> Scene:
    """One person who left, on each engine."""
    found = Scene.set_up(any_store, SECRET)
    with any_store.write() as conn:
        signals.unsubscribe(conn, found.account_id, found.recipient, via="page", occurred_at=NOW)
    return found


def proof(**changes: object) -> Proof:
    """A whole proof, of a day after they left."""
    facts = {"agreed_at": NOW + timedelta(days=1), "wording": "I agree", "proof": "letter 12", "declared_by": "Ida"}
    return Proof(**{**facts, **changes})  # type: ignore[arg-type]


def bring(scene: Scene, found: Proof) -> None:
    with scene.store.write() as conn:
        who = scene.recipient.contact_id
        returns.bring_back(conn, scene.account_id, who, found, channel=Channel.EMAIL, now=LATER)


def test_later_proof_of_one_person_brings_them_back_and_is_shown(scene: Scene) -> None:
    """They may be mailed again; the ledger says by which words, on whose word, and what it replaced."""
    bring(scene, proof())
    assert scene.consent() == ("granted", "granted", "granted")
    assert len(scene.events(EventType.CONSENTED)) == 1
    with scene.store.read() as conn:
        said = standing.explain(conn, scene.account_id, scene.recipient.contact_id, Channel.EMAIL, LATER)
    assert said.is_mailable
    marketing = [line for line in said.ledger if line.purpose is Purpose.MARKETING]
    assert [(line.state, line.decides) for line in marketing] == [
        ("granted", True), ("withdrawn", False), ("granted", False),
    ]  # fmt: skip
    assert (marketing[0].wording, marketing[0].declared_by, marketing[0].is_return) == ("I agree", "Ida", True)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"agreed_at": NOW}, Refused),
        ({"agreed_at": LATER + timedelta(days=1)}, BadInput),
        ({"wording": " "}, BadInput),
        ({"proof": ""}, BadInput),
        ({"declared_by": ""}, BadInput),
    ],
)
def test_proof_that_is_older_or_not_whole_brings_nobody_back(
    scene: Scene, changes: dict[str, object], error: type[Exception]
) -> None:
    """It must be later than their leaving, of the past, and complete."""
    with pytest.raises(error):
        bring(scene, proof(**changes))
    assert scene.consent()[0] == "withdrawn"


def test_who_complained_is_not_brought_back_by_hand(scene: Scene) -> None:
    """That takes a sign-up that they confirm."""
    with scene.store.write() as conn:
        signals.complain(conn, scene.account_id, scene.recipient, via="loop", occurred_at=NOW, secret=SECRET)
    with pytest.raises(Refused, match="complaint"):
        bring(scene, proof())


def test_grant_that_is_no_return_leaves_them_out(scene: Scene) -> None:
    """A declared consent of any later date, as a file has it, changes nothing for who left."""
    with scene.store.write() as conn:
        who = scene.recipient.contact_id
        consent.grant(
            conn, scene.account_id, who, Channel.EMAIL, [Purpose.MARKETING], occurred_at=LATER, source="f", proof="r"
        )
    assert scene.consent()[0] == "withdrawn"


def test_click_of_who_left_renews_nothing(scene: Scene) -> None:
    """There is no consent to put off."""
    with scene.store.write() as conn:
        acts = {scene.recipient.contact_id: LATER}
        done = renewals.renew(conn, scene.account_id, Channel.EMAIL, acts, source="clicked", now=LATER)
    assert done == []


def test_clicks_of_one_month_are_one_line(any_store: Store) -> None:
    """Thirty clicks in thirty days write one line; the next month writes another."""
    scene = Scene.set_up(any_store, SECRET)
    who, written = scene.recipient.contact_id, 0
    with any_store.write() as conn:
        for day in range(35):
            at = NOW + timedelta(days=day)
            written += len(renewals.renew(conn, scene.account_id, Channel.EMAIL, {who: at}, source="clicked", now=at))
        said = standing.explain(conn, scene.account_id, who, Channel.EMAIL, NOW)
    assert written == 2
    assert sum(line.state == "renewed" for line in said.ledger) == 2
