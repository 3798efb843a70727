"""The header row of a table: below titles and notes, above the data, or not there at all."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sillage.ingest.mapping import field_of, is_address

Record = tuple[int, list[str]]
"""The line where a record starts, and its cells."""

LOOK_DOWN = 60
LOOK_BELOW = 100
MOSTLY = 0.75

_NUMBER = re.compile(r"[-+(]?\s?[€$£]?\s?\d+([.,' \u00a0\u202f]\d+)*(e[-+]?\d+)?\s?[%€$£)]?", re.IGNORECASE)
_DATE = re.compile(r"\d{1,4}[-/.:]\d{1,2}([-/.:]\d{1,4})?([T ,].*)?")
_YEAR = re.compile(r"(19|20)\d\d")


@dataclass(frozen=True, slots=True)
class Header:
    """Where the table starts. `line` is 0 where there is no header; then all records from `first` on are data."""

    line: int
    names: list[str] | None
    first: int
    """Index of the first record of data."""
    width: int


def find_header(records: Sequence[Record]) -> Header:
    """The header of a table by its first records: by known names, by addresses below, by what the columns hold."""
    full = [n for n, (_, cells) in enumerate(records) if any(cell.strip() for cell in cells)]
    if not full:
        return Header(0, None, 0, 0)
    width = _usual_width(records, full)
    start = _start(records, full, width)
    found = _by_name(records, full)
    if found is None:
        found = _above_addresses(records, full, width)
    if found is None:
        found = _by_kind(records, [n for n in full if n >= start])
        if found < 0 and _is_short_header(records, start, width):
            found = start - 1
    if found < 0:
        return Header(0, None, start, width)
    line, cells = records[found]
    while len(cells) > 1 and len(cells) > width and not cells[-1].strip():
        cells = cells[:-1]
    return Header(line, cells, found + 1, len(cells))


def _usual_width(records: Sequence[Record], full: Sequence[int]) -> int:
    widths = Counter(len(records[n][1]) for n in full)
    return max(widths, key=lambda w: (widths[w] * (w - 0.5), w))


def _start(records: Sequence[Record], full: Sequence[int], width: int) -> int:
    """The first record that is as full as those below: titles and notes fill few cells."""
    filled = {n: sum(1 for cell in records[n][1] if cell.strip()) for n in full}
    below = sorted(filled.values())
    usual = below[len(below) // 2]
    for n in full[:LOOK_DOWN]:
        if len(records[n][1]) >= MOSTLY * width and filled[n] >= max(1, 0.5 * usual):
            return n
    return full[0]


def _is_short_header(records: Sequence[Record], start: int, width: int) -> bool:
    """Whether the record just above the data names most of its columns: some headers leave the last ones out."""
    names = [cell for cell in records[start - 1][1] if cell.strip()] if start else []
    return len(names) >= max(2, 0.5 * width) and not any(map(_kind, names))


def _by_name(records: Sequence[Record], full: Sequence[int]) -> int | None:
    """A record with the name of an address field in it, and no address."""
    for n in full[:LOOK_DOWN]:
        cells = records[n][1]
        if any(is_address(cell) for cell in cells):
            return None
        if any(field_of(cell) in ("email", "phone") for cell in cells):
            return n
    return None


def _above_addresses(records: Sequence[Record], full: Sequence[int], width: int) -> int | None:
    """The record just above the first address if it may be a header, -1 if it may not."""
    for position, n in enumerate(full[:LOOK_DOWN]):
        if not any(is_address(cell) for cell in records[n][1]):
            continue
        if position == 0:
            return -1
        above = records[full[position - 1]][1]
        names = [cell for cell in above if cell.strip()]
        is_header = len(names) >= 0.5 * width and not any(_kind(name) for name in names)
        return full[position - 1] if is_header else -1
    return None


def _by_kind(records: Sequence[Record], full: Sequence[int]) -> int:
    """Index of the header among records without addresses, -1 for none.

    A cell of words above numbers speaks for a header; a number above numbers, or a value that comes again below,
    speaks against one.
    """
    if len(full) < 2:  # noqa: PLR2004 - one record alone
        return full[0] if full and not any(_kind(cell) for cell in records[full[0]][1]) else -1
    top, below = records[full[0]][1], [records[n][1] for n in full[1 : LOOK_BELOW + 1]]
    votes = 0.0
    for number, cell in enumerate(top):
        text = cell.strip()
        column = [row[number].strip() for row in below if number < len(row) and row[number].strip()]
        if not text or not column:
            continue
        votes += _vote(text, column)
    names = [cell.strip() for cell in top if cell.strip()]
    if votes == 0:
        votes = 1 if len(set(names)) == len(names) and not any(map(_kind, names)) else -1
    return full[0] if votes > 0 else -1


def _vote(name: str, column: Sequence[str]) -> float:
    kinds = Counter(map(_kind, column))
    usual, count = kinds.most_common(1)[0]
    kind = _kind(name)
    if usual and count >= 0.6 * len(column):
        if kind == usual:
            # Years are names of columns as often as they are numbers.
            return 0.3 if _YEAR.fullmatch(name) and not any(map(_YEAR.fullmatch, column)) else -1
        return 1 if not kind else 0
    if kind:
        return -0.5
    if name in column:
        return -0.7
    if sum(map(_has_digit, column)) >= MOSTLY * len(column):
        # Codes, addresses, links: what has digits all the way down has them in the first row of data too.
        return -0.5 if _has_digit(name) else 0.5
    return 0.2 if len(set(map(len, column))) > 1 or len(column[0]) != len(name) else 0


def _has_digit(cell: str) -> bool:
    return any(map(str.isdigit, cell))


def _kind(cell: str) -> str:
    text = cell.strip()
    if _NUMBER.fullmatch(text):
        return "number"
    if _DATE.fullmatch(text):
        return "date"
    if is_address(text):
        return "address"
    return ""
