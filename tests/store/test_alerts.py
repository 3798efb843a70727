"""Levels change once, each change is told once, and a paused slice is claimed no more, on both engines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sillage.campaign.schedule import cancel, resume_slice
from sillage.domain.ids import AccountId
from sillage.domain.thresholds import Level
from sillage.errors import Refused
from sillage.settings import Settings
from sillage.store import alerts, campaigns, deliveries, incidents, workers
from sillage.store.database import Store
from sillage.store.incidents import Incident
from tests.world import World

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
FACTS = {"metric": "complaint_rate", "value": 0.004}


@pytest.fixture
def world(any_store: Store, settings: Settings) -> World:
    """A world with thirty contacts, on each engine."""
    found = World(any_store, settings)
    found.add_contacts(30)
    return found


def test_each_change_is_told_once_to_each_target(world: World):
    """The same level again is no change; up and down again are two; targets that are not set are not told."""
    with world.store.write() as conn:
        alerts.set_targets(conn, world.id, email="ops@maison.example", webhook_url=None, now=NOON)
        changes = [
            alerts.set_level(conn, world.id, "k", level, FACTS, now=NOON + timedelta(minutes=n))
            for n, level in enumerate(
                [Level.OK, Level.WARNING, Level.WARNING, Level.CRITICAL, Level.CRITICAL, Level.OK, Level.OK]
            )
        ]
    assert changes == [False, True, False, True, False, True, False]
    with world.store.read() as conn:
        due = alerts.due_notices(conn, now=NOON + timedelta(hours=1))
        assert alerts.states(conn, world.id, raised=True) == []
        assert alerts.states(conn, AccountId(world.id + 1)) == []
    assert [(n.change, n.target, n.facts["before"], n.facts["level"]) for n in due] == [
        (1, "email", "ok", "warning"),
        (2, "email", "warning", "critical"),
        (3, "email", "critical", "ok"),
    ]


def test_a_notice_that_was_taken_is_not_due_again(world: World):
    """Sent is over; what failed for now is due later, with its attempt counted."""
    with world.store.write() as conn:
        alerts.set_targets(conn, world.id, email="a@maison.example", webhook_url="https://x.example/", now=NOON)
        alerts.set_level(conn, world.id, "k", Level.CRITICAL, FACTS, now=NOON)
        mail, hook = alerts.due_notices(conn, now=NOON)
        alerts.settle_notice(conn, mail, state="sent", due_at=NOON)
        alerts.settle_notice(conn, hook, state="due", due_at=NOON + timedelta(minutes=1), error="503")
        assert alerts.due_notices(conn, now=NOON) == []
        (again,) = alerts.due_notices(conn, now=NOON + timedelta(minutes=1))
    assert (again.target, again.attempt) == ("webhook", 1)


def test_a_new_webhook_address_gets_a_new_key(world: World):
    """The nonce stays with its address and goes with it."""
    with world.store.write() as conn:
        first = alerts.set_targets(conn, world.id, email=None, webhook_url="https://x.example/", now=NOON)
        same = alerts.set_targets(conn, world.id, email="a@b.example", webhook_url="https://x.example/", now=NOON)
        other = alerts.set_targets(conn, world.id, email=None, webhook_url="https://y.example/", now=NOON)
        none = alerts.set_targets(conn, world.id, email=None, webhook_url=None, now=NOON)
    assert first.webhook_nonce == same.webhook_nonce != other.webhook_nonce
    assert none == alerts.Targets()


def test_a_paused_slice_is_not_claimed_until_it_goes_on(world: World):
    """Its provider is not among those that are due; the others are; a person lets it go on, once."""
    from sillage.campaign.plan import plan_campaign

    campaign = world.add_campaign()
    plan_campaign(world.store, world.settings, world.id, campaign)
    with world.store.write() as conn:
        assert incidents.pause_slice(conn, world.id, campaign, "free", why="because", at=NOON)
        assert not incidents.pause_slice(conn, world.id, campaign, "free", why="again", at=NOON)
        assert deliveries.providers_due(conn, campaign) == ["gmail", "orange"]
        incidents.add(
            conn, world.id,
            Incident(campaign, "free", "refusal_rate", "campaign_provider", "15 min", 20, 100, 0.2, 0.2, "pause_slice",
                     NOON),
        )  # fmt: skip
        resume_slice(conn, world.id, campaign, "free", now=NOON)
        assert deliveries.providers_due(conn, campaign) == ["free", "gmail", "orange"]
        (ended,) = incidents.of_campaign(conn, world.id, campaign)
        assert (ended.ended_at, ended.ended_how) == (NOON, "resumed")
        with pytest.raises(Refused, match="not paused at 'free'"):
            resume_slice(conn, world.id, campaign, "free", now=NOON)
        worker = workers.enrol(conn, "w", lease_s=5.0, now=world.now)
        assert (
            len(deliveries.claim_due(conn, campaign, provider="free", worker_id=worker, now=world.now, limit=99)) == 10
        )


def test_a_cancelled_campaign_keeps_no_paused_slice(world: World):
    """What was stopped is ended with it, as cancelled."""
    campaign = world.add_campaign()
    with world.store.write() as conn:
        incidents.pause_slice(conn, world.id, campaign, "free", why="because", at=NOON)
        cancel(conn, world.id, campaign, now=NOON)
        assert incidents.paused_slices_of(conn, world.id, campaign) == []


def test_all_balances_are_each_campaign_s_own(world: World):
    """Two questions for all campaigns give what one question for each gives."""
    from sillage.campaign.plan import plan_campaign

    first, second = world.add_campaign("One"), world.add_campaign("Two", scheduled=False)
    plan_campaign(world.store, world.settings, world.id, first)
    with world.store.write() as conn:
        found = campaigns.balances(conn, world.id)
        assert found[first] == campaigns.balance(conn, world.id, first)
        assert second not in found
        deliveries.tally(conn, world.id, first)
        assert campaigns.balances(conn, world.id) == found
