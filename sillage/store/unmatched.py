"""Returned mail that nobody could be found for, or that no rule knows: kept as files, listed, and gone in time."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from sillage.domain.ids import AccountId
from sillage.store.files import RegisteredFile
from sillage.store.tables import accounts, files, unmatched_mail

KEPT_FOR = timedelta(days=30)
MAX_LISTED = 10_000
FILE_KIND = "unmatched_mail"


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many mails of a kind wait to be looked at, and why."""

    kind: str
    reason: str
    mails: int
    last_at: datetime


def counted(conn: sa.Connection, account_id: AccountId) -> list[Waiting]:
    """What waits for an account, the most frequent first."""
    mails = sa.func.count().label("mails")
    rows = conn.execute(
        sa.select(
            unmatched_mail.c.kind,
            unmatched_mail.c.reason,
            mails,
            sa.func.max(unmatched_mail.c.received_at).label("last_at"),
        )
        .join(files, files.c.path == unmatched_mail.c.path)
        .where(files.c.account_id == account_id)
        .group_by(unmatched_mail.c.kind, unmatched_mail.c.reason)
        .order_by(mails.desc(), unmatched_mail.c.kind, unmatched_mail.c.reason)
    )
    return [Waiting(r.kind, r.reason, r.mails, r.last_at) for r in rows]


def listed(conn: sa.Connection, account_id: AccountId, *, limit: int = 200) -> list[tuple[datetime, str, str, Path]]:
    """The mails that wait for an account, the newest first: received, kind, reason, file."""
    u = unmatched_mail.c
    rows = conn.execute(
        sa.select(u.received_at, u.kind, u.reason, u.path)
        .join(files, files.c.path == u.path)
        .where(files.c.account_id == account_id)
        .order_by(u.received_at.desc(), u.id.desc())
        .limit(limit)
    )
    return [(r.received_at, r.kind, r.reason, Path(r.path)) for r in rows]


def forget(conn: sa.Connection, account_id: AccountId, path: Path) -> None:
    """Take a mail of an account off the list, with its file."""
    of_account = sa.select(files.c.path).where(files.c.account_id == account_id, files.c.path == str(path))
    conn.execute(unmatched_mail.delete().where(unmatched_mail.c.path.in_(of_account)))


def nobodys(conn: sa.Connection) -> list[tuple[AccountId, RegisteredFile]]:
    """The mails of all accounts with their owners, for an erasure: one that is tied to nobody may be anybody's."""
    return [
        (AccountId(r.account_id), RegisteredFile(r.id, r.kind, Path(r.path), r.created_at, r.expires_at))
        for r in conn.execute(sa.select(files).where(files.c.kind == FILE_KIND).order_by(files.c.id))
    ]


def is_full(conn: sa.Connection) -> bool:
    """Whether so many wait to be looked at that no more are taken: anybody may write to the feedback address."""
    waiting = sa.select(sa.func.count()).select_from(sa.select(unmatched_mail.c.id).limit(MAX_LISTED).subquery())
    return bool(conn.execute(waiting).scalar_one() >= MAX_LISTED)


def put_aside(
    conn: sa.Connection,
    account_id: int | None,
    raw: bytes,
    *,
    folder: Path,
    kind: str,
    reason: str,
    received_at: datetime,
) -> Path | None:
    """Keep a mail as a file in the register, and list it; None where there is no account that it could belong to.

    A mail of nobody's is the installation's: it is registered with its oldest account, so that retention finds it.
    The file is written before the transaction ends: one that is taken back leaves a file that no row names.
    """
    owner = account_id if account_id is not None else conn.execute(sa.select(sa.func.min(accounts.c.id))).scalar()
    if owner is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{received_at:%Y%m%d}-{uuid.uuid4().hex}.eml"
    path.write_bytes(raw)
    conn.execute(
        files.insert().values(
            account_id=owner,
            kind=FILE_KIND,
            path=str(path),
            created_at=received_at,
            expires_at=received_at + KEPT_FOR,
        )
    )
    conn.execute(unmatched_mail.insert().values(kind=kind, reason=reason, path=str(path), received_at=received_at))
    return path
