"""How far contacts were pulled from other systems."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from sillage.domain.ids import AccountId
from sillage.store import bulk
from sillage.store.columns import to_micros
from sillage.store.tables import pull_cursors

_PUT = """
insert into pull_cursors (account_id, source, position, updated_at) values ({p}, {p}, {p}, {p})
on conflict (account_id, source) do update set position = excluded.position, updated_at = excluded.updated_at
"""


def position(conn: sa.Connection, account_id: AccountId, source: str) -> str | None:
    """Where the last pull of a source ended; None before the first."""
    c = pull_cursors.c
    found = conn.execute(sa.select(c.position).where(c.account_id == account_id, c.source == source)).scalar()
    return None if found is None else str(found)


def advance(conn: sa.Connection, account_id: AccountId, source: str, to: str, now: datetime) -> None:
    """Note where a pull ended, after all of it is in ops."""
    bulk.execute(conn, _PUT, [(account_id, source, to, to_micros(now))])
