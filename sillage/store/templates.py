"""Templates that an account made or took in; those of the library are data, and stand in no table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from sillage.content.message import Source
from sillage.content.mime import Attachment
from sillage.domain.campaign import SourceKind
from sillage.domain.ids import AccountId
from sillage.errors import BadInput, NotFound
from sillage.store.tables import template_files, templates

MAX_NAME = 200


@dataclass(frozen=True, slots=True)
class SavedTemplate:
    """One template of an account."""

    id: int
    name: str
    source: Source
    created_at: datetime


def save(conn: sa.Connection, account_id: AccountId, name: str, source: Source, *, now: datetime) -> int:
    """Keep a source as a template; its number.

    Raises: BadInput where it has no name, or one that is taken.
    """
    name = " ".join(name.split())
    if not name or len(name) > MAX_NAME:
        raise BadInput(f"a template's name has 1 to {MAX_NAME} characters", code="no_name", field="name")
    taken = sa.select(templates.c.id).where(templates.c.account_id == account_id, templates.c.name == name)
    if conn.execute(taken).first():
        raise BadInput(f"there is a template {name!r} already; give it another name", code="name_taken", field="name")
    done = conn.execute(
        templates.insert().values(
            account_id=account_id, name=name, kind=source.kind.value, subject=source.subject,
            preheader=source.preheader, body=source.body, created_at=now,
        )
    )  # fmt: skip
    (number,) = done.inserted_primary_key or (0,)
    if source.files:
        rows = [
            {"account_id": account_id, "template_id": number, "name": f.name, "type": f.type, "cid": f.cid,
             "content": f.content}
            for f in source.files
        ]  # fmt: skip
        conn.execute(template_files.insert(), rows)
    return int(number)


def listed(conn: sa.Connection, account_id: AccountId) -> list[SavedTemplate]:
    """All templates of an account, without their files, by name."""
    found = conn.execute(sa.select(templates).where(templates.c.account_id == account_id).order_by(templates.c.name))
    return [_saved(row, ()) for row in found]


def get(conn: sa.Connection, account_id: AccountId, template_id: int) -> SavedTemplate:
    """Raises: NotFound."""
    row = conn.execute(
        sa.select(templates).where(templates.c.account_id == account_id, templates.c.id == template_id)
    ).first()
    if row is None:
        raise NotFound(f"no template {template_id}")
    files = conn.execute(
        sa.select(template_files)
        .where(template_files.c.account_id == account_id, template_files.c.template_id == template_id)
        .order_by(template_files.c.id)
    )
    return _saved(row, tuple(Attachment(f.name, f.type, f.content, f.cid) for f in files))


def remove(conn: sa.Connection, account_id: AccountId, template_id: int) -> None:
    """Throw a template away; campaigns made of it keep what they took.

    Raises: NotFound.
    """
    get(conn, account_id, template_id)
    for table, number in ((template_files, template_files.c.template_id), (templates, templates.c.id)):
        conn.execute(table.delete().where(table.c.account_id == account_id, number == template_id))


def _saved(row: sa.Row[tuple[object, ...]], files: tuple[Attachment, ...]) -> SavedTemplate:
    source = Source(SourceKind(row.kind), row.body, row.subject, row.preheader, files=files)
    return SavedTemplate(row.id, row.name, source, row.created_at)
