"""What providers tell of complaints in sums, read from the files that they give: Postmaster Tools, SNDS, Signal Spam.

Each keeps its own measure: a rate of what reached inboxes (Gmail), a band of rates by address (SNDS), a count by
address (Signal Spam). They are shown beside our own complaints and never added to them: nobody knows who is in both.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from sillage.errors import BadInput

MAX_ROWS = 100_000
_DATES = ("%Y-%m-%d", "%d/%m/%Y", "%Y/%m/%d", "%m/%d/%Y %I:%M %p", "%m/%d/%Y %H:%M", "%Y%m%d")


class Source(StrEnum):
    """Who tells."""

    POSTMASTER = "postmaster"
    SNDS = "snds"
    SIGNAL_SPAM = "signal_spam"


@dataclass(frozen=True, slots=True)
class Sum:
    """A day's complaints about a domain or an address of ours, as one source counts them.

    `rate` is from 0 to 1; with `rate_is_below` it is a bound («less than 0.1 %»), not a measure.
    """

    source: Source
    day: date
    subject: str
    complaints: int | None = None
    messages: int | None = None
    rate: float | None = None
    rate_is_below: bool = False


def read_sums(text: str, name: str, *, domain: str = "") -> list[Sum]:
    """The sums of a file, whose source is known by its columns.

    `domain` is what a Postmaster file speaks of: it does not say so itself. Raises: BadInput that names the file, the
    row (the file's line, from 1) and the column.
    """
    lines = text.lstrip("\ufeff")
    delimiter = max(",;\t", key=lines.partition("\n")[0].count)
    try:
        rows = list(csv.reader(io.StringIO(lines), delimiter=delimiter))[: MAX_ROWS + 1]
    except csv.Error as exc:
        raise BadInput(f"{name} is no CSV: {exc}", code="unreadable") from exc
    if not any(rows):
        raise BadInput(f"{name} is empty: export the report again", code="empty_file")
    header = [_plain(cell) for cell in rows[0]]
    if {"date", "user reported spam rate"} <= set(header) or {"date", "spam rate"} <= set(header):
        return list(_each(rows[1:], name, 2, lambda row: _postmaster(dict(zip(header, row, strict=False)), domain)))
    if {"date", "ip", "complaints"} <= set(header):
        return list(_each(rows[1:], name, 2, lambda row: _signal_spam(dict(zip(header, row, strict=False)))))
    if "ip address" in header and "complaint rate" in header:
        return list(_each(rows[1:], name, 2, _snds))
    if header and re.fullmatch(r"[\d.:a-f]+", header[0]) and len(header) >= _SNDS_COLUMNS:
        return list(_each(rows, name, 1, _snds))
    raise BadInput(
        f"{name}: these columns are of no report that we know ({', '.join(rows[0][:6])}): Postmaster Tools has Date and"
        " User Reported Spam Rate, SNDS eight columns or more that begin with an address, Signal Spam Date, IP and"
        " Complaints",
        code="unknown_report",
    )


_SNDS_COLUMNS = 8


def _each(rows: list[list[str]], name: str, first: int, read: Callable[[list[str]], Sum]) -> Iterator[Sum]:
    for number, row in enumerate(rows, first):
        if not any(cell.strip() for cell in row):
            continue
        try:
            yield read(row)
        except (ValueError, KeyError, IndexError) as exc:
            raise BadInput(f"{name}, row {number}: {exc}", code="bad_row", row=number) from exc


def _postmaster(row: dict[str, str], domain: str) -> Sum:
    if not domain:
        raise ValueError("a Postmaster file does not say which domain it is about: name it with --domain")
    rate = row.get("user reported spam rate", row.get("spam rate", ""))
    return Sum(Source.POSTMASTER, _day(row["date"]), domain.lower(), rate=_rate(rate)[0])


def _signal_spam(row: dict[str, str]) -> Sum:
    messages = row.get("messages", "").strip()
    return Sum(
        Source.SIGNAL_SPAM,
        _day(row["date"]),
        row["ip"].strip(),
        complaints=_count(row["complaints"], "complaints"),
        messages=_count(messages, "messages") if messages else None,
    )


def _snds(row: list[str]) -> Sum:
    """Address, activity start and end, RCPT commands, DATA commands, recipients, filter result, complaint rate."""
    if len(row) < _SNDS_COLUMNS:
        raise ValueError(f"{len(row)} columns instead of {_SNDS_COLUMNS} or more")
    rate, is_below = _rate(row[7])
    return Sum(
        Source.SNDS,
        _day(row[1]),
        row[0].strip(),
        messages=_count(row[5], "message recipients"),
        rate=rate,
        rate_is_below=is_below,
    )


def _plain(cell: str) -> str:
    return " ".join(cell.replace("_", " ").lower().split())


def _day(text: str) -> date:
    for form in _DATES:
        try:
            return datetime.strptime(text.strip(), form).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
    raise ValueError(f"{text.strip()[:40]!r} is no date: 2026-11-24 is one")


def _count(text: str, column: str) -> int:
    clean = re.sub(r"[\s\u202f,]", "", text)
    if not clean.isdecimal():
        raise ValueError(f"{column} {text.strip()[:40]!r} is no count")
    return int(clean)


def _rate(text: str) -> tuple[float | None, bool]:
    """A rate from 0 to 1, and whether it is only a bound."""
    clean = text.strip()
    if not clean:
        return None, False
    is_below = clean.startswith("<")
    number = clean.removeprefix("<").strip()
    value = float(number.removesuffix("%").strip().replace(",", "."))
    value = value / 100 if number.endswith("%") else value
    if not 0 <= value <= 1:
        raise ValueError(f"rate {clean[:40]!r} is not between 0 and 100 %")
    return value, is_below
