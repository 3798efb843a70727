"""Imports: one row per file of contacts. What an import made is seen once it is sealed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sillage.domain.ids import AccountId, GroupId, ImportId
from sillage.errors import NotFound
from sillage.store.tables import imports


class ImportState(StrEnum):
    """The life of an import: running → sealed. One that asks a question is parked; one may fail.

    A running or a sealed one may be undone: undoing → taken_back.
    """

    RUNNING = "running"
    SEALED = "sealed"
    PARKED = "parked"
    FAILED = "failed"
    UNDOING = "undoing"
    TAKEN_BACK = "taken_back"


@dataclass(frozen=True, slots=True)
class Import:
    """One file of contacts as it lies in ops."""

    id: ImportId
    account_id: AccountId
    group_id: GroupId | None
    state: ImportState
    file_name: str
    file_path: Path
    sha256: str
    options: dict[str, Any]
    questions: list[str]
    counts: dict[str, Any]
    refused_path: Path | None
    done_rows: int
    """How many accepted rows are in ops, in the order in which the import takes them."""
    created_at: datetime
    sealed_at: datetime | None
    first_id: int | None = None
    last_id: int | None = None
    """The contacts that it made have ids from the first to the last; others may lie between."""


def start(
    conn: sa.Connection,
    account_id: AccountId,
    *,
    state: ImportState,
    file_name: str,
    file_path: Path,
    sha256: str,
    options: dict[str, Any],
    now: datetime,
    group_id: GroupId | None = None,
    questions: list[str] | None = None,
    counts: dict[str, Any] | None = None,
) -> ImportId:
    """Write the row of a new import: running, parked with its questions, or failed with its error."""
    done = conn.execute(
        imports.insert().values(
            account_id=account_id,
            group_id=group_id,
            state=state.value,
            file_name=file_name,
            file_path=str(file_path),
            sha256=sha256,
            options=options,
            questions=questions or [],
            counts=counts or {},
            created_at=now,
        )
    )
    (import_id,) = done.inserted_primary_key or (0,)
    return ImportId(int(import_id))


def advance(
    conn: sa.Connection,
    account_id: AccountId,
    import_id: ImportId,
    *,
    done_rows: int,
    counts: dict[str, Any],
    first_id: int | None = None,
    last_id: int | None = None,
) -> bool:
    """Write how far a running import is, in the transaction of the rows themselves; False where it is not running.

    `first_id`, `last_id`: of the contacts that these rows made.
    """
    values: dict[str, Any] = {"done_rows": done_rows, "counts": counts}
    if first_id is not None:
        held = imports.c
        values["first_id"] = sa.case((held.first_id < first_id, held.first_id), else_=first_id)
        values["last_id"] = sa.case((held.last_id > last_id, held.last_id), else_=last_id)
    done = conn.execute(imports.update().where(*_is_running(account_id, import_id)).values(**values))
    return done.rowcount == 1


def seal(
    conn: sa.Connection,
    account_id: AccountId,
    import_id: ImportId,
    *,
    counts: dict[str, Any],
    refused_path: Path | None,
    now: datetime,
) -> bool:
    """Make what an import did visible; False where it is not running (it was sealed or taken back before)."""
    done = conn.execute(
        imports.update()
        .where(*_is_running(account_id, import_id))
        .values(
            state=ImportState.SEALED.value,
            counts=counts,
            refused_path=str(refused_path) if refused_path else None,
            sealed_at=now,
        )
    )
    return done.rowcount == 1


def begin_undo(conn: sa.Connection, account_id: AccountId, import_id: ImportId) -> bool:
    """Hide what an import made, before it is undone; False where it is neither running nor sealed nor being undone."""
    states = [ImportState.RUNNING.value, ImportState.SEALED.value, ImportState.UNDOING.value]
    done = conn.execute(
        imports.update()
        .where(imports.c.account_id == account_id, imports.c.id == import_id, imports.c.state.in_(states))
        .values(state=ImportState.UNDOING.value)
    )
    return done.rowcount == 1


def end_undo(conn: sa.Connection, account_id: AccountId, import_id: ImportId, *, counts: dict[str, Any]) -> None:
    """Say that an import is undone."""
    conn.execute(
        imports.update()
        .where(
            imports.c.account_id == account_id,
            imports.c.id == import_id,
            imports.c.state == ImportState.UNDOING.value,
        )
        .values(state=ImportState.TAKEN_BACK.value, counts=counts)
    )


def fail(conn: sa.Connection, account_id: AccountId, import_id: ImportId) -> None:
    """Say that a running import failed."""
    conn.execute(imports.update().where(*_is_running(account_id, import_id)).values(state=ImportState.FAILED.value))


def _is_running(account_id: AccountId, import_id: ImportId) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        imports.c.account_id == account_id,
        imports.c.id == import_id,
        imports.c.state == ImportState.RUNNING.value,
    )


def unpark(conn: sa.Connection, account_id: AccountId, sha256: str) -> None:
    """Take the parked rows of a file away, now that its questions are answered and it is imported."""
    conn.execute(
        imports.delete().where(
            imports.c.account_id == account_id,
            imports.c.sha256 == sha256,
            imports.c.state == ImportState.PARKED.value,
        )
    )


def get(conn: sa.Connection, account_id: AccountId, import_id: ImportId) -> Import:
    """Raises: NotFound."""
    row = conn.execute(sa.select(imports).where(imports.c.account_id == account_id, imports.c.id == import_id)).first()
    if row is None:
        raise NotFound(f"no import {import_id}")
    return _import(row)


def listed(conn: sa.Connection, account_id: AccountId, *, limit: int = 100) -> list[Import]:
    """The imports of an account, the newest first."""
    query = sa.select(imports).where(imports.c.account_id == account_id).order_by(imports.c.id.desc()).limit(limit)
    return [_import(row) for row in conn.execute(query)]


def running(conn: sa.Connection) -> list[Import]:
    """The imports that are open, of all accounts: asked once, when a process starts, to finish what a kill left."""
    open_states = [ImportState.RUNNING.value, ImportState.UNDOING.value]
    query = sa.select(imports).where(imports.c.state.in_(open_states)).order_by(imports.c.id)
    return [_import(row) for row in conn.execute(query)]


def parked(conn: sa.Connection, account_id: AccountId, sha256: str) -> Import | None:
    """The parked row of a file, or None."""
    row = conn.execute(
        sa.select(imports)
        .where(
            imports.c.account_id == account_id,
            imports.c.sha256 == sha256,
            imports.c.state == ImportState.PARKED.value,
        )
        .order_by(imports.c.id)
        .limit(1)
    ).first()
    return _import(row) if row is not None else None


def first_time(conn: sa.Connection, account_id: AccountId, sha256: str) -> datetime | None:
    """When this very file first came, so that what is declared for it keeps its date however often it comes."""
    found: datetime | None = conn.execute(
        sa.select(sa.func.min(imports.c.created_at)).where(
            imports.c.account_id == account_id,
            imports.c.sha256 == sha256,
            imports.c.state.in_([ImportState.RUNNING.value, ImportState.SEALED.value]),
        )
    ).scalar()
    return found


def _import(row: Any) -> Import:
    return Import(
        ImportId(row.id),
        AccountId(row.account_id),
        None if row.group_id is None else GroupId(row.group_id),
        ImportState(row.state),
        row.file_name,
        Path(row.file_path),
        row.sha256,
        dict(row.options),
        list(row.questions),
        dict(row.counts),
        Path(row.refused_path) if row.refused_path else None,
        row.done_rows,
        row.created_at,
        row.sealed_at,
        row.first_id,
        row.last_id,
    )


def file_names(conn: sa.Connection, account_id: AccountId) -> dict[int, str]:
    """The file of each import of an account, by its number."""
    query = sa.select(imports.c.id, imports.c.file_name).where(imports.c.account_id == account_id)
    return {row.id: row.file_name for row in conn.execute(query)}
