"""How much of a limit is used: a campaign's messages in a minute, a new sending domain's on a day."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from sillage.domain.ids import AccountId
from sillage.store.tables import quotas, warmups


class Slot(NamedTuple):
    """A stretch of time of a limit, by number."""

    key: str
    slot: int
    ends_at: datetime


# Put together once: each window asks.
_ADD = (
    quotas.update()
    .where(quotas.c.key == sa.bindparam("of"), quotas.c.slot == sa.bindparam("at"))
    .values(used=quotas.c.used + sa.bindparam("more"))
)


def used(conn: sa.Connection, slots: Collection[Slot]) -> dict[Slot, int]:
    """How much of each is used; each is locked until the end of the transaction, in one order, so that no two wait
    for each other.
    """
    found: dict[Slot, int] = {}
    insert = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    for slot in sorted(set(slots)):
        conn.execute(insert(quotas).values(key=slot.key, slot=slot.slot, ends_at=slot.ends_at).on_conflict_do_nothing())
        query = sa.select(quotas.c.used).where(quotas.c.key == slot.key, quotas.c.slot == slot.slot).with_for_update()
        found[slot] = int(conn.execute(query).scalar_one())
    return found


def add(conn: sa.Connection, counts: Iterable[tuple[Slot, int]]) -> None:
    """Use some more of slots, or less: what was claimed and did not leave is given back."""
    rows = [{"of": slot.key, "at": slot.slot, "more": count} for slot, count in sorted(counts) if count]
    if rows:
        conn.execute(_ADD, rows)


def forget(conn: sa.Connection, *, before: datetime) -> None:
    """Drop slots whose time is over."""
    conn.execute(quotas.delete().where(quotas.c.ends_at < before))


def start_warmup(conn: sa.Connection, account_id: AccountId, domain: str, *, day: int) -> None:
    """From a day on (since 1970, UTC), the caps of a new sending domain apply; again, where it had one before."""
    insert = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    statement = insert(warmups).values(account_id=account_id, domain=domain.lower(), started_on=day)
    conn.execute(
        statement.on_conflict_do_update(
            index_elements=["account_id", "domain"], set_={"started_on": day, "ended_at": None}
        )
    )


def end_warmup(conn: sa.Connection, account_id: AccountId, domain: str, *, now: datetime) -> bool:
    """Lift the caps of a domain before their time; False where it has none."""
    where = (warmups.c.account_id == account_id, warmups.c.domain == domain.lower(), warmups.c.ended_at.is_(None))
    return conn.execute(warmups.update().where(*where).values(ended_at=now)).rowcount == 1


def warmup_of(conn: sa.Connection, account_id: AccountId, domain: str) -> int | None:
    """The first day of a domain's warm-up; None where it has none, or it was ended."""
    where = (warmups.c.account_id == account_id, warmups.c.domain == domain.lower(), warmups.c.ended_at.is_(None))
    found = conn.execute(sa.select(warmups.c.started_on).where(*where)).scalar()
    return None if found is None else int(found)


def warmups_of(conn: sa.Connection, account_id: AccountId) -> dict[str, int]:
    """First days of an account's domains that are warming up, by domain."""
    rows = conn.execute(
        sa.select(warmups.c.domain, warmups.c.started_on).where(
            warmups.c.account_id == account_id, warmups.c.ended_at.is_(None)
        )
    )
    return {r.domain: r.started_on for r in rows}
