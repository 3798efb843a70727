"""The frequency cap: at most N marketing messages per contact in D days, counted when they are claimed.

Counted in the claim and not when a server takes it, so that two campaigns that claim the same person at once are two
messages to the count of both: the row of the day serialises them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import sqlalchemy as sa

from sillage.domain.ids import AccountId, ContactId
from sillage.store import bulk
from sillage.store.tables import contact_sends

_COUNT = "insert into contact_sends (contact_id, day, account_id, count) values"
_ONCE_MORE = "on conflict (contact_id, day) do update set count = contact_sends.count + 1"
_UNCOUNT = "update contact_sends set count = count - 1 where contact_id = {p} and day = {p} and count > 0"
A_QUERY = 400


def _sql(conn: sa.Connection, text: str) -> str:
    return text.replace("{p}", "?" if conn.dialect.name == "sqlite" else "%s")


def count(conn: sa.Connection, account_id: AccountId, contacts: Sequence[ContactId], *, day: int) -> None:
    """Count one message for each, on a day (since 1970, UTC); in order, so that no two workers wait for each other."""
    rows = [(contact, day, account_id) for contact in sorted(contacts)]
    bulk.execute_together(conn, _COUNT, "({p}, {p}, {p}, 1)", rows, _ONCE_MORE)


def uncount(conn: sa.Connection, sends: Collection[tuple[ContactId, int]]) -> None:
    """Take back what was counted and did not leave: (contact, day)."""
    if sends:
        conn.exec_driver_sql(_sql(conn, _UNCOUNT), sorted(sends))


def over(
    conn: sa.Connection, account_id: AccountId, contacts: Sequence[ContactId], *, cap: int, days: int, day: int
) -> set[ContactId]:
    """Those with more than `cap` in the `days` days that end with `day`, what was just counted included."""
    c = contact_sends.c
    found: set[ContactId] = set()
    for start in range(0, len(contacts), A_QUERY):
        query = (
            sa.select(c.contact_id)
            .where(
                c.contact_id.in_(contacts[start : start + A_QUERY]),
                c.day > day - days,
                c.day <= day,
                c.account_id == account_id,
            )
            .group_by(c.contact_id)
            .having(sa.func.sum(c["count"]) > cap)
        )
        found.update(ContactId(row.contact_id) for row in conn.execute(query))
    return found
