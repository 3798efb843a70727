"""Parquet and OpenDocument files give what the same table as CSV gives."""

from __future__ import annotations

import zipfile
from datetime import date
from pathlib import Path

import polars as pl

from sillage.ingest import ImportReport, dry_run, inspect_file
from sillage.settings import Settings

_OFFICE = "urn:oasis:names:tc:opendocument:xmlns"


def _ods(path: Path, rows: list[list[str]], *, repeated: int = 1) -> None:
    cells = "".join(
        "<table:table-row>" + "".join(
            f'<table:table-cell table:number-columns-repeated="{repeated}" office:value-type="string">'
            f"<text:p>{text}</text:p></table:table-cell>" for text in row
        ) + "</table:table-row>" for row in rows
    )  # fmt: skip
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    with zipfile.ZipFile(path, "w") as package:
        package.writestr("mimetype", kind)
        package.writestr(
            "META-INF/manifest.xml",
            f'<manifest:manifest xmlns:manifest="{_OFFICE}:manifest:1.0"><manifest:file-entry '
            f'manifest:full-path="/" manifest:media-type="{kind}"/></manifest:manifest>',
        )
        package.writestr(
            "content.xml",
            f'<?xml version="1.0" encoding="UTF-8"?><office:document-content xmlns:office="{_OFFICE}:office:1.0" '
            f'xmlns:table="{_OFFICE}:table:1.0" xmlns:text="{_OFFICE}:text:1.0"><office:body><office:spreadsheet>'
            f'<table:table table:name="People">{cells}</table:table></office:spreadsheet></office:body>'
            "</office:document-content>",
        )


def _facts(report: ImportReport) -> object:
    return report.accepted, [(r.row, r.reason) for r in report.refused], report.contacts


def test_same_table_says_the_same_in_each_format(tmp_path: Path, settings: Settings) -> None:
    """Rows, refusals and contacts do not depend on how the table was saved."""
    rows = [["email", "first_name", "phone"], ["a@x.example", "Zoé", "0612345678"], ["bad", "B", ""]]
    text, open_document, parquet = tmp_path / "p.csv", tmp_path / "p.ods", tmp_path / "p.parquet"
    text.write_text("".join(",".join(row) + "\n" for row in rows))
    _ods(open_document, rows)
    pl.DataFrame(rows[1:], schema=rows[0], orient="row").write_parquet(parquet)
    now = settings.clock.now()
    wanted = _facts(dry_run(text, now=now, rows=9))
    assert _facts(dry_run(open_document, now=now, rows=9)) == wanted
    assert _facts(dry_run(parquet, now=now, rows=9)) == wanted


def test_parquet_types_become_text_that_is_read_back(tmp_path: Path, settings: Settings) -> None:
    """Dates are plain dates and numbers are numbers; nothing is asked."""
    path = tmp_path / "p.parquet"
    pl.DataFrame({"email": ["a@x.example"], "birthday": [date(1990, 2, 1)], "points": [7]}).write_parquet(path)
    (person,) = dry_run(path, now=settings.clock.now(), rows=1).contacts or []
    assert (person["birthday"], person["points"]) == ("1990-02-01", "7")


def test_damaged_and_nested_files_are_refused_by_their_code(tmp_path: Path) -> None:
    """A file that is cut, columns of lists, an old workbook that is none, and cells without end: each has its error."""
    cut = tmp_path / "cut.parquet"
    pl.DataFrame({"email": ["a@x.example"] * 99}).write_parquet(cut)
    cut.write_bytes(cut.read_bytes()[:-20])
    nested = tmp_path / "nested.parquet"
    pl.DataFrame({"email": [["a@x.example"]]}).write_parquet(nested)
    old = tmp_path / "old.xls"
    old.write_bytes(b"\xd0\xcf\x11\xe0" + b"x" * 2000)
    endless = tmp_path / "endless.ods"
    _ods(endless, [["a@x.example"]], repeated=99_999_999)
    assert [inspect_file(p).error for p in (cut, nested, old)] == ["unreadable"] * 3
    assert inspect_file(endless).error == "unpacks_too_large"
