"""Complaints that providers tell in sums, kept by source, day and subject: imported again, a day is replaced."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from sillage.domain.complaint_sums import Source, Sum
from sillage.domain.ids import AccountId
from sillage.store.tables import reported_complaints


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
