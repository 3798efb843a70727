"""Tests of a campaign's versions: set up, decided once, and the rest released in small transactions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from sillage.domain.ab_test import AbTest, Criterion, Decide, Decision, How, Otherwise
from sillage.domain.campaign import CampaignState as S
from sillage.domain.delivery import DeliveryState
from sillage.domain.ids import AccountId, CampaignId, ContactId, VariantId
from sillage.store.tables import ab_tests, campaigns, deliveries

NOBODYS = VariantId(0)
"""The version of a row that is held for a winner, or held out for good."""
HOLD_OUT = "hold_out"
NOT_CHOSEN = "winner_not_chosen"
_OPEN = (S.SENDING, S.WAITING, S.PAUSED, S.HELD)


@dataclass(frozen=True, slots=True)
class Kept:
    """A test with its campaign and, once it is over, how it ended."""

    account_id: AccountId
    campaign_id: CampaignId
    test: AbTest
    decision: Decision | None
    evidence: dict[str, Any] | None
    """What was known when it ended."""
    released_at: datetime | None


_COLUMNS = (
    ab_tests.c.account_id, ab_tests.c.campaign_id, ab_tests.c.criterion, ab_tests.c.decide, ab_tests.c.otherwise,
    ab_tests.c.hours, ab_tests.c.size, ab_tests.c.is_exact, ab_tests.c.lift, ab_tests.c.usual_rate,
    ab_tests.c.hold_out, ab_tests.c.decided_at, ab_tests.c.how, ab_tests.c.winner_id, ab_tests.c.decided_by,
    ab_tests.c.evidence, ab_tests.c.released_at,
)  # fmt: skip


def add(conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId, test: AbTest) -> None:
    """Give a campaign a test."""
    conn.execute(
        ab_tests.insert().values(
            account_id=account_id,
            campaign_id=campaign_id,
            criterion=test.criterion,
            decide=test.decide,
            otherwise=test.otherwise,
            hours=test.hours,
            size=test.size,
            is_exact=test.is_exact,
            lift=test.lift,
            usual_rate=test.usual_rate,
            hold_out=test.hold_out,
        )
    )


def of_campaign(conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId) -> Kept | None:
    """The test of a campaign, where it has one."""
    where = (ab_tests.c.account_id == account_id, ab_tests.c.campaign_id == campaign_id)
    row = conn.execute(sa.select(*_COLUMNS).where(*where)).first()
    return None if row is None else _kept(row)


def undecided(conn: sa.Connection) -> list[Kept]:
    """Tests of all accounts that nobody has decided, of campaigns that run or have sent all they had (where there is
    no rest, its test ends after it): for whoever decides them alone.

    One that is paused waits with its test until it goes on.
    """
    query = (
        sa.select(*_COLUMNS)
        .join(campaigns, campaigns.c.id == ab_tests.c.campaign_id)
        .where(ab_tests.c.decided_at.is_(None), campaigns.c.state.in_((S.SENDING, S.WAITING, S.CLOSED)))
    )
    return [_kept(row) for row in conn.execute(query.order_by(ab_tests.c.campaign_id))]


def decide(
    conn: sa.Connection,
    account_id: AccountId,
    campaign_id: CampaignId,
    decision: Decision,
    *,
    evidence: dict[str, Any],
) -> bool:
    """End a test; whether it was this call that did: of two at once, one does."""
    running = sa.select(campaigns.c.id).where(
        campaigns.c.account_id == account_id, campaigns.c.state.in_((*_OPEN, S.CLOSED))
    )
    done = conn.execute(
        ab_tests.update()
        .where(
            ab_tests.c.account_id == account_id,
            ab_tests.c.campaign_id == campaign_id,
            ab_tests.c.decided_at.is_(None),
            ab_tests.c.campaign_id.in_(running),
        )
        .values(
            decided_at=decision.at,
            how=decision.how,
            winner_id=decision.winner,
            decided_by=decision.by,
            evidence=evidence,
        )
    )
    return done.rowcount == 1


def to_release(conn: sa.Connection) -> list[Kept]:
    """Tests of all accounts that are decided and whose rest may still be held: for the scheduler alone."""
    query = (
        sa.select(*_COLUMNS)
        .join(campaigns, campaigns.c.id == ab_tests.c.campaign_id)
        .where(
            ab_tests.c.decided_at.is_not(None), ab_tests.c.released_at.is_(None), campaigns.c.state.in_(_OPEN)
        )
    )  # fmt: skip
    return [_kept(row) for row in conn.execute(query.order_by(ab_tests.c.campaign_id))]


@dataclass(frozen=True, slots=True)
class HeldRow:
    """A recipient who was held until now."""

    contact_id: ContactId
    provider: str


def release(
    conn: sa.Connection,
    account_id: AccountId,
    campaign_id: CampaignId,
    winner: VariantId | None,
    *,
    later_s: int,
    limit: int,
) -> list[HeldRow]:
    """Give up to `limit` held rows the winner's version, due `later_s` after their own time, or, without a winner,
    skip them. Which; none where nobody is held any more.
    """
    d = deliveries.c
    mine = (d.account_id == account_id, d.campaign_id == campaign_id, d.state == DeliveryState.HELD)
    held = sa.select(d.contact_id, d.provider, d.due_at).where(*mine).limit(limit).with_for_update(skip_locked=True)
    rows = conn.execute(held).all()
    if not rows:
        return []
    keys, still = {"of": campaign_id}, d.state == sa.literal_column("'held'")
    if winner is None:
        conn.execute(
            deliveries.update()
            .where(d.campaign_id == sa.bindparam("of"), d.contact_id == sa.bindparam("who"), still)
            .values(state=DeliveryState.SKIPPED, reason=NOT_CHOSEN),
            [{**keys, "who": r.contact_id} for r in rows],
        )
    else:
        conn.execute(
            deliveries.update()
            .where(d.campaign_id == sa.bindparam("of"), d.contact_id == sa.bindparam("who"), still)
            .values(state=DeliveryState.DUE, variant_id=winner, due_at=sa.bindparam("at")),
            [{**keys, "who": r.contact_id, "at": r.due_at + timedelta(seconds=later_s)} for r in rows],
        )
    return [HeldRow(ContactId(r.contact_id), r.provider) for r in rows]


def released(conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId, *, now: datetime) -> None:
    """Nobody of a campaign is held any more."""
    conn.execute(
        ab_tests.update()
        .where(
            ab_tests.c.account_id == account_id,
            ab_tests.c.campaign_id == campaign_id,
            ab_tests.c.released_at.is_(None),
        )
        .values(released_at=now)
    )


def unsent(conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId) -> tuple[int, int]:
    """Of the people who are in the test: how many are still to be sent to, and how many there are."""
    d = deliveries.c
    waits = d.state.in_((DeliveryState.DUE, DeliveryState.SENDING))
    row = conn.execute(
        sa.select(sa.func.count().filter(waits).label("open"), sa.func.count().label("rows")).where(
            d.account_id == account_id, d.campaign_id == campaign_id, d.variant_id != NOBODYS
        )
    ).one()
    return int(row.open), int(row.rows)


def held(conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId) -> int:
    """How many wait for the winner."""
    d = deliveries.c
    query = sa.select(sa.func.count()).where(
        d.account_id == account_id, d.campaign_id == campaign_id, d.state == DeliveryState.HELD
    )
    return int(conn.execute(query).scalar_one())


def _kept(row: Any) -> Kept:
    test = AbTest(
        criterion=Criterion(row.criterion),
        decide=Decide(row.decide),
        otherwise=Otherwise(row.otherwise),
        hours=row.hours,
        size=row.size,
        lift=row.lift,
        usual_rate=row.usual_rate,
        is_exact=row.is_exact,
        hold_out=row.hold_out,
    )
    decision = None
    if row.decided_at is not None:
        winner = VariantId(row.winner_id) if row.winner_id is not None else None
        decision = Decision(How(row.how), winner, row.decided_at, row.decided_by)
    return Kept(
        AccountId(row.account_id), CampaignId(row.campaign_id), test, decision, row.evidence, row.released_at
    )  # fmt: skip
