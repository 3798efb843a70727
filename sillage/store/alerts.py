"""The level of each alert, its changes, and what of them is still to be told. The caller owns the transaction."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sillage.domain.ids import AccountId
from sillage.domain.thresholds import Level
from sillage.store.tables import accounts, alert_notices, alert_states, alert_targets

Facts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class AlertState:
    """An alert's present level."""

    alert_key: str
    level: Level
    change: int
    since: datetime
    seen_at: datetime
    facts: Facts


@dataclass(frozen=True, slots=True)
class Targets:
    """Where an account is told of alerts."""

    email: str | None = None
    webhook_url: str | None = None
    webhook_nonce: str | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """One change to tell one target."""

    id: int
    account_id: AccountId
    alert_key: str
    change: int
    target: str
    attempt: int
    facts: Facts


def set_level(
    conn: sa.Connection, account_id: AccountId, alert_key: str, level: Level, facts: Facts, *, now: datetime
) -> bool:
    """Bring an alert to a level; true where that is a change, which is then told to each target of the account."""
    held = state(conn, account_id, alert_key)
    if held is None and level is Level.OK:
        return False
    if held is not None and held.level == level:
        _write(conn, account_id, alert_key, {"seen_at": max(now, held.seen_at), "facts": facts})
        return False
    change = 1 if held is None else held.change + 1
    values = {"level": level, "change": change, "since": now, "seen_at": now, "facts": facts}
    if held is None:
        conn.execute(alert_states.insert().values(account_id=account_id, alert_key=alert_key, **values))
    else:
        _write(conn, account_id, alert_key, values)
    told = {**facts, "level": level.value, "before": held.level.value if held else Level.OK.value}
    found = targets(conn, account_id)
    for target, address in (("email", found.email), ("webhook", found.webhook_url)):
        if address:
            conn.execute(
                alert_notices.insert().values(
                    account_id=account_id, alert_key=alert_key, change=change, target=target, due_at=now,
                    facts={**told, "at": now.isoformat()},
                )
            )  # fmt: skip
    return True


def _write(conn: sa.Connection, account_id: AccountId, alert_key: str, values: Facts) -> None:
    conn.execute(
        alert_states.update()
        .where(alert_states.c.account_id == account_id, alert_states.c.alert_key == alert_key)
        .values(**values)
    )


def state(conn: sa.Connection, account_id: AccountId, alert_key: str) -> AlertState | None:
    """An alert's level, or None where it was never raised."""
    found = states(conn, account_id, alert_key=alert_key)
    return found[0] if found else None


def states(
    conn: sa.Connection, account_id: AccountId, *, alert_key: str | None = None, raised: bool = False
) -> list[AlertState]:
    """The alerts of an account, the newest change first; `raised`: only those that stand."""
    a = alert_states.c
    query = sa.select(a.alert_key, a.level, a.change, a.since, a.seen_at, a.facts).where(a.account_id == account_id)
    if alert_key is not None:
        query = query.where(a.alert_key == alert_key)
    if raised:
        query = query.where(a.level != Level.OK)
    rows = conn.execute(query.order_by(a.since.desc(), a.alert_key))
    return [AlertState(r.alert_key, Level(r.level), r.change, r.since, r.seen_at, r.facts) for r in rows]


def targets(conn: sa.Connection, account_id: AccountId) -> Targets:
    """Where an account is told."""
    t = alert_targets.c
    row = conn.execute(sa.select(t.email, t.webhook_url, t.webhook_nonce).where(t.account_id == account_id)).first()
    return Targets(row.email, row.webhook_url, row.webhook_nonce) if row else Targets()


def set_targets(
    conn: sa.Connection, account_id: AccountId, *, email: str | None, webhook_url: str | None, now: datetime
) -> Targets:
    """Say where an account is told; a new webhook address gets a new nonce, and so a new key."""
    held = targets(conn, account_id)
    nonce = held.webhook_nonce if webhook_url and webhook_url == held.webhook_url else secrets.token_hex(16)
    values = {
        "email": email,
        "webhook_url": webhook_url,
        "webhook_nonce": nonce if webhook_url else None,
        "changed_at": now,
    }
    done = conn.execute(alert_targets.update().where(alert_targets.c.account_id == account_id).values(**values))
    if done.rowcount == 0:
        conn.execute(alert_targets.insert().values(account_id=account_id, **values))
    return targets(conn, account_id)


def due_notices(conn: sa.Connection, *, now: datetime, limit: int = 20) -> list[Notice]:
    """What is to be told now, of all accounts: for the notifier alone."""
    n = alert_notices.c
    query = (
        sa.select(n.id, n.account_id, n.alert_key, n.change, n.target, n.attempt, n.facts)
        .where(n.state == "due", n.due_at <= now)
        .order_by(n.due_at, n.id)
        .limit(limit)
    )
    return [Notice(r.id, AccountId(r.account_id), *r[2:]) for r in conn.execute(query)]


def settle_notice(
    conn: sa.Connection, notice: Notice, *, state: str, due_at: datetime, error: str | None = None
) -> None:
    """It was told, is to be told again later, or never could be."""
    conn.execute(
        alert_notices.update()
        .where(alert_notices.c.account_id == notice.account_id, alert_notices.c.id == notice.id)
        .values(state=state, attempt=notice.attempt + 1, due_at=due_at, error=error)
    )


def account_ids(conn: sa.Connection) -> list[tuple[AccountId, str]]:
    """Id and slug of every account: for the watch alone."""
    query = sa.select(accounts.c.id, accounts.c.slug).order_by(accounts.c.id)
    return [(AccountId(r.id), r.slug) for r in conn.execute(query)]
