"""The outbox: events written in the transaction of the state change that they belong to."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from sillage.lake.event import Event, encode
from sillage.store import bulk
from sillage.store.tables import outbox


def record(conn: sa.Connection, events: Iterable[Event]) -> None:
    """Put events on their way, in the caller's transaction."""
    bulk.execute_together(conn, "insert into outbox (body) values", "({p})", [(encode(e),) for e in events])


def waiting(conn: sa.Connection, limit: int) -> list[tuple[int, bytes]]:
    """The first `limit` events that wait, as (seq, body)."""
    found = conn.execute(sa.select(outbox.c.seq, outbox.c.body).order_by(outbox.c.seq).limit(limit))
    return [(row.seq, bytes(row.body)) for row in found]


def drop(conn: sa.Connection, seqs: list[int]) -> None:
    """Forget events that the lake holds."""
    conn.execute(sa.delete(outbox).where(outbox.c.seq == sa.bindparam("drained")), [{"drained": s} for s in seqs])
