"""CSV as RFC 4180 has it: commas, CRLF, quotes where they are needed; with the mark by which Excel knows UTF-8."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

import polars as pl

from sillage.export.cells import Column, neutralised

_BOM = b"\xef\xbb\xbf"


class CsvFile:
    """Writes batches of rows. Moments are UTC (2026-11-28T10:00:00Z); nothing is an empty cell."""

    sheets = 1

    def __init__(self, file: BinaryIO, columns: Sequence[Column]) -> None:
        self._file = file
        self._columns = columns
        file.write(_BOM)
        titles = pl.DataFrame({str(number): [column.title] for number, column in enumerate(columns)})
        self._write(titles.select(neutralised(name) for name in titles.columns))

    def add(self, rows: pl.DataFrame) -> None:
        """Write rows; the frame holds at least the named columns."""
        self._write(
            rows.select(_cell(rows, column.name).alias(str(number)) for number, column in enumerate(self._columns))
        )

    def close(self) -> None:
        """Nothing is left to write."""

    def abandon(self) -> None:
        """Nothing is held."""

    def _write(self, rows: pl.DataFrame) -> None:
        rows.write_csv(self._file, include_header=False, line_terminator="\r\n")


def _cell(rows: pl.DataFrame, name: str) -> pl.Expr:
    kind = rows.schema[name]
    if kind == pl.String:
        return neutralised(name)
    if isinstance(kind, pl.Datetime):
        return pl.col(name).dt.replace_time_zone(None).dt.strftime("%Y-%m-%dT%H:%M:%SZ").alias(name)
    return pl.col(name)
