"""The queue of erasures: who is to go, and how far each has come.

From ops a person goes with the request, in one transaction. What files, lake and marts hold goes step by step, by
the collector (`sillage.lake.erasing`); until files were looked through, the address waits in the queue.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from sillage.domain.ids import AccountId, ContactId
from sillage.store import contacts, people
from sillage.store.tables import erasures


@dataclass(frozen=True, slots=True)
class Erasure:
    """One request. `email` and `phone` are known until files were looked through."""

    id: int
    account_id: AccountId
    contact_id: ContactId
    email: str | None
    phone: str | None
    requested_by: str
    requested_at: datetime
    files_at: datetime | None
    rewritten_at: datetime | None
    expired_at: datetime | None
    done_at: datetime | None
    files: dict[str, int]


def request(conn: sa.Connection, account_id: AccountId, contact_id: ContactId, *, by: str, now: datetime) -> int:
    """Erase a person from ops, now, and put what is left to do into the queue; the number of the request.

    Raises: NotFound.
    """
    held = contacts.get(conn, account_id, contact_id)
    people.erase(conn, account_id, contact_id, now=now)
    done = conn.execute(
        erasures.insert().values(
            account_id=account_id, contact_id=contact_id, email=held.email, phone=held.phone, requested_by=by,
            requested_at=now,
        )
    )  # fmt: skip
    (erasure_id,) = done.inserted_primary_key or (0,)
    return int(erasure_id)


def listed(conn: sa.Connection, account_id: AccountId, *, limit: int = 100) -> list[Erasure]:
    """The last requests of an account, the newest first."""
    e = erasures.c
    query = sa.select(erasures).where(e.account_id == account_id)
    return [_erasure(row) for row in conn.execute(query.order_by(e.id.desc()).limit(limit))]


def unfinished(conn: sa.Connection, *, limit: int) -> list[Erasure]:
    """What is left to do for all accounts, the oldest first: for the collector alone."""
    query = sa.select(erasures).where(erasures.c.done_at.is_(None)).order_by(erasures.c.id).limit(limit)
    return [_erasure(row) for row in conn.execute(query)]


def erased_after(conn: sa.Connection, erasure_id: int) -> list[tuple[int, int, int]]:
    """(request, account, contact) of the requests behind one, of all accounts: for the collector alone."""
    e = erasures.c
    rows = conn.execute(sa.select(e.id, e.account_id, e.contact_id).where(e.id > erasure_id).order_by(e.id))
    return [(int(row.id), int(row.account_id), int(row.contact_id)) for row in rows]


def note_files(conn: sa.Connection, one: Erasure, changed: Mapping[str, int], *, now: datetime) -> None:
    """Files were looked through: the address goes, what was found is counted by kind of file."""
    conn.execute(
        erasures.update()
        .where(erasures.c.id == one.id, erasures.c.account_id == one.account_id)
        .values(email=None, phone=None, files_at=now, files=dict(changed))
    )


def note_step(conn: sa.Connection, done: Sequence[Erasure], step: str, *, now: datetime) -> None:
    """Note that a step (`rewritten_at`, `expired_at`, `done_at`) of some requests is behind us."""
    for one in done:
        conn.execute(
            erasures.update()
            .where(erasures.c.id == one.id, erasures.c.account_id == one.account_id)
            .values({step: now})
        )


def _erasure(row: sa.Row[tuple[object, ...]]) -> Erasure:
    return Erasure(
        id=int(row.id), account_id=AccountId(row.account_id), contact_id=ContactId(row.contact_id), email=row.email,
        phone=row.phone, requested_by=row.requested_by, requested_at=row.requested_at, files_at=row.files_at,
        rewritten_at=row.rewritten_at, expired_at=row.expired_at, done_at=row.done_at, files=row.files,
    )  # fmt: skip
