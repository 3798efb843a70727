"""What providers tell: the loops that an account has joined, and their sums of complaints.

Sums are kept by source, day and subject: imported again, a day is replaced.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from sillage.domain.complaint_sums import Source, Sum
from sillage.domain.ids import AccountId
from sillage.store.tables import joined_loops, reported_complaints


def put(conn: sa.Connection, account_id: AccountId, sums: Sequence[Sum], *, now: datetime) -> None:
    """Keep sums; what is known of the same source, day and subject is replaced."""
    if not sums:
        return
    build = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    insert = build(reported_complaints)
    told = ("complaints", "messages", "rate", "rate_is_below", "imported_at")
    statement = insert.on_conflict_do_update(
        index_elements=["account_id", "source", "day", "subject"], set_={name: insert.excluded[name] for name in told}
    )
    # Of two rows of one day and subject in a file the last holds.
    newest = {(one.source, one.day, one.subject): one for one in sums}
    conn.execute(
        statement,
        [
            {
                "account_id": account_id,
                "source": one.source.value,
                "day": one.day.isoformat(),
                "subject": one.subject,
                "complaints": one.complaints,
                "messages": one.messages,
                "rate": one.rate,
                "rate_is_below": one.rate_is_below,
                "imported_at": now,
            }
            for one in newest.values()
        ],
    )


def listed(conn: sa.Connection, account_id: AccountId, *, limit: int = 200) -> list[Sum]:
    """The sums of an account, the newest day first."""
    r = reported_complaints.c
    rows = conn.execute(
        sa.select(reported_complaints)
        .where(r.account_id == account_id)
        .order_by(r.day.desc(), r.source, r.subject)
        .limit(limit)
    )
    return [
        Sum(Source(x.source), date.fromisoformat(x.day), x.subject, x.complaints, x.messages, x.rate, x.rate_is_below)
        for x in rows
    ]


def joined(conn: sa.Connection, account_id: AccountId) -> frozenset[str]:
    """The ids of the loops that an account has joined."""
    found = conn.execute(sa.select(joined_loops.c.loop).where(joined_loops.c.account_id == account_id))
    return frozenset(row.loop for row in found)


def set_joined(conn: sa.Connection, account_id: AccountId, loops: Collection[str], *, now: datetime) -> None:
    """Say which loops an account has joined; those that stay keep their time."""
    held = joined(conn, account_id)
    gone, new = held - set(loops), set(loops) - held
    conn.execute(sa.delete(joined_loops).where(joined_loops.c.account_id == account_id, joined_loops.c.loop.in_(gone)))
    if new:
        conn.execute(
            joined_loops.insert(),
            [{"account_id": account_id, "loop": loop, "joined_at": now} for loop in sorted(new)],
        )
