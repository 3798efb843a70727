"""A worker's part of a provider's rate: what it tells of the provider, and when it gives its share back."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sendworker import pacing
from sendworker.pacing import Pacer
from sillage.domain.delivery import DeliveryState
from sillage.domain.ids import AccountId, CampaignId, ContactId
from sillage.domain.pace import Rate
from sillage.lake.event import Event, EventType, event_id
from sillage.store.deliveries import Outcome

NOW = datetime(2026, 11, 27, tzinfo=UTC)


class Wall:
    """A monotonic clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    found = Wall()
    monkeypatch.setattr(pacing, "time", found)
    return found


def answer(code: int, status: str) -> Outcome:
    kind = EventType.ACCEPTED if code < 300 else EventType.DEFERRED
    event = Event(
        id=event_id(code), type=kind, account_id=AccountId(1), occurred_at=NOW, recorded_at=NOW, smtp_code=code,
        status=status,
    )  # fmt: skip
    return Outcome(CampaignId(1), ContactId(1), DeliveryState.DUE, NOW, 1, NOW, None, (event,))


def hear(pacer: Pacer, *codes: int) -> None:
    for code in codes:
        pacer.heard(answer(code, "2.0.0" if code < 300 else "4.7.0"))


def test_lull_between_two_reports_is_no_standstill(wall: Wall):
    """What is told right after a report is the rate before it, and not the nothing that left in some milliseconds."""
    pacer = Pacer(Rate(4, 100, None))
    hear(pacer, *[250] * 300)
    wall.now += 1.0
    assert pacer.report().sent_per_second == 300.0
    wall.now += 0.01
    hear(pacer, 421, 421, 421)
    told = pacer.report()
    assert told.pushed_back == "421 4.7.0"
    assert told.sent_per_second == 300.0


def test_one_slower_among_many_is_not_told(wall: Wall):
    """A message that is put off among hundreds that are taken is no reason to serve the provider slower."""
    pacer = Pacer(Rate(4, 100, None))
    hear(pacer, *[250] * 200, 451, *[250] * 200)
    wall.now += 1.0
    assert not pacer.is_pushed_back
    assert pacer.report().pushed_back is None


def test_slow_provider_keeps_its_share_between_two_messages(wall: Wall):
    """At one message in ten seconds, seven without any don't give the share back, nor the count of what left."""
    pacer = Pacer(Rate(1, 100, 0.1))
    pacer.took(1)
    wall.now += 7.0
    assert not pacer.is_idle
    assert pacer.room(10) == 0
    wall.now += 9.0
    assert pacer.is_idle
