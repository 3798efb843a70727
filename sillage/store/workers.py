"""Sending processes and their leases. A worker's id is its fencing token: it is given once and never returns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from sillage.store.tables import workers


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """How often a worker has renewed its lease; whoever watches compares it with what it saw before."""

    id: int
    renewals: int
    lease_s: float


# Put together once: each window beats.
_RENEW = (
    workers.update()
    .where(workers.c.id == sa.bindparam("who"), workers.c.ended_at.is_(None))
    .values(renewals=workers.c.renewals + 1)
)


def enrol(conn: sa.Connection, name: str, *, lease_s: float, now: datetime) -> int:
    """Take a new fencing token."""
    done = conn.execute(workers.insert().values(name=name, started_at=now, lease_s=lease_s))
    (worker_id,) = done.inserted_primary_key or (0,)
    return int(worker_id)


def renew(conn: sa.Connection, worker_id: int) -> bool:
    """Beat once; False where this worker was taken for dead."""
    return conn.execute(_RENEW, {"who": worker_id}).rowcount == 1


def alive(conn: sa.Connection) -> list[Heartbeat]:
    """Workers that nobody has ended."""
    rows = conn.execute(
        sa.select(workers.c.id, workers.c.renewals, workers.c.lease_s).where(workers.c.ended_at.is_(None))
    )
    return [Heartbeat(r.id, r.renewals, r.lease_s) for r in rows]


def end(conn: sa.Connection, worker_id: int, *, now: datetime) -> bool:
    """End a worker; False where another did it first."""
    done = conn.execute(
        workers.update().where(workers.c.id == worker_id, workers.c.ended_at.is_(None)).values(ended_at=now)
    )
    return done.rowcount == 1
