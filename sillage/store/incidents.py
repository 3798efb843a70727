"""What the guard stopped, and how a person went on. The caller owns the transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from sillage.domain.ids import AccountId, CampaignId
from sillage.store.tables import incidents, paused_slices


@dataclass(frozen=True, slots=True)
class Incident:
    """A campaign, or its part at one provider, that stopped by itself: by which count against which line."""

    campaign_id: CampaignId
    provider: str | None
    metric: str
    scope: str
    window_name: str
    numerator: int
    denominator: int
    value: float
    critical_at: float
    action: str
    at: datetime
    ended_at: datetime | None = None
    ended_how: str | None = None


@dataclass(frozen=True, slots=True)
class PausedSlice:
    """A campaign's part at one provider that is paused, and why."""

    provider: str
    why: str
    at: datetime


_COLUMNS = [incidents.c[name] for name in Incident.__dataclass_fields__]


def add(conn: sa.Connection, account_id: AccountId, incident: Incident) -> None:
    """Write down what was stopped."""
    values = {name: getattr(incident, name) for name in Incident.__dataclass_fields__}
    conn.execute(incidents.insert().values(account_id=account_id, **values))


def of_campaign(conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId) -> list[Incident]:
    """All incidents of a campaign, the newest first."""
    return _found(conn, incidents.c.account_id == account_id, incidents.c.campaign_id == campaign_id)


def of_account(conn: sa.Connection, account_id: AccountId, *, limit: int = 100) -> list[Incident]:
    """The newest incidents of an account, those that still stand first."""
    return _found(conn, incidents.c.account_id == account_id, limit=limit)


def _found(conn: sa.Connection, *where: sa.ColumnElement[bool], limit: int = 1000) -> list[Incident]:
    query = sa.select(*_COLUMNS).where(*where)
    query = query.order_by(incidents.c.ended_at.is_not(None), incidents.c.id.desc()).limit(limit)
    return [Incident(**row) for row in conn.execute(query).mappings()]


def end(
    conn: sa.Connection,
    account_id: AccountId,
    campaign_id: CampaignId,
    *,
    provider: str | None,
    how: str,
    now: datetime,
) -> None:
    """A person went on with (or gave up) a campaign, or its part at one provider."""
    part = incidents.c.provider.is_(None) if provider is None else incidents.c.provider == provider
    conn.execute(
        incidents.update()
        .where(
            incidents.c.account_id == account_id,
            incidents.c.campaign_id == campaign_id,
            incidents.c.ended_at.is_(None),
            part,
        )
        .values(ended_at=now, ended_how=how)
    )


def pause_slice(
    conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId, provider: str, *, why: str, at: datetime
) -> bool:
    """Stop a campaign at one provider: its rows there are claimed no more. False where it is stopped already."""
    held = sa.select(paused_slices.c.provider).where(
        paused_slices.c.campaign_id == campaign_id, paused_slices.c.provider == provider
    )
    if conn.execute(held).first():
        return False
    conn.execute(
        paused_slices.insert().values(account_id=account_id, campaign_id=campaign_id, provider=provider, why=why, at=at)
    )
    return True


def resume_slice(conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId, provider: str) -> bool:
    """Let it go on; false where it was not stopped."""
    done = conn.execute(
        paused_slices.delete().where(
            paused_slices.c.account_id == account_id,
            paused_slices.c.campaign_id == campaign_id,
            paused_slices.c.provider == provider,
        )
    )
    return done.rowcount == 1


def paused_slices_of(conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId) -> list[PausedSlice]:
    """Where a campaign is paused, by provider."""
    query = (
        sa.select(paused_slices.c.provider, paused_slices.c.why, paused_slices.c.at)
        .where(paused_slices.c.account_id == account_id, paused_slices.c.campaign_id == campaign_id)
        .order_by(paused_slices.c.provider)
    )
    return [PausedSlice(row.provider, row.why, row.at) for row in conn.execute(query)]
