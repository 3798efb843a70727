"""A table of any length into a file: batches in, progress out, and it stops when it is told to."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import polars as pl

from sillage.errors import SillageError
from sillage.export.cells import Column
from sillage.export.csv_file import CsvFile
from sillage.export.workbook import Workbook

BATCH = 20_000
"""Rows of a batch: 7 MB of a workbook's text."""


class FileKind(StrEnum):
    """What kinds of file there are."""

    CSV = "csv"
    XLSX = "xlsx"


MEDIA_TYPES = {
    FileKind.CSV: "text/csv; charset=utf-8",
    FileKind.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class CancelledError(SillageError):
    """Somebody took it back before it was done."""


@dataclass(frozen=True, slots=True)
class Written:
    """How much was written."""

    rows: int
    sheets: int


def write(
    path: Path,
    kind: FileKind,
    columns: Sequence[Column],
    batches: Iterable[pl.DataFrame],
    *,
    name: str = "Sheet",
    progress: Callable[[int], None] = lambda _done: None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Written:
    """Write batches of rows to a file that its owner alone can read; `progress` is told the rows that are done.

    Raises: CancelledError; whatever the batches raise. Then there is no file.
    """
    done = 0
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb", buffering=1 << 20) as file:
            to = CsvFile(file, columns) if kind is FileKind.CSV else Workbook(file, columns, name=name)
            try:
                for batch in batches:
                    for part in batch.iter_slices(BATCH):
                        _go_on(done, is_cancelled)
                        to.add(part)
                        done += part.height
                        progress(done)
            except BaseException:
                to.abandon()
                raise
            to.close()
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return Written(done, to.sheets)


def _go_on(done: int, is_cancelled: Callable[[], bool]) -> None:
    if is_cancelled():
        raise CancelledError(f"the export was cancelled after {done:,} rows; nothing was kept")
