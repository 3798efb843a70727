"""CSV and workbooks: what goes in is read back, nothing is run, and nothing is left of what was broken off."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import fastexcel
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from sillage.domain.spreadsheet import neutral
from sillage.export.cells import Column
from sillage.export.workbook import Workbook
from sillage.export.write import CancelledError, FileKind, write

AT = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
NAMES = ["Élodie", "李雷", "محمد", "Ana 🚢", " two  spaces ", "a\nb", 'say "so", they', "<b>&amp;</b>", "_x0041_", ""]
COLUMNS = [Column("number", "Contact"), Column("name", "Prénom"), Column("at", "When"), Column("is_in", "In")]
# Text that XML and a cell can hold, and that no spreadsheet changes.
TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn"), exclude_characters="\ufffe\uffff"), max_size=40)


def _frame(names: list[str | None]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "number": list(range(len(names))),
            "name": names,
            "at": [AT + timedelta(hours=number) for number in range(len(names))],
            "is_in": [number % 2 == 0 for number in range(len(names))],
        },
        schema_overrides={"name": pl.String},
    )


def _rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def test_a_csv_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    """Every script, quotes, commas and line ends come back; moments are UTC, also where clocks are put back."""
    rows = _frame([*NAMES, None])
    written = write(tmp_path / "a.csv", FileKind.CSV, COLUMNS, [rows])
    header, *cells = _rows(tmp_path / "a.csv")
    assert header == ["Contact", "Prénom", "When", "In"]
    assert [row[1] for row in cells] == [*NAMES, ""]
    assert [row[2] for row in cells[:2]] == ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"]
    assert (written.rows, written.sheets) == (11, 1)
    assert (tmp_path / "a.csv").read_bytes().count(b"\r\n") == 12
    assert (tmp_path / "a.csv").stat().st_mode & 0o77 == 0


def test_a_workbook_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    """Texts, numbers, moments and truths come back of the same kind, from two readers that are not ours."""
    names = [name for name in NAMES if name != "_x0041_"]
    rows = _frame([*names, None])
    write(tmp_path / "a.xlsx", FileKind.XLSX, COLUMNS, [rows], name="Clickers: [all]/'x'")
    book = load_workbook(tmp_path / "a.xlsx")
    sheet = book.worksheets[0]
    assert sheet.title == "Clickers   all   x"
    header, *cells = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert header == ["Contact", "Prénom", "When", "In"]
    assert [row[1] or "" for row in cells] == [*names, ""]
    assert [row[2] for row in cells] == [at.replace(tzinfo=None) for at in rows["at"]]
    assert [row[3] for row in cells] == rows["is_in"].to_list()
    read = fastexcel.read_excel(tmp_path / "a.xlsx").load_sheet(0).to_polars()
    assert read["Contact"].to_list() == rows["number"].to_list()
    assert [name or "" for name in read["Prénom"]] == [*names, ""]
    assert sheet.freeze_panes == "A2"


@pytest.mark.parametrize("kind", list(FileKind))
def test_no_cell_and_no_title_is_a_formula(tmp_path: Path, kind: FileKind) -> None:
    """What begins with = + - @ tab or CR is told apart as text, in the header too."""
    bad = ["=cmd|' /C calc'!A0", "+33612345678", "-2+3", "@SUM(1)", "\t=1", "\r=1"]
    write(tmp_path / "a", kind, [Column("name", "=title()"), COLUMNS[1]], [_frame(bad)])
    if kind is FileKind.CSV:
        found = [row[0] for row in _rows(tmp_path / "a")]
    else:
        sheet = load_workbook(io.BytesIO((tmp_path / "a").read_bytes())).worksheets[0]
        found = [str(row[0].value) for row in sheet.iter_rows()]
        assert b"<f>" not in zipfile.ZipFile(tmp_path / "a").read("xl/worksheets/sheet1.xml")
    assert found == ["'=title()", *(neutral(text) for text in bad)]
    assert all(text.startswith("'") for text in found)


def test_control_characters_and_endless_cells_leave_a_workbook_that_opens(tmp_path: Path) -> None:
    """XML holds no control characters, and Excel no cell above 32,767 characters."""
    write(tmp_path / "a.xlsx", FileKind.XLSX, COLUMNS, [_frame(["a\x00\x0bb\ufffe", "é" * 40_000])])
    cells = [row[1].value for row in load_workbook(tmp_path / "a.xlsx").worksheets[0].iter_rows(min_row=2)]
    assert cells == ["a  b ", "é" * 32_767]


@given(names=st.lists(TEXT, max_size=5))
def test_any_text_comes_back_from_both_kinds_of_file(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    """For every text: written and read is the same, but for the mark that keeps a formula from being one."""
    folder = tmp_path_factory.mktemp("any")
    for kind in FileKind:
        write(folder / f"a.{kind}", kind, COLUMNS, [_frame(list(names))])
    wanted = [neutral(name) for name in names]
    assert [row[1] for row in _rows(folder / "a.csv")[1:]] == wanted
    cells = [row[1].value or "" for row in load_workbook(folder / "a.xlsx").worksheets[0].iter_rows(min_row=2)]
    assert [str(cell).replace("_x005F_", "_") for cell in cells] == wanted


def test_a_full_sheet_goes_on_in_another_with_the_header_again(tmp_path: Path) -> None:
    """No row is lost at the border, wherever the batches end."""
    with (tmp_path / "a.xlsx").open("wb") as file:
        book = Workbook(file, COLUMNS, name="Openers", max_rows=10)
        for start in range(0, 28, 7):
            book.add(_frame([f"n{number}" for number in range(start, start + 7)]))
        book.close()
    sheets = load_workbook(tmp_path / "a.xlsx").worksheets
    assert [sheet.title for sheet in sheets] == ["Openers", "Openers 2", "Openers 3"]
    assert [sheet["A1"].value for sheet in sheets] == ["Contact"] * 3
    names = [row[1].value for sheet in sheets for row in sheet.iter_rows(min_row=2)]
    assert names == [f"n{number}" for number in range(28)]


def test_an_empty_table_is_a_file_with_a_header(tmp_path: Path) -> None:
    """A list without anybody is a list that can be opened."""
    for kind in FileKind:
        write(tmp_path / f"a.{kind}", kind, COLUMNS, [])
    assert _rows(tmp_path / "a.csv") == [["Contact", "Prénom", "When", "In"]]
    assert load_workbook(tmp_path / "a.xlsx").worksheets[0].max_row == 1


@pytest.mark.parametrize("kind", list(FileKind))
def test_what_is_cancelled_or_broken_leaves_no_file(tmp_path: Path, kind: FileKind) -> None:
    """Progress is told, a cancel is heeded before the next batch, and half a file is none."""
    told: list[int] = []
    batches = [_frame(["a", "b"])] * 5
    with pytest.raises(CancelledError):
        write(tmp_path / "a", kind, COLUMNS, batches, progress=told.append, is_cancelled=lambda: len(told) == 3)
    assert told == [2, 4, 6]
    with pytest.raises((pl.exceptions.ColumnNotFoundError, KeyError)):
        write(tmp_path / "a", kind, [Column("gone", "Gone")], batches)
    assert list(tmp_path.iterdir()) == []
