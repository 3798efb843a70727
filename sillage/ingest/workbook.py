"""A table in an Excel workbook, read only after its package was looked through: a small file can unpack to anything."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as ET

import fastexcel
import polars as pl

from sillage.errors import BadInput
from sillage.ingest.header import Header, Record, find_header
from sillage.ingest.mapping import field_of, is_address
from sillage.ingest.table import EXCESS, FRAME_ROWS, ROW, Table, cell

MAGIC = b"PK\x03\x04"
OLD_MAGIC = b"\xd0\xcf\x11\xe0"
"""XLS of before 2007: no package, so that it unpacks to nothing more than it is."""
MAX_UNPACKED = 100 << 20
MAX_RATIO = 100
# A reader makes room for the whole rectangle that the cells span: two cells in far corners are 17 thousand million.
MAX_SPANNED = 64 << 20
MAX_PART = 4 << 30
LOOK_ROWS = 300
CHUNK = 1 << 20
OVERLAP = 64

ERRORS = ("#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#N/D", "#VALEUR!", "#NOM?", "#NOMBRE!")
"""What Excel shows for a formula that failed, in English and French."""

# A number that reads the same as text: no leading zero, and no more digits than Excel keeps.
_NUMBER = r"^-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?$"
_CELL = re.compile(rb'<(?:\w+:)?c [^>]*?r="([A-Z]{1,3})(\d{1,7})"')
_ERROR_CELL = re.compile(rb'<(?:\w+:)?c [^>]*?t="e"')
_REPEATED = re.compile(rb'(<table:table-cell [^>]*?number-columns-repeated="(\d{1,9})"[^>]*)>')
_RELATIONS = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


@dataclass(slots=True)
class SheetTable(Table):
    """A table in one sheet of a workbook."""

    cells: pl.DataFrame = field(default_factory=pl.DataFrame)

    @classmethod
    def open(cls, path: Path) -> SheetTable:
        """Choose the visible sheet that has addresses, and find its header.

        Raises: BadInput (unreadable, unpacks_too_large, empty_file).
        """
        with path.open("rb") as file:
            with_errors = set() if file.read(4) == OLD_MAGIC else _look_through(path)
        try:
            book = fastexcel.read_excel(path)
            sheets = {name: book.load_sheet(name, header_row=None, skip_rows=0, n_rows=1, dtypes="string") for name in
                      book.sheet_names}  # fmt: skip
            visible = [name for name, sheet in sheets.items() if sheet.visible == "visible"]
            name, cells, header, records = _choose(path, book, visible)
        except fastexcel.FastExcelError as exc:
            raise BadInput(
                f"{path.name} is no workbook that can be read: {_first_line(exc)}", code="unreadable"
            ) from exc
        warnings = ["hidden_sheet"] if len(visible) < len(sheets) else []
        below = cells[header.line :] if header.names is not None else cells
        if name in with_errors or below.select(pl.any_horizontal(pl.all().is_in(ERRORS)).any()).item():
            warnings.append("error_cell")
        return cls(
            path=path,
            header=header,
            records=records,
            sheet=name,
            warnings=warnings,
            numeric=frozenset(n for n in range(cells.width) if _is_numeric(below[:, n])),
            cells=cells,
        )

    def frames(self, address_column: int | None = None) -> Iterator[pl.DataFrame]:  # noqa: ARG002
        """See Table. `row` is the sheet's row."""
        start = self.records[self.header.first][0] - 1 if self.header.first < len(self.records) else self.cells.height
        if self.header.names is not None:
            start = self.header.line
        columns = {name: cell(n) for n, name in enumerate(self.cells.columns)}
        surplus = [pl.col(cell(n)).is_not_null() for n in range(self.header.width, self.cells.width)]
        wanted = [cell(n) for n in range(self.header.width)]
        for first in range(start, self.cells.height, FRAME_ROWS):
            part = self.cells[first : first + FRAME_ROWS].rename(columns)
            yield part.select(
                pl.int_range(first + 1, first + 1 + part.height, dtype=pl.Int64).alias(ROW),
                (pl.any_horizontal(surplus) if surplus else pl.lit(value=False)).alias(EXCESS),
                pl.col(wanted).replace("", None),
            )


def _choose(
    path: Path, book: fastexcel.ExcelReader, visible: list[str]
) -> tuple[str, pl.DataFrame, Header, list[Record]]:
    """The first visible sheet with a column of addresses by name, else by its cells, else the longest one."""
    best: tuple[int, int] = (-1, -1)
    found: tuple[str, pl.DataFrame, Header, list[Record]] | None = None
    for name in visible:
        sheet = book.load_sheet(name, header_row=None, skip_rows=0, dtypes="string")
        cells = sheet.to_polars() if sheet.width else pl.DataFrame()
        records = [(n, [value or "" for value in row]) for n, row in enumerate(cells[:LOOK_ROWS].rows(), 1)]
        header = find_header(records)
        by_name = any(field_of(title) == "email" for title in header.names or [])
        by_cells = any(is_address(text) for _, row in records for text in row)
        rank = (2 if by_name else int(by_cells), cells.height)
        if header.width and (rank[0] > best[0] or (rank[0] == best[0] == 0 and rank > best)):
            best, found = rank, (name, cells, header, records)
    if found is None:
        raise BadInput(f"{path.name} is empty: no visible sheet has cells", code="empty_file")
    return found


