"""A workbook (ECMA-376, SpreadsheetML) of any number of rows, streamed in constant memory.

The rows of a sheet are one long text that polars puts together a batch at a time, and zlib packs at its quickest. The
usual libraries take 22 to 41 s for 1,000,000 rows of 8 columns where this takes 6 (bench/export.py): they come to each
cell in Python. Texts stand in their cells rather than in a table of all texts, which would have to be held.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from typing import IO, BinaryIO
from xml.sax.saxutils import quoteattr

import polars as pl

from sillage.export.cells import Column, neutralised

MAX_ROWS = 1_048_575
"""Rows of a sheet below its header: Excel knows 1,048,576."""
MAX_TEXT = 32_767
"""Characters of a cell that Excel reads."""
_MAX_SHEET_NAME = 31
_NO_SHEET_NAME = str.maketrans(dict.fromkeys("[]:*?/\\'", " "))
# XML 1.0 holds no other control characters, and neither of the two that are none.
_NO_XML = "[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]"
# What Excel would read as an escape of its own: _x0041_ is an A (ECMA-376 22.4.2.4).
_ESCAPE_LIKE = "_(x[0-9A-Fa-f]{4}_)"
_KEEPS_SPACE = r"^\s|\s$|[\n\t\r]"
_DAY_US = 86_400_000_000
_DAYS_TO_1970 = 25_569
_SPREADSHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_STYLES = (
    f'{_HEAD}<styleSheet xmlns="{_SPREADSHEET}"><numFmts count="1"><numFmt numFmtId="164" formatCode='
    '"yyyy\\-mm\\-dd\\ hh:mm:ss"/></numFmts><fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/>'
    '<sz val="11"/><name val="Calibri"/></font></fonts><fills count="2"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border/></borders>'
    '<cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="3"><xf/>'
    '<xf numFmtId="164" applyNumberFormat="1"/><xf fontId="1" applyFont="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)
_MOMENT, _TITLE = 1, 2


class Workbook:
    """Writes batches of rows; above MAX_ROWS another sheet begins, with the header again. Moments are UTC."""

    def __init__(
        self, file: BinaryIO, columns: Sequence[Column], *, name: str = "Sheet", max_rows: int = MAX_ROWS
    ) -> None:
        self._archive = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
        self._columns = columns
        self._name = name.translate(_NO_SHEET_NAME).strip()[: _MAX_SHEET_NAME - 5] or "Sheet"
        self._max_rows = max_rows
        self._sheet: IO[bytes] | None = None
        self._room = 0
        self.sheets = 0

    def add(self, rows: pl.DataFrame) -> None:
        """Write rows; the frame holds at least the named columns."""
        start = 0
        while start < rows.height:
            if not self._room:
                self._next_sheet()
            part = rows.slice(start, self._room)
            self._write(_rows(part, self._columns))
            self._room -= part.height
            start += part.height

    def close(self) -> None:
        """Finish the archive; without any row there is a sheet with the header alone."""
        if not self.sheets:
            self._next_sheet()
        self._end_sheet()
        for name, text in self._parts().items():
            self._archive.writestr(name, text)
        self._archive.close()

    def abandon(self) -> None:
        """Let go of a file that will not be finished."""
        if self._sheet is not None:
            self._sheet.close()
        self._archive.close()

    def _next_sheet(self) -> None:
        self._end_sheet()
        self.sheets += 1
        self._sheet = self._archive.open(f"xl/worksheets/sheet{self.sheets}.xml", "w", force_zip64=True)
        self._room = self._max_rows
        titles = pl.DataFrame({str(number): [column.title] for number, column in enumerate(self._columns)})
        self._write(
            f'{_HEAD}<worksheet xmlns="{_SPREADSHEET}"><sheetViews><sheetView workbookViewId="0"><pane ySplit="1"'
            ' topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><sheetFormatPr'
            f' defaultRowHeight="15"/><cols><col min="1" max="{len(self._columns)}" width="22" customWidth="1"/></cols>'
            "<sheetData>"
        )
        self._write(_rows(titles, [Column(name, name) for name in titles.columns], style=_TITLE))

    def _end_sheet(self) -> None:
        if self._sheet is not None:
            self._write("</sheetData></worksheet>")
            self._sheet.close()
            self._sheet = None

    def _write(self, text: str) -> None:
        if self._sheet is not None:
            self._sheet.write(text.encode())

    def _parts(self) -> dict[str, str]:
        numbers = range(1, self.sheets + 1)
        names = [self._name if number == 1 else f"{self._name} {number}" for number in numbers]
        sheets = "".join(
            f'<sheet name={quoteattr(name)} sheetId="{number}" r:id="rId{number}"/>'
            for number, name in zip(numbers, names, strict=True)
        )
        relations = "".join(
            f'<Relationship Id="rId{number}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{number}.xml"/>'
            for number in numbers
        )
        kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
        overrides = "".join(
            f'<Override PartName="/xl/worksheets/sheet{number}.xml" ContentType="{kind}.worksheet+xml"/>'
            for number in numbers
        )
        return {
            "xl/workbook.xml": f'{_HEAD}<workbook xmlns="{_SPREADSHEET}" xmlns:r="{_OFFICE}"><sheets>{sheets}</sheets>'
            "</workbook>",
            "xl/styles.xml": _STYLES,
            "xl/_rels/workbook.xml.rels": f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">{relations}'
            f'<Relationship Id="rId0" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>',
            "_rels/.rels": f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1"'
            f' Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
            "[Content_Types].xml": f'{_HEAD}<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels"'
            ' ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml"'
            ' ContentType="application/xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
            f'<Override PartName="/xl/styles.xml" ContentType="{kind}.styles+xml"/>{overrides}</Types>',
        }


def _rows(rows: pl.DataFrame, columns: Sequence[Column], *, style: int = 0) -> str:
    cells = pl.DataFrame({f"{number}": _cells(rows[c.name], style) for number, c in enumerate(columns)})
    return str(cells.select(pl.concat_str([pl.lit("<row>"), pl.all(), pl.lit("</row>")]).str.join("")).item())


def _cells(values: pl.Series, style: int) -> pl.Series:
    """Each value as its element."""
    if values.dtype == pl.String:
        return _texts(values, style)
    shown, head = values.cast(pl.String), "<c><v>"
    if isinstance(values.dtype, pl.Datetime):
        micros = values.dt.replace_time_zone(None).dt.epoch("us")
        shown, head = (micros / _DAY_US + _DAYS_TO_1970).cast(pl.String), f'<c s="{_MOMENT}"><v>'
    elif values.dtype == pl.Boolean:
        shown, head = values.cast(pl.Int8).cast(pl.String), '<c t="b"><v>'
    return _elements(shown, head, "</v></c>")


def _texts(values: pl.Series, style: int) -> pl.Series:
    name = values.name
    texts = values.to_frame().select(neutralised(name).str.slice(0, MAX_TEXT)).to_series()
    # To look is cheaper than to change, and most columns hold nothing that one would change.
    for pattern, instead in ((_NO_XML, " "), (_ESCAPE_LIKE, "_x005F_$1")):
        if texts.str.contains(pattern).any():
            texts = texts.str.replace_all(pattern, instead)
    keeps = texts.str.contains(_KEEPS_SPACE)
    if texts.str.contains("[&<>\r]").any():
        texts = texts.str.replace_many(["&", "<", ">", "\r"], ["&amp;", "&lt;", "&gt;", "&#13;"])
    opening = f'<c t="inlineStr"{f" s={quoteattr(str(style))}" if style else ""}><is><t'
    head: str | pl.Series = f"{opening}>"
    if keeps.any():
        spaced = pl.Series([f"{opening}>", f'{opening} xml:space="preserve">'])
        head = spaced.gather(keeps.fill_null(value=False).cast(pl.UInt32))
    return _elements(texts.set(texts == "", None), head, "</t></is></c>")


def _elements(shown: pl.Series, head: str | pl.Series, tail: str) -> pl.Series:
    """Nothing is an empty cell."""
    frame = pl.DataFrame({"shown": shown})
    before = pl.lit(head)
    return frame.select(pl.concat_str(before, "shown", pl.lit(tail)).fill_null("<c/>")).to_series()
