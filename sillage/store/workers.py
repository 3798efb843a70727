"""Sending processes and their leases. A worker's id is its fencing token: it is given once and never returns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from sillage.store.tables import provider_shares, workers


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """How often a worker has renewed its lease; whoever watches compares it with what it saw before."""

    id: int
    renewals: int
    lease_s: float


# Put together once: each window beats.
_RENEW = (
    workers.update()
    .where(workers.c.id == sa.bindparam("who"), workers.c.name == sa.bindparam("called"), workers.c.ended_at.is_(None))
    .values(renewals=workers.c.renewals + 1, seen_at=sa.bindparam("now", type_=workers.c.seen_at.type))
)


def enrol(conn: sa.Connection, name: str, *, lease_s: float, now: datetime) -> int:
    """Take a new fencing token."""
    done = conn.execute(workers.insert().values(name=name, started_at=now, seen_at=now, lease_s=lease_s))
    (worker_id,) = done.inserted_primary_key or (0,)
    return int(worker_id)


def renew(conn: sa.Connection, worker_id: int, name: str, *, now: datetime) -> bool:
    """Beat once; False where this worker was taken for dead, or its number is another's in an ops that was restored."""
    return conn.execute(_RENEW, {"who": worker_id, "called": name, "now": now}).rowcount == 1


def beats(conn: sa.Connection, worker_id: int) -> int | None:
    """How often a worker has beaten; None where it was ended."""
    found = conn.execute(
        sa.select(workers.c.renewals).where(workers.c.id == worker_id, workers.c.ended_at.is_(None))
    ).scalar()
    return None if found is None else int(found)


def last_seen(conn: sa.Connection) -> datetime | None:
    """When any worker last beat, in business time; None where none ever was."""
    found: datetime | None = conn.execute(
        sa.select(sa.func.max(workers.c.seen_at, type_=workers.c.seen_at.type))
    ).scalar()
    return found


def alive(conn: sa.Connection) -> list[Heartbeat]:
    """Workers that nobody has ended."""
    rows = conn.execute(
        sa.select(workers.c.id, workers.c.renewals, workers.c.lease_s).where(workers.c.ended_at.is_(None))
    )
    return [Heartbeat(r.id, r.renewals, r.lease_s) for r in rows]


def end(conn: sa.Connection, worker_id: int, *, now: datetime, renewals: int | None = None) -> bool:
    """End a worker and its shares; False where another did it first, or where it has beaten again since `renewals`."""
    where = [workers.c.id == worker_id, workers.c.ended_at.is_(None)]
    if renewals is not None:
        where.append(workers.c.renewals == renewals)
    done = conn.execute(workers.update().where(*where).values(ended_at=now))
    if done.rowcount != 1:
        return False
    conn.execute(provider_shares.delete().where(provider_shares.c.worker_id == worker_id))
    return True
