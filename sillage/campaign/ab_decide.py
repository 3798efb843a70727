"""Watch a test, end it once, and say what it knew then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog

from sillage.domain.ab_test import Decide, Decision, How, Otherwise
from sillage.domain.ab_verdict import Count, Standing, Verdict, judge
from sillage.domain.ids import AccountId, CampaignId, VariantId
from sillage.errors import NotFound, Refused, SillageError
from sillage.lake import ages
from sillage.lake.ages import MOST
from sillage.lake.event import Event, EventType, event_id
from sillage.lake.reader import Reader
from sillage.settings import Settings
from sillage.store import ab_tests, campaigns, outbox
from sillage.store.ab_tests import Kept
from sillage.store.campaigns import Campaign, Variant
from sillage.store.database import Store

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Watched:
    """A test at one moment."""

    kept: Kept
    campaign: Campaign
    variants: list[Variant]
    age: int
    """Whole hours that the messages of each version are old; 0 while they leave."""
    counts: dict[int, Count]
    """Of each version, at that age."""
    verdict: Verdict
    held: int
    as_of: datetime

    @property
    def is_over(self) -> bool:
        """Whether the hours are over."""
        return self.age >= self.kept.test.hours


def watch(store: Store, reader: Reader, account_id: AccountId, campaign_id: CampaignId, *, now: datetime) -> Watched:
    """How a test stands. Versions are compared when their messages are equally old, whenever each left.

    Raises: NotFound where the campaign has no test, or lake and marts have no tables yet; TransientError.
    """
    with store.read() as conn:
        kept = ab_tests.of_campaign(conn, account_id, campaign_id)
        campaign = campaigns.get(conn, account_id, campaign_id)
        if kept is None:
            raise NotFound(f"campaign {campaign.name!r} has no test")
        variants = campaigns.variants_of(conn, account_id, campaign_id)
        waiting, planned = ab_tests.unsent(conn, account_id, campaign_id)
        held = ab_tests.held(conn, account_id, campaign_id)
    test, arms = kept.test, [int(v.id) for v in variants]
    age = _age(reader, campaign, arms, now) if waiting <= planned * (1 - MOST) else 0
    age = min(age, test.hours)
    looks = []
    if age:
        looks = ages.looks(
            reader, account_id, campaign_id, criterion=test.criterion, arms=arms, age=age,
            until=now - timedelta(hours=age),
        )  # fmt: skip
    verdict = judge(looks, criterion=test.criterion, decide=test.decide, hours=test.hours)
    counts = dict(looks[-1].counts) if looks else {arm: Count(0, 0) for arm in arms}
    return Watched(kept, campaign, variants, age, counts, verdict, held, now)


def _age(reader: Reader, campaign: Campaign, arms: Sequence[int], now: datetime) -> int:
    """The age of the youngest version. One of which nothing arrived has none; where nothing did, the campaign's own."""
    found = ages.delivered(reader, campaign.account_id, campaign.id)
    moments = [found[arm].most_at for arm in arms if arm in found]
    youngest = max(moments) if moments else campaign.started_at
    return 0 if youngest is None else max(0, int((now - youngest) / timedelta(hours=1)))


def decision_of(seen: Watched) -> Decision | None:
    """What follows from how a test stands; None: nothing yet."""
    test = seen.kept.test
    if test.decide is not Decide.BY_HAND and seen.verdict.standing is Standing.SURE and seen.verdict.winner:
        return Decision(How.SURE, VariantId(seen.verdict.winner), seen.as_of, "guard")
    if not seen.is_over:
        return None
    first = VariantId(int(seen.variants[0].id)) if test.otherwise is Otherwise.FIRST else None
    return Decision(How.INCONCLUSIVE, first, seen.as_of, "guard")


def decide_all(store: Store, settings: Settings, reader: Reader) -> int:
    """End those tests whose time has come; how many. One that can't be looked at now stops no other."""
    with store.read() as conn:
        open_tests = ab_tests.undecided(conn)
    ended = 0
    for kept in open_tests:
        try:
            seen = watch(store, reader, kept.account_id, kept.campaign_id, now=settings.clock.now())
        except SillageError as exc:
            log.warning("ab.not_watched", campaign_id=kept.campaign_id, why=str(exc)[:300])
            continue
        decision = decision_of(seen)
        if decision is None:
            continue
        with store.write() as conn:
            done = _end(conn, seen.campaign, decision, evidence=_evidence(seen))
        ended += done
        if done:
            log.info("ab.decided", campaign_id=kept.campaign_id, how=decision.how, winner=decision.winner)
    return ended


def choose(
    conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId, variant: str, *, by: str, now: datetime
) -> None:
    """A person names the winner: the rest gets that version.

    Raises: NotFound where there is no such version or no test; Refused where it has ended already.
    """
    campaign = campaigns.get(conn, account_id, campaign_id)
    if ab_tests.of_campaign(conn, account_id, campaign_id) is None:
        raise NotFound(f"campaign {campaign.name!r} has no test")
    versions = campaigns.variants_of(conn, account_id, campaign_id)
    winner = next((v for v in versions if v.name == variant), None)
    if winner is None:
        names = ", ".join(repr(v.name) for v in versions)
        raise NotFound(f"campaign {campaign.name!r} has no variant {variant!r}; it has {names}")
    decision = Decision(How.HAND, winner.id, now, by)
    if not _end(conn, campaign, decision, evidence={}):
        raise Refused(f"the test of campaign {campaign.name!r} can't be decided now: it has ended, or nothing has left")


def _end(conn: sa.Connection, campaign: Campaign, decision: Decision, *, evidence: dict[str, Any]) -> bool:
    if not ab_tests.decide(conn, campaign.account_id, campaign.id, decision, evidence=evidence):
        return False
    event = Event(
        id=event_id("decided", campaign.id),
        type=EventType.DECIDED,
        account_id=campaign.account_id,
        campaign_id=campaign.id,
        variant_id=decision.winner,
        channel=campaign.channel,
        occurred_at=decision.at,
        recorded_at=decision.at,
        reason=decision.how.value,
        via=decision.by.partition(":")[0],
    )
    outbox.record(conn, [event])
    return True


def _evidence(seen: Watched) -> dict[str, Any]:
    return {
        "age_hours": seen.age,
        "standing": seen.verdict.standing.value,
        "z": seen.verdict.z,
        "line": seen.verdict.line,
        "counts": {str(arm): [count.people, count.reacted] for arm, count in seen.counts.items()},
    }