def _is_numeric(column: pl.Series) -> bool:
    full = column.drop_nulls()
    full = full.filter((full != "") & ~full.is_in(ERRORS))
    return bool(full.len()) and bool(full.str.contains(_NUMBER).all())


def _first_line(exc: Exception) -> str:
    return str(exc).partition("\n")[0][:200]


def _look_through(path: Path) -> set[str]:
    """Unpack each part once, counting and keeping nothing. Returns the names of sheets with error cells.

    Raises: BadInput (unreadable, unpacks_too_large).
    """
    try:
        with zipfile.ZipFile(path) as package:
            names = set(package.namelist())
            if not names & {"xl/workbook.xml", "xl/workbook.bin", "content.xml"}:
                raise BadInput(f"{path.name} is a package, but no workbook (XLSX, XLSB, ODS)", code="unreadable")
            _refuse_bomb(path, sum(part.file_size for part in package.infolist()))
            failed: set[str] = set()
            unpacked = 0
            for part in package.infolist():
                if part.filename == "content.xml":
                    _refuse_repeats(path, package, part)
                size, has_errors = _unpack(path, package, part, unpacked)
                unpacked += size
                if has_errors:
                    failed.add(part.filename)
            if "xl/workbook.xml" not in names:
                return set()
            return {sheet for sheet, part in _parts(package, names).items() if part in failed}
    except (
        zipfile.BadZipFile, zlib.error, ET.ParseError, OSError, EOFError, NotImplementedError, RuntimeError, ValueError,
    ) as exc:  # fmt: skip
        if isinstance(exc, OSError) and exc.errno:
            raise
        raise BadInput(f"{path.name} is a damaged or encrypted workbook: {exc}", code="unreadable") from exc


def _refuse_bomb(path: Path, unpacked: int) -> None:
    if unpacked > MAX_UNPACKED and unpacked > MAX_RATIO * path.stat().st_size:
        raise BadInput(
            f"{path.name} unpacks to more than {unpacked >> 20} MB; save its contacts as CSV", code="unpacks_too_large"
        )


def _unpack(path: Path, package: zipfile.ZipFile, part: zipfile.ZipInfo, before: int) -> tuple[int, bool]:
    size, last_row, has_errors = 0, 0, False
    columns: set[bytes] = set()
    is_sheet = part.filename.startswith("xl/worksheets/")
    tail = b""
    with package.open(part) as stream:
        while chunk := stream.read(CHUNK):
            size += len(chunk)
            _refuse_bomb(path, before + size)
            if size > MAX_PART:
                raise BadInput(f"{path.name} has a part of more than 4 GB", code="unpacks_too_large")
            if not is_sheet:
                continue
            text = tail + chunk
            tail = text[-OVERLAP:]
            found = _CELL.findall(text)
            columns.update(column for column, _ in found)
            last_row = max(last_row, max((int(row) for _, row in found), default=0))
            has_errors = has_errors or _ERROR_CELL.search(text) is not None
    if last_row * max((_number(column) for column in columns), default=0) > MAX_SPANNED:
        raise BadInput(f"{path.name}: its cells span {last_row} rows and too many columns", code="unpacks_too_large")
    return size, has_errors


def _refuse_repeats(path: Path, package: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    """An ODS says once what is written often: full cells that are repeated a million times are no contacts."""
    tail, spanned = b"", 0
    with package.open(part) as stream:
        unpacked = 0
        while chunk := stream.read(CHUNK):
            unpacked += len(chunk)
            _refuse_bomb(path, unpacked)
            text = tail + chunk
            for tag, times in _REPEATED.findall(text):
                # Empty cells to the end of a row, and empty rows to the end of a sheet, are how each sheet ends.
                if b"office:value" in tag:
                    spanned += int(times)
            tail = text[-OVERLAP:]
    if spanned > MAX_SPANNED:
        raise BadInput(f"{path.name} repeats cells {spanned} times: this is no table", code="unpacks_too_large")


def _number(column: bytes) -> int:
    number = 0
    for letter in column:
        number = number * 26 + letter - 64
    return number


def _parts(package: zipfile.ZipFile, names: set[str]) -> dict[str, str]:
    """Sheet's name → its part of the package."""
    if "xl/_rels/workbook.xml.rels" not in names:
        return {}
    targets = {
        relation.get("Id"): relation.get("Target", "").removeprefix("/xl/")
        for relation in ET.fromstring(package.read("xl/_rels/workbook.xml.rels"))  # noqa: S314
    }
    book = ET.fromstring(package.read("xl/workbook.xml"))  # noqa: S314 - expat refuses to amplify entities since 2.4.1
    return {
        str(sheet.get("name")): f"xl/{targets.get(sheet.get(_RELATIONS), '')}"
        for sheet in book.iter()
        if sheet.tag.endswith("}sheet")
    }


__all__ = ["ERRORS", "MAGIC", "OLD_MAGIC", "SheetTable"]
