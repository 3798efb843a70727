"""An account's exports: each a registered file with an end, found by its number within the account alone."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import sqlalchemy as sa

from sillage.domain.ids import AccountId
from sillage.errors import NotFound, TransientError
from sillage.export.cells import Column
from sillage.export.write import FileKind, Written, write
from sillage.settings import Settings
from sillage.store import erasures, files
from sillage.store.database import Store
from sillage.store.files import RegisteredFile

KIND = "export"
KEPT_FOR = timedelta(days=1)
NAMED_KEPT_FOR = timedelta(days=30)
"""Of a file that somebody named: it is theirs, and still looked through when a person is erased."""


@dataclass(frozen=True, slots=True)
class Export:
    """A finished export."""

    id: int
    path: Path
    written: Written


def export(
    store: Store,
    settings: Settings,
    account_id: AccountId,
    name: str,
    kind: FileKind,
    columns: Sequence[Column],
    batches: Iterable[pl.DataFrame],
    *,
    path: Path | None = None,
    progress: Callable[[int], None] = lambda _done: None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Export:
    """Write a table for an account, below its own folder or to `path`; registered first, so that no file is unknown.

    Somebody who was erased while it was written may be in it: then it goes, and is to be made again.

    Raises: CancelledError; TransientError; whatever the batches raise. Then nothing is left.
    """
    now = settings.clock.now()
    place = path.resolve() if path else _folder(settings, account_id) / f"{secrets.token_hex(8)}.{kind}"
    part = place.with_name(f"{place.name}.part")
    with store.write() as conn:
        sweep(conn, account_id, now=now)
        file_id = files.register(conn, account_id, KIND, place, now, now + (NAMED_KEPT_FOR if path else KEPT_FOR))
        erased = _erased(conn, account_id)
    try:
        written = write(part, kind, columns, batches, name=name, progress=progress, is_cancelled=is_cancelled)
        with store.write() as conn:
            _refuse_news(erased, _erased(conn, account_id))
            # Within the transaction: who is erased after it finds the file in its place.
            part.replace(place)
    except BaseException:
        part.unlink(missing_ok=True)
        with store.write() as conn:
            files.forget(conn, account_id, file_id)
        raise
    return Export(file_id, place, written)


def found(conn: sa.Connection, account_id: AccountId, export_id: int, *, now: datetime) -> RegisteredFile:
    """An account's export that is there and has not ended.

    Raises: NotFound, in the same words for one of another account, one that has ended and one that never was.
    """
    for one in files.listed(conn, account_id):
        if one.id == export_id and one.kind == KIND and one.expires_at > now and one.path.is_file():
            return one
    raise NotFound(f"no export {export_id}")


def sweep(conn: sa.Connection, account_id: AccountId, *, now: datetime) -> int:
    """Delete an account's exports whose time is over; how many there were."""
    over = [one for one in files.expired(conn, account_id, now) if one.kind == KIND]
    for one in over:
        one.path.unlink(missing_ok=True)
        one.path.with_name(f"{one.path.name}.part").unlink(missing_ok=True)
        files.forget(conn, account_id, one.id)
    return len(over)


def _erased(conn: sa.Connection, account_id: AccountId) -> list[int]:
    return [one.id for one in erasures.listed(conn, account_id, limit=1)]


def _refuse_news(before: list[int], after: list[int]) -> None:
    if before != after:
        raise TransientError("somebody was erased while the file was written: make it again")


def _folder(settings: Settings, account_id: AccountId) -> Path:
    folder = settings.data_dir / "exports" / str(int(account_id))
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder
