"""The register of files with personal data: erasure and retention walk it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from sillage.domain.ids import AccountId
from sillage.store.tables import files


@dataclass(frozen=True, slots=True)
class RegisteredFile:
    """A file that holds personal data of an account."""

    id: int
    kind: str
    path: Path
    created_at: datetime
    expires_at: datetime


def register(
    conn: sa.Connection, account_id: AccountId, kind: str, path: Path, created_at: datetime, expires_at: datetime
) -> int:
    """Register a file, before it is written; one that is registered already is kept for the longer of both times."""
    held = conn.execute(
        sa.select(files.c.id, files.c.expires_at).where(files.c.account_id == account_id, files.c.path == str(path))
    ).first()
    if held is not None:
        if held.expires_at < expires_at:
            conn.execute(files.update().where(files.c.id == held.id).values(expires_at=expires_at))
        return int(held.id)
    done = conn.execute(
        files.insert().values(
            account_id=account_id, kind=kind, path=str(path), created_at=created_at, expires_at=expires_at
        )
    )
    (file_id,) = done.inserted_primary_key or (0,)
    return int(file_id)


def expired(conn: sa.Connection, account_id: AccountId, now: datetime) -> list[RegisteredFile]:
    """Files of an account whose time is over, the oldest first."""
    rows = conn.execute(
        sa.select(files)
        .where(files.c.account_id == account_id, files.c.expires_at <= now)
        .order_by(files.c.expires_at, files.c.id)
    )
    return [RegisteredFile(r.id, r.kind, Path(r.path), r.created_at, r.expires_at) for r in rows]


def accounts_with_expired(conn: sa.Connection, now: datetime) -> list[AccountId]:
    """Accounts with files whose time is over: for who deletes them."""
    query = sa.select(files.c.account_id).where(files.c.expires_at <= now).distinct().order_by(files.c.account_id)
    return [AccountId(row.account_id) for row in conn.execute(query)]


def listed(conn: sa.Connection, account_id: AccountId) -> list[RegisteredFile]:
    """All files of an account, the oldest first."""
    rows = conn.execute(sa.select(files).where(files.c.account_id == account_id).order_by(files.c.id))
    return [RegisteredFile(r.id, r.kind, Path(r.path), r.created_at, r.expires_at) for r in rows]


def forget(conn: sa.Connection, account_id: AccountId, file_id: int) -> None:
    """Take a file off the register, after it was deleted."""
    conn.execute(files.delete().where(files.c.account_id == account_id, files.c.id == file_id))
