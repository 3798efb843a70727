"""Mails while they are written: saved at every pause, each state kept for a while, and nobody's work overwritten.

A save says which version it was made from. Where another one was first, the draft stays as that one left it, and what
came too late is kept aside in the history: nothing is lost, and whoever wrote it is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from sillage.content.message import Source
from sillage.domain.campaign import SourceKind
from sillage.domain.ids import AccountId
from sillage.errors import BadInput, NotFound, Refused
from sillage.store import recurrences
from sillage.store.tables import draft_versions, drafts, users

MAX_NAME = 200
MAX_BODY = 2_000_000
MAX_SUBJECT = 2_000
MAX_VERSIONS = 50
"""States that are kept of a draft, those aside among them; the oldest goes first."""
MAX_VERSIONS_BYTES = 20_000_000
"""The same for all of them together, in characters."""
STEP = timedelta(minutes=2)
"""Saves of one person within so much time are one state of the history."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a draft holds."""

    kind: SourceKind
    body: str
    subject: str = ""
    preheader: str = ""

    @property
    def source(self) -> Source:
        """What is compiled of it."""
        return Source(self.kind, self.body, self.subject, self.preheader)


@dataclass(frozen=True, slots=True)
class DraftMail:
    """A draft as it is now. `form` holds what the form of its campaign was filled with."""

    id: int
    name: str
    written: Written
    version: int
    saved_by: int | None
    saved_by_name: str
    saved_at: datetime
    form: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DraftVersion:
    """A state in the history of a draft; without its body where it was listed."""

    id: int
    version: int
    written: Written
    is_aside: bool
    saved_by_name: str
    saved_at: datetime


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of a save: the draft as it is, and whether the save was too late and lies aside."""

    draft: DraftMail
    is_aside: bool


def create(
    conn: sa.Connection, account_id: AccountId, name: str, written: Written, *, by: int | None, now: datetime,
    form: Mapping[str, Any] | None = None,
) -> DraftMail:  # fmt: skip
    """Begin a draft.

    Raises: BadInput where something is too long.
    """
    _check(written)
    done = conn.execute(
        drafts.insert().values(
            account_id=account_id, name=_name(name), kind=written.kind.value, subject=written.subject,
            preheader=written.preheader, body=written.body, form=dict(form or {}), saved_by=by, created_at=now,
            saved_at=now,
        )
    )  # fmt: skip
    (number,) = done.inserted_primary_key or (0,)
    _remember(conn, account_id, int(number), 1, written, by=by, now=now)
    return get(conn, account_id, int(number))


def get(conn: sa.Connection, account_id: AccountId, draft_id: int) -> DraftMail:
    """Raises: NotFound."""
    row = conn.execute(
        sa.select(drafts, users.c.name.label("who"))
        .select_from(drafts.outerjoin(users, users.c.id == drafts.c.saved_by))
        .where(drafts.c.account_id == account_id, drafts.c.id == draft_id)
    ).first()
    if row is None:
        raise NotFound(f"no draft {draft_id}")
    return _draft(row)


def listed(conn: sa.Connection, account_id: AccountId, limit: int = 100) -> list[DraftMail]:
    """The drafts of an account, the last one saved first."""
    rows = conn.execute(
        sa.select(drafts, users.c.name.label("who"))
        .select_from(drafts.outerjoin(users, users.c.id == drafts.c.saved_by))
        .where(drafts.c.account_id == account_id)
        .order_by(drafts.c.saved_at.desc(), drafts.c.id.desc())
        .limit(limit)
    )
    return [_draft(row) for row in rows]


def save(
    conn: sa.Connection, account_id: AccountId, draft_id: int, written: Written, *, version: int, by: int | None,
    now: datetime,
) -> Saved:  # fmt: skip
    """Save what was made from `version`; where that is not the newest any more, it is kept aside.

    Raises: NotFound, BadInput where something is too long.
    """
    _check(written)
    held = get(conn, account_id, draft_id)
    if held.version == version and held.written == written:
        return Saved(held, is_aside=False)
    done = conn.execute(
        drafts.update()
        .where(drafts.c.account_id == account_id, drafts.c.id == draft_id, drafts.c.version == version)
        .values(
            kind=written.kind.value, subject=written.subject, preheader=written.preheader, body=written.body,
            version=version + 1, saved_by=by, saved_at=now,
        )
    )  # fmt: skip
    if done.rowcount:
        _remember(conn, account_id, draft_id, version + 1, written, by=by, now=now)
        return Saved(get(conn, account_id, draft_id), is_aside=False)
    if held.written == written:
        return Saved(held, is_aside=False)
    _remember(conn, account_id, draft_id, version, written, by=by, now=now, is_aside=True)
    return Saved(get(conn, account_id, draft_id), is_aside=True)


def keep_form(conn: sa.Connection, account_id: AccountId, draft_id: int, form: Mapping[str, Any]) -> None:
    """Keep what the form of its campaign holds; the last one who wrote it is right."""
    conn.execute(
        drafts.update().where(drafts.c.account_id == account_id, drafts.c.id == draft_id).values(form=dict(form))
    )


def rename(conn: sa.Connection, account_id: AccountId, draft_id: int, name: str) -> None:
    """Raises: BadInput."""
    conn.execute(
        drafts.update().where(drafts.c.account_id == account_id, drafts.c.id == draft_id).values(name=_name(name))
    )


def history(conn: sa.Connection, account_id: AccountId, draft_id: int) -> list[DraftVersion]:
    """The states of a draft that are kept, the newest first, without their bodies."""
    body = sa.literal("").label("body")
    columns = [c for c in draft_versions.c if c.name != "body"]
    rows = conn.execute(
        sa.select(*columns, body, users.c.name.label("who"))
        .select_from(draft_versions.outerjoin(users, users.c.id == draft_versions.c.saved_by))
        .where(draft_versions.c.account_id == account_id, draft_versions.c.draft_id == draft_id)
        .order_by(draft_versions.c.id.desc())
    )
    return [_version(row) for row in rows]


def state(conn: sa.Connection, account_id: AccountId, draft_id: int, state_id: int) -> DraftVersion:
    """One state of the history.

    Raises: NotFound.
    """
    row = conn.execute(
        sa.select(draft_versions, users.c.name.label("who"))
        .select_from(draft_versions.outerjoin(users, users.c.id == draft_versions.c.saved_by))
        .where(
            draft_versions.c.account_id == account_id, draft_versions.c.draft_id == draft_id,
            draft_versions.c.id == state_id,
        )
    ).first()  # fmt: skip
    if row is None:
        raise NotFound(f"no state {state_id} of draft {draft_id}")
    return _version(row)


def remove(conn: sa.Connection, account_id: AccountId, draft_id: int) -> None:
    """Throw a draft away, with its history.

    Raises: NotFound; Refused where a recurring campaign is made of it.
    """
    get(conn, account_id, draft_id)
    if (name := recurrences.uses(conn, account_id, draft_id)) is not None:
        raise Refused(f"the recurring campaign {name!r} is made of this draft: end that first")
    conn.execute(
        draft_versions.delete().where(draft_versions.c.account_id == account_id, draft_versions.c.draft_id == draft_id)
    )
    conn.execute(drafts.delete().where(drafts.c.account_id == account_id, drafts.c.id == draft_id))


def _remember(
    conn: sa.Connection, account_id: AccountId, draft_id: int, version: int, written: Written, *, by: int | None,
    now: datetime, is_aside: bool = False,
) -> None:  # fmt: skip
    """A state of the history: the newest one written anew while the same person goes on, else another one."""
    table = draft_versions
    of_draft = (table.c.account_id == account_id, table.c.draft_id == draft_id)
    newest = conn.execute(
        sa.select(table.c.id, table.c.version, table.c.saved_by, table.c.begun_at, table.c.is_aside)
        .where(*of_draft)
        .order_by(table.c.id.desc())
        .limit(1)
    ).first()
    values = {
        "version": version, "kind": written.kind.value, "subject": written.subject, "preheader": written.preheader,
        "body": written.body, "saved_at": now,
    }  # fmt: skip
    # How a draft began stays a state of its own.
    goes_on = (
        newest is not None
        and (newest.saved_by, newest.is_aside) == (by, is_aside)
        and (is_aside or newest.version > 1)
        and now - newest.begun_at < STEP
    )
    if newest is not None and goes_on:
        conn.execute(table.update().where(*of_draft, table.c.id == newest.id).values(**values))
        return
    conn.execute(
        table.insert().values(
            account_id=account_id, draft_id=draft_id, is_aside=is_aside, saved_by=by, begun_at=now, **values
        )
    )
    sizes = conn.execute(
        sa.select(table.c.id, sa.func.length(table.c.body)).where(*of_draft).order_by(table.c.id.desc())
    ).all()
    total, last = 0, sizes[0][0]
    for number, row in enumerate(sizes, 1):
        total += int(row[1])
        if number > MAX_VERSIONS or (number > 1 and total > MAX_VERSIONS_BYTES):
            break
        last = row[0]
    conn.execute(table.delete().where(*of_draft, table.c.id < last))


def _check(written: Written) -> None:
    if len(written.body) > MAX_BODY:
        raise BadInput(
            f"the content has {len(written.body):,} characters, and {MAX_BODY:,} is the most; put its pictures into the"
            " library instead of into the text", code="too_large", field="body",
        )  # fmt: skip
    for name, text in (("subject", written.subject), ("preheader", written.preheader)):
        if len(text) > MAX_SUBJECT:
            raise BadInput(f"the {name} has more than {MAX_SUBJECT:,} characters", code="too_large", field=name)


def _name(name: str) -> str:
    found = " ".join(name.split())[:MAX_NAME]
    if not found:
        raise BadInput(f"a draft's name has 1 to {MAX_NAME} characters", code="no_name", field="name")
    return found


def _draft(row: Any) -> DraftMail:
    written = Written(SourceKind(row.kind), row.body, row.subject, row.preheader)
    return DraftMail(
        row.id, row.name, written, row.version, row.saved_by, row.who or "", row.saved_at, dict(row.form or {})
    )


def _version(row: Any) -> DraftVersion:
    written = Written(SourceKind(row.kind), row.body, row.subject, row.preheader)
    return DraftVersion(row.id, row.version, written, row.is_aside, row.who or "", row.saved_at)
