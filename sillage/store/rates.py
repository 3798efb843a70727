"""What each mailbox provider is given at most, how far it has slowed us down, and which worker holds what part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from sillage.domain import pace
from sillage.domain.pace import Pace, Rate
from sillage.store.tables import provider_paces, provider_rates, provider_shares, workers

DEFAULT = Rate(4, 500, None)
EVERYBODY = "*"


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a worker has seen of a provider since it last told: messages a second, and why it was slowed down."""

    sent_per_second: float = 0.0
    pushed_back: str | None = None


def load(conn: sa.Connection, *, channel: str) -> dict[str, Rate]:
    """The ceilings, by provider; `*` is for those that have none of their own."""
    rows = conn.execute(sa.select(provider_rates).where(provider_rates.c.channel == channel)).all()
    own = {r.provider: Rate(r.connections, r.per_connection, r.per_second, r.recovery_s) for r in rows}
    return {EVERYBODY: DEFAULT, **own}


def set_rate(conn: sa.Connection, provider: str, rate: Rate, *, channel: str) -> None:
    """Set the ceiling of a provider, or of all that have none of their own (`*`)."""
    values = {
        "connections": rate.connections, "per_connection": rate.per_connection, "per_second": rate.per_second,
        "recovery_s": rate.recovery_s,
    }  # fmt: skip
    _upsert(conn, provider_rates, {"provider": provider, "channel": channel}, values)


def lease(
    conn: sa.Connection,
    worker_id: int,
    provider: str,
    feedback: Feedback,
    *,
    channel: str,
    ceiling: Rate,
    now: datetime,
) -> Rate:
    """Renew this worker's share of a provider, after telling what it has seen; what it may use until the next time.

    Shares live as long as their workers' leases: those of workers that were ended count no more. `now` is wall time.
    """
    key = {"provider": provider, "channel": channel}
    held = _pace(conn, key, now)
    wall = now.timestamp()
    others = {w: r for w, r in _shares(conn, key, ceiling.per_connection).items() if w != worker_id}
    seen_by_all = feedback.sent_per_second + _seen_by(conn, key, but=worker_id)
    if feedback.pushed_back is not None:
        after = pace.slowed(held, ceiling, seen=seen_by_all, now=wall)
    else:
        after = pace.eased(held, ceiling, now=wall)
    if after != held:
        _write_pace(conn, key, after, feedback.pushed_back)
    rank = sum(1 for other in others if other < worker_id)
    mine = pace.share(pace.limit(after, ceiling), list(others.values()), rank)
    values = {
        "connections": mine.connections, "per_second": mine.per_second, "sent_per_second": feedback.sent_per_second,
    }  # fmt: skip
    _upsert(conn, provider_shares, {**key, "worker_id": worker_id}, values)
    return mine


def release(conn: sa.Connection, worker_id: int, provider: str | None = None) -> None:
    """Give back a share, or all of a worker's."""
    where = provider_shares.c.worker_id == worker_id
    if provider is not None:
        where = sa.and_(where, provider_shares.c.provider == provider)
    conn.execute(provider_shares.delete().where(where))


@dataclass(frozen=True, slots=True)
class Standing:
    """A provider as the pages show it: its ceiling, how far it has slowed us down and why, what leaves now."""

    provider: str
    limit: Rate
    is_slowed: bool
    slowed_at: datetime | None
    reason: str | None
    workers: int
    sent_per_second: float


def standings(conn: sa.Connection, *, channel: str) -> list[Standing]:
    """Providers that workers serve now, or that have slowed us down, by name."""
    ceilings = load(conn, channel=channel)
    s = provider_shares.c
    query = (
        sa.select(s.provider, sa.func.count().label("workers"), sa.func.sum(s.sent_per_second).label("sent"))
        .join(workers, sa.and_(workers.c.id == s.worker_id, workers.c.ended_at.is_(None)))
        .where(s.channel == channel)
        .group_by(s.provider)
    )
    served = {r.provider: (r.workers, float(r.sent)) for r in conn.execute(query)}
    paces = {r.provider: r for r in conn.execute(sa.select(provider_paces).where(provider_paces.c.channel == channel))}
    found = []
    for provider in sorted(served.keys() | {p for p, r in paces.items() if r.per_second is not None}):
        row = paces.get(provider)
        held = _pace_of(row) if row is not None else Pace(0.0)
        count, sent = served.get(provider, (0, 0.0))
        found.append(
            Standing(
                provider,
                pace.limit(held, ceilings.get(provider, ceilings[EVERYBODY])),
                held.is_slowed,
                row.slowed_at if row is not None else None,
                row.reason if row is not None and held.is_slowed else None,
                count,
                sent,
            )
        )
    return found


def _pace(conn: sa.Connection, key: Mapping[str, str], now: datetime) -> Pace:
    """The row of a provider, locked until the end of the transaction: shares are given out one worker at a time."""
    insert = _insert(conn)(provider_paces).values(**key, changed_at=now).on_conflict_do_nothing()
    where = (provider_paces.c.provider == key["provider"], provider_paces.c.channel == key["channel"])
    query = sa.select(provider_paces).where(*where).with_for_update()
    row = conn.execute(query).first()
    if row is None:
        conn.execute(insert)
        row = conn.execute(query).one()
    return _pace_of(row)


def _pace_of(row: Any) -> Pace:
    return Pace(row.changed_at.timestamp(), row.connections, row.per_second, row.wanted)


def _write_pace(conn: sa.Connection, key: Mapping[str, str], after: Pace, why: str | None) -> None:
    changed = datetime.fromtimestamp(after.changed_at, UTC)
    values: dict[str, Any] = {
        "connections": after.connections, "per_second": after.per_second, "wanted": after.wanted, "changed_at": changed,
    }  # fmt: skip
    if why is not None:
        values |= {"slowed_at": changed, "reason": why}
    where = (provider_paces.c.provider == key["provider"], provider_paces.c.channel == key["channel"])
    conn.execute(provider_paces.update().where(*where).values(**values))


def _of(key: Mapping[str, str]) -> sa.ColumnElement[bool]:
    s = provider_shares.c
    return sa.and_(
        s.provider == key["provider"], s.channel == key["channel"],
        s.worker_id.in_(sa.select(workers.c.id).where(workers.c.ended_at.is_(None))),
    )  # fmt: skip


def _shares(conn: sa.Connection, key: Mapping[str, str], per_connection: int) -> dict[int, Rate]:
    rows = conn.execute(sa.select(provider_shares).where(_of(key)))
    return {r.worker_id: Rate(r.connections, per_connection, r.per_second) for r in rows}


def _seen_by(conn: sa.Connection, key: Mapping[str, str], *, but: int) -> float:
    s = provider_shares.c
    query = sa.select(sa.func.coalesce(sa.func.sum(s.sent_per_second), 0.0)).where(_of(key), s.worker_id != but)
    return float(conn.execute(query).scalar_one())


def _insert(conn: sa.Connection) -> Any:  # the two dialects' inserts share no type
    return postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert


def _upsert(conn: sa.Connection, table: sa.Table, key: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    statement = _insert(conn)(table).values(**key, **values)
    conn.execute(statement.on_conflict_do_update(index_elements=list(key), set_=dict(values)))
