"""The queue as people and monitors look at it: what waits at each provider, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from sillage.domain.campaign import CampaignState
from sillage.domain.delivery import DeliveryState
from sillage.domain.ids import AccountId
from sillage.store.tables import campaigns, deliveries

RUNNING = (CampaignState.SENDING, CampaignState.WAITING, CampaignState.PAUSED, CampaignState.HELD)
_WAITING = (DeliveryState.DUE, DeliveryState.HELD, DeliveryState.SENDING)


@dataclass(frozen=True, slots=True)
class Depth:
    """What waits at a provider."""

    provider: str
    fresh: int
    """Never tried."""
    deferred: int
    """Tried, put off, to be tried again."""
    sending: int
    held: int
    """The rest of a test, until its winner is known."""
    next_retry_at: datetime | None

    @property
    def waiting(self) -> int:
        """All of them."""
        return self.fresh + self.deferred + self.sending + self.held


@dataclass(frozen=True, slots=True)
class Deferred:
    """Recipients that a provider has put off for one reason."""

    provider: str
    reason: str
    count: int
    next_at: datetime


def depths(conn: sa.Connection, account_id: AccountId | None) -> list[Depth]:
    """The queue of an account's running campaigns (None: of all accounts, for the worker's monitor), by provider."""
    d = deliveries.c
    is_due = d.state == DeliveryState.DUE
    query = (
        sa.select(
            d.provider,
            sa.func.count().filter(is_due, d.attempt == 0).label("fresh"),
            sa.func.count().filter(is_due, d.attempt > 0).label("deferred"),
            sa.func.count().filter(d.state == DeliveryState.SENDING).label("sending"),
            sa.func.count().filter(d.state == DeliveryState.HELD).label("held"),
            sa.func.min(d.due_at, type_=d.due_at.type).filter(is_due, d.attempt > 0).label("next_retry_at"),
        )
        .where(*_mine(account_id), d.state.in_(_WAITING))
        .group_by(d.provider)
        .order_by(sa.func.count().desc(), d.provider)
    )
    return [Depth(r.provider, r.fresh, r.deferred, r.sending, r.held, r.next_retry_at) for r in conn.execute(query)]


def deferrals(conn: sa.Connection, account_id: AccountId) -> list[Deferred]:
    """Why recipients of running campaigns were put off, by provider and reason, the most frequent first."""
    d = deliveries.c
    reason = sa.func.coalesce(d.reason, "unknown").label("reason")
    query = (
        sa.select(
            d.provider, reason, sa.func.count().label("rows"), sa.func.min(d.due_at, type_=d.due_at.type).label("at")
        )
        .where(*_mine(account_id), d.state == DeliveryState.DUE, d.attempt > 0)
        .group_by(d.provider, reason)
        .order_by(sa.func.count().desc(), d.provider)
    )
    return [Deferred(r.provider, r.reason, r.rows, r.at) for r in conn.execute(query)]


def in_doubt(conn: sa.Connection, account_id: AccountId | None) -> dict[str, int]:
    """Recipients of whom nobody knows whether they were reached, by campaign's name; until its rows are gone."""
    d = deliveries.c
    where: Sequence[sa.ColumnElement[bool]] = () if account_id is None else (d.account_id == account_id,)
    query = (
        sa.select(campaigns.c.name, sa.func.count().label("rows"))
        .select_from(deliveries.join(campaigns, campaigns.c.id == d.campaign_id))
        .where(*where, d.state == DeliveryState.IN_DOUBT)
        .group_by(campaigns.c.id, campaigns.c.name)
        .order_by(campaigns.c.id)
    )
    return {r.name: r.rows for r in conn.execute(query)}


def _mine(account_id: AccountId | None) -> list[sa.ColumnElement[bool]]:
    """Rows of running campaigns: those of closed ones, which may be many, are not looked at."""
    running = sa.select(campaigns.c.id).where(campaigns.c.state.in_(RUNNING))
    if account_id is not None:
        running = running.where(campaigns.c.account_id == account_id)
    return [deliveries.c.campaign_id.in_(running)]
