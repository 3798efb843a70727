"""Separators, quotes and headers."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sillage.ingest.dialect import Dialect, records, sniff
from sillage.ingest.header import find_header

ROWS = [
    ["name", "city", "joined", "amount", "note"],
    ["Anna Karl", "Paris", "2024-01-05", "12,50", "came, saw; went"],
    ["Bob", "Le Havre", "2023-11-30", "7,00", ""],
    ["Chloé", "Nice", "2022-02-01", "1 250,00", 'said "yes"'],
    ["Dan", "Brest", "2021-07-14", "3,10", "none"],
]


def _sniff(text: str) -> Dialect:
    return sniff(text, is_whole=True)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", "~", "^"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_separator_is_found_among_its_rivals(separator: str, quoting: int) -> None:
    """Decimal commas, times and prose do not pass for separators."""
    out = io.StringIO()
    csv.writer(out, delimiter=separator, quoting=quoting, lineterminator="\n").writerows(ROWS)
    found = _sniff(out.getvalue())
    assert (found.separator, found.quote) == (separator, '"')
    assert [cells for _, cells in records(found, out.getvalue(), is_whole=True)] == ROWS


def test_quote_may_be_single() -> None:
    """Cells between single quotes are quoted; an apostrophe inside a word is not."""
    assert _sniff("'a';'b;c'\n'd';'e'\n'f';'g;h'\n").quote == "'"
    assert _sniff("name,city\nO'Brien,L'Isle\nD'Arc,Paris\n").quote == '"'


def test_quote_may_be_escaped_by_a_backslash() -> None:
    """Exports of some databases write a backslash before a quote."""
    text = 'a,b\n"say \\"hi\\", then",1\n"x \\"y\\"",2\n'
    found = _sniff(text)
    assert found.escape == "\\"
    assert records(found, text, is_whole=True)[1][1] == ['say "hi", then', "1"]


def test_separator_declared_on_the_first_line_is_believed() -> None:
    """Excel's sep= line decides, and is no row."""
    found = _sniff("sep=;\na,b;c\nd,e;f\n")
    assert (found.separator, found.first_line) == (";", 2)


def test_table_of_one_column_is_said_to_be_separated_by_commas() -> None:
    """A list of names is no table separated by blanks."""
    assert _sniff("name\nAnna Karl\nBob Marl\nChloé Dur\n").separator == ","
    assert _sniff("email\na@b.example\nc.d@e-f.example\n").separator == ","


@given(st.text(max_size=300))
def test_sniff_survives_any_text(text: str) -> None:
    """Any text has a dialect, and its records can be read."""
    records(sniff(text, is_whole=True), text, is_whole=True)


def _header(text: str) -> int:
    return find_header(records(_sniff(text), text, is_whole=True)).line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("email,name\na@b.example,A\n", 1),
        ("a@b.example,A\nc@d.example,C\n", 0),
        ("Export\n\nemail;name;n\na@b.example;A;1\nc@d.example;C;2\n", 3),
        ("Export;;\nDate;1/2/2026;\n;;\nNom;E-mail;n\nA;a@b.example;1\nC;c@d.example;2\n", 4),
        ("id,price\n1,2.5\n2,3.5\n3,1.0\n", 1),
        ("1,2.5\n2,3.5\n3,1.0\n", 0),
        ("country,2019,2020\nFR,10,11\nDE,20,21\nIT,5,6\n", 1),
        ("Who,Contact\nAnna,a@b.example\nBob,b@b.example\n", 1),
        ('"multi\nline",email\nx,a@b.example\n', 1),
        ("name,city\nAnna,Paris\nBob,Nice\nChloé,Brest\n", 1),
    ],
)
def test_header_row_is_found(text: str, line: int) -> None:
    """Titles above are passed over, data is not taken for a header, and 0 says that there is none."""
    assert _header(text) == line
