"""Workbooks: which sheet, which cells, and packages that are traps."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from pathlib import Path

import openpyxl
import pytest

from sillage.clock import Clock
from sillage.ingest import dry_run, inspect_file

NOW = Clock().now()


def _book(path: Path, **sheets: list[list[object]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def test_sheet_with_addresses_is_chosen(tmp_path: Path) -> None:
    """A cover sheet is passed over; rows are those of the sheet, empty ones above and between counted."""
    rows: list[list[object]] = [[], ["Export"], [], ["Email", "Montant"], ["a@x.example", 12.5], [], ["bad", 1]]
    path = _book(tmp_path / "b.xlsx", Cover=[["Read me"]], People=rows)
    found = inspect_file(path)
    assert (found.sheet, found.header_row, found.rows, found.error) == ("People", 4, 2, None)
    report = dry_run(path, now=NOW, rows=9)
    assert [(r.row, r.reason) for r in report.refused] == [(7, "invalid_address")]
    assert (report.contacts or [])[0]["Montant"] == 12.5


def test_cells_are_what_a_person_sees(tmp_path: Path) -> None:
    """Dates are dates, leading zeros stay, a number in a standard field is text, an error is empty and told."""
    rows: list[list[object]] = [
        ["email", "Naissance", "Code postal", "Carte", "score"],
        ["a@x.example", dt.datetime(1980, 5, 17), "01000", "0042", 7],  # noqa: DTZ001 - a sheet knows no zone
        ["b@x.example", "17/05/1981", 75011, "17", "#N/A"],
    ]
    report = dry_run(_book(tmp_path / "b.xlsx", People=rows), now=NOW, rows=9)
    first, second = report.contacts or []
    assert (first["birthday"], first["postcode"], first["Carte"], first["score"]) == ("1980-05-17", "01000", "0042", 7)
    assert (second["birthday"], second["postcode"], second.get("score")) == ("1981-05-17", "75011", None)
    assert report.warnings == ["error_cell"]


def test_hidden_sheet_is_told_and_not_read(tmp_path: Path) -> None:
    """Who hid a sheet does not expect its people to be mailed."""
    path = _book(tmp_path / "b.xlsx", Old=[["email"], ["h@x.example"]], Now=[["email"], ["a@x.example"]])
    book = openpyxl.load_workbook(path)
    book["Old"].sheet_state = "hidden"
    book.active = book["Now"]
    book.save(path)
    found = inspect_file(path)
    assert (found.sheet, found.warnings) == ("Now", ["hidden_sheet"])


def test_formula_counts_as_its_value_or_as_empty(tmp_path: Path) -> None:
    """Nothing is computed here: a formula that nobody has computed has no value."""
    path = _book(tmp_path / "b.xlsx", People=[["email", "sum"], ["a@x.example", "=1+1"]])
    report = dry_run(path, now=NOW, rows=1)
    assert report.accepted == 1
    assert (report.contacts or [])[0].get("sum") is None


def test_workbook_without_cells_is_empty(tmp_path: Path) -> None:
    """A new workbook has nothing in it."""
    assert inspect_file(_book(tmp_path / "b.xlsx", Sheet1=[])).error == "empty_file"


def _package(path: Path, sheet: bytes) -> Path:
    whole = _book(path.with_name("whole.xlsx"), People=[["email"], ["a@x.example"]])
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            new.writestr(part.filename, sheet if part.filename.endswith("sheet1.xml") else old.read(part))
    return path


def test_workbook_whose_cells_span_a_world_is_refused(tmp_path: Path) -> None:
    """Two cells in far corners make a reader reserve room for all between them."""
    head = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    rows = b'<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    found = inspect_file(_package(tmp_path / "b.xlsx", head + rows + b"</sheetData></worksheet>"))
    assert found.error == "unpacks_too_large"


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.9])
def test_workbook_that_was_cut_short_is_unreadable(tmp_path: Path, cut: float) -> None:
    """Half a package is no workbook."""
    path = _book(tmp_path / "b.xlsx", People=[["email"], ["a@x.example"]])
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * cut)])
    assert inspect_file(path).error == "unreadable"


def test_workbook_with_damaged_parts_is_unreadable(tmp_path: Path) -> None:
    """A sheet that is no XML, and a package that is no workbook."""
    assert inspect_file(_package(tmp_path / "b.xlsx", b"<worksheet><sheetData><row")).error in {
        "unreadable",
        "empty_file",
    }
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as package:
        package.writestr("word/document.xml", "<x/>")
    (tmp_path / "c.xlsx").write_bytes(other.getvalue())
    assert inspect_file(tmp_path / "c.xlsx").error == "unreadable"
