"""A first look at a whole file: how it is written, what its columns mean, how many rows it has, what must be asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fastexcel
import polars as pl

from sillage.domain.field import FieldType
from sillage.errors import BadInput
from sillage.ingest.columnar import PARQUET_MAGIC, ParquetTable
from sillage.ingest.dates import DateOrder, OrderEvidence, with_answer
from sillage.ingest.mapping import ColumnMap, map_columns
from sillage.ingest.options import ImportOptions
from sillage.ingest.rows import without_blank_rows
from sillage.ingest.table import Table, TextTable, cell
from sillage.ingest.workbook import MAGIC, OLD_MAGIC, SheetTable

DATE_ORDER = "date_order"
_DATE_FIELDS = ("birthday", "consent_at", "unsubscribed")


@dataclass(frozen=True, slots=True)
class Inspection:
    """What is known of a file. `error` is a code and `message` its words; what was found before it stands beside."""

    encoding: str | None = None
    separator: str | None = None
    quote: str | None = None
    sheet: str | None = None
    header_row: int | None = None
    """The line of the header, the first line being 1; 0 where there is none."""
    columns: list[str] = field(default_factory=list)
    rows: int = 0
    mapping: dict[str, str] = field(default_factory=dict)
    questions: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    error: str | None = None
    message: str = ""
    open_columns: list[str] = field(default_factory=list)
    """Columns that the questions are about."""

    def as_json(self) -> dict[str, Any]:
        """The shape that `sillage contacts inspect --json` prints."""
        return {
            "encoding": self.encoding,
            "separator": self.separator,
            "quote": self.quote,
            "sheet": self.sheet,
            "header_row": self.header_row,
            "columns": self.columns,
            "rows": self.rows,
            "mapping": self.mapping,
            "questions": self.questions,
            "warnings": self.warnings,
            "error": self.error,
        }


@dataclass(frozen=True, slots=True)
class Understood:
    """A file that can be read: its table, what its columns mean, and how its dates are written."""

    inspection: Inspection
    table: Table
    columns: ColumnMap
    orders: dict[str, DateOrder]


def inspect_file(path: Path, options: ImportOptions | None = None) -> Inspection:
    """Look at a file; what is wrong with it is a value here, never an error."""
    found = look(path, options or ImportOptions())
    return found.inspection if isinstance(found, Understood) else found


def inspect_with_rows(path: Path, options: ImportOptions, *, rows: int) -> tuple[Inspection, list[list[str]]]:
    """The same, with the cells of the first rows; none of a file that can't be imported."""
    found = look(path, options)
    if not isinstance(found, Understood):
        return found, []
    return found.inspection, found.table.sample[:rows]


def look(path: Path, options: ImportOptions) -> Understood | Inspection:
    """Read the whole file once. An Inspection alone has an error; nothing can be imported then."""
    known = Inspection()
    try:
        table = open_table(path)
        known = _of_table(table)
        names = table.header.names
        columns = map_columns(names, table.header.width, table.sample, options.mapping, path.name, options.remembered)
        known = _of_table(table, columns)
        rows, evidence = _read_through(table, columns, options)
        known = _of_table(table, columns, rows=rows)
    except BadInput as exc:
        return _with_error(known, exc.code, str(exc))
    except (pl.exceptions.PolarsError, fastexcel.FastExcelError, UnicodeError, OSError) as exc:
        # A file can be broken in ways that nobody has thought of: it is the file that is refused, not the process.
        return _with_error(known, "unreadable", f"{path.name} can't be read: {exc}")
    except BaseException as exc:
        # The readers are written in Rust: where one of them gives up, it raises what no `except Exception` sees.
        if type(exc).__name__ != "PanicException":
            raise
        return _with_error(known, "unreadable", f"{path.name} can't be read: its reader gave up")
    if not rows:
        return _with_error(known, "no_rows", f"{path.name} has a header and no rows below it")
    decided = {name: with_answer(seen, options.date_order) for name, seen in evidence.items()}
    open_fields = [name for name, seen in decided.items() if seen.is_open]
    inspection = _of_table(table, columns, rows=rows, open_fields=open_fields)
    return Understood(inspection, table, columns, {name: seen.order for name, seen in decided.items()})


def open_table(path: Path) -> Table:
    """Find out what a file is, by its content and not by its name.

    Raises: BadInput.
    """
    if not path.is_file():
        raise BadInput(f"{path} is no file", code="unreadable")
    with path.open("rb") as file:
        magic = file.read(len(MAGIC))
    if magic == PARQUET_MAGIC:
        return ParquetTable.open(path)
    return SheetTable.open(path) if magic in {MAGIC, OLD_MAGIC} else TextTable.open(path)


def _read_through(table: Table, columns: ColumnMap, options: ImportOptions) -> tuple[int, dict[str, OrderEvidence]]:
    dates = {name: number for name in _DATE_FIELDS if (number := columns.column(name)) is not None}
    dates |= {
        columns.names[number]: number
        for number in columns.custom
        if options.fields.get(columns.names[number]) is FieldType.DATE
    }
    evidence = dict.fromkeys(dates, OrderEvidence())
    rows = 0
    for frame in table.frames(columns.column("email")):
        rows += without_blank_rows(frame).height
        for name, number in dates.items():
            evidence[name] += OrderEvidence.of(frame[cell(number)])
    return rows, evidence


def _of_table(
    table: Table, columns: ColumnMap | None = None, *, rows: int = 0, open_fields: list[str] | None = None
) -> Inspection:
    names = list(columns.names) if columns else [name.strip() for name in table.header.names or []]
    # A custom column of dates is asked about under its own name.
    asked = [
        name if number is None else columns.names[number]
        for name in open_fields or []
        if columns
        for number in [columns.column(name)]
    ]
    return Inspection(
        encoding=table.encoding,
        separator=table.separator,
        quote=table.quote,
        sheet=table.sheet,
        header_row=table.header.line,
        columns=names,
        rows=rows,
        mapping=columns.as_headers if columns else {},
        questions=[DATE_ORDER] if asked else [],
        warnings=list(table.warnings),
        open_columns=asked,
    )


def _with_error(known: Inspection, code: str, message: str) -> Inspection:
    return Inspection(
        encoding=known.encoding,
        separator=known.separator,
        quote=known.quote,
        sheet=known.sheet,
        header_row=known.header_row,
        columns=known.columns,
        rows=known.rows,
        mapping=known.mapping,
        warnings=known.warnings,
        error=code,
        message=message,
    )
