"""How large saved segments were, each time that they were counted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import sqlalchemy as sa

from sillage.domain.ids import AccountId, SegmentId
from sillage.store import bulk
from sillage.store.columns import to_micros
from sillage.store.tables import segment_sizes

KEPT_FOR = timedelta(days=400)


def note(conn: sa.Connection, account_id: AccountId, counted: Mapping[SegmentId, int], *, now: datetime) -> None:
    """Note the sizes of an account's segments at one moment; what is older than `KEPT_FOR` goes."""
    bulk.execute(
        conn,
        "insert into segment_sizes (segment_id, counted_at, account_id, size) values ({p}, {p}, {p}, {p})"
        " on conflict (segment_id, counted_at) do update set size = excluded.size",
        [(segment_id, to_micros(now), account_id, size) for segment_id, size in counted.items()],
    )
    c = segment_sizes.c
    conn.execute(segment_sizes.delete().where(c.account_id == account_id, c.counted_at < now - KEPT_FOR))


def history(
    conn: sa.Connection, account_id: AccountId, segment_id: SegmentId, *, since: datetime
) -> list[tuple[datetime, int]]:
    """When a segment was counted and how large it was, the oldest first."""
    c = segment_sizes.c
    rows = conn.execute(
        sa.select(c.counted_at, c.size)
        .where(c.account_id == account_id, c.segment_id == segment_id, c.counted_at >= since)
        .order_by(c.counted_at)
    )
    return [(row.counted_at, int(row.size)) for row in rows]
