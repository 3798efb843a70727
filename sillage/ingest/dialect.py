"""The dialect of a text table: which character separates its cells, which one quotes them, and how a quote is escaped.

Each candidate is tried on a sample. The best is the one that gives most rows the same number of cells, and cells that
look like something (a number, a date, an address, words) rather than like pieces of something.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol

SAMPLE_ROWS = 300
MAX_CELL_CHARACTERS = 16 << 20
csv.field_size_limit(MAX_CELL_CHARACTERS)

# Candidates with a weight: what people use, before what could also be punctuation.
_SEPARATORS = {
    ",": 1.0, ";": 1.0, "\t": 1.05, "|": 1.0, "\x1f": 1.0, "\x01": 1.0, "~": 0.85, "^": 0.85, "§": 0.85, "¦": 0.85,
    "#": 0.7, "!": 0.6, "*": 0.6, "&": 0.6, ":": 0.55, "=": 0.5, " ": 0.5, "/": 0.3, "-": 0.25, "_": 0.25,
}  # fmt: skip
_LEAST = 0.12
_NUMBERS_BETWEEN_SPACES = 0.5

_DECLARED = re.compile(r"\ufeff?\"?sep=(.)\"?[,;]*\s*", re.IGNORECASE)
_NUMBER = r"[-+(]?\s?[€$£¥]?\s?\d+([.,' \u00a0\u202f]\d{3})*([.,]\d+)?(e[-+]?\d+)?\s?[%€$£¥)]?"
_DATE = (
    r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([T ,]+\d{1,2}[:h]\d{2}(:\d{2}([.,]\d+)?)?( ?[ap]m)?\s?(z|utc|[-+]\d{2}:?\d{2})?)?"
)
_TIME = r"\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?( ?[ap]m)?"
_ADDRESS = r"[^\s@,;|<>\"]+@[^\s@,;|<>\"]+\.[^\s@,;|<>\".]+"
_URL = r"(https?|ftp)://[^\s\"<>|]+|www\.[^\s\"<>|,;]+"
_NOTHING = r"n/?a|nan|null|none|nil|-+|\?|\.+|true|false"
_WORDS = r"[\w(\[#@&$+'\u2019.*][^;|\t\"~^{}<>\x01\x1f,:=]*([,:] [^;|\t\"~^{}<>,:=]+)*[.!?…:]?"
_KNOWN = re.compile(f"({_NUMBER}|{_DATE}|{_TIME}|{_ADDRESS}|{_URL}|{_NOTHING}|{_WORDS})", re.IGNORECASE)
_NUMERIC = re.compile(f"({_NUMBER}|{_DATE}|{_TIME})", re.IGNORECASE)


class Reader(Protocol):
    """A reader of records that counts the lines that it took."""

    line_num: int

    def __iter__(self) -> Reader: ...
    def __next__(self) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class Dialect:
    """How cells are told apart."""

    separator: str = ","
    quote: str = '"'
    escape: str | None = None
    skips_blank: bool = False
    """Blanks may stand between a separator and a quote."""
    first_line: int = 1
    """The first line of the table: 2 where the first one only declares the separator."""

    def reader(self, lines: Iterable[str]) -> Reader:
        """Records of these lines. Raises: csv.Error at a cell of more than 16 Mi characters."""
        return csv.reader(
            lines,
            delimiter=self.separator,
            quotechar=self.quote or None,
            quoting=csv.QUOTE_MINIMAL if self.quote else csv.QUOTE_NONE,
            escapechar=self.escape,
            doublequote=True,
            skipinitialspace=self.skips_blank,
            strict=False,
        )


def sniff(sample: str, *, is_whole: bool) -> Dialect:
    """The dialect of a text, from its beginning. One without separators is a table of one column, said to be `,`."""
    first, _, rest = sample.partition("\n")
    if declared := _DECLARED.fullmatch(first):
        return _with_quotes(Dialect(declared[1], first_line=2), rest, is_whole=is_whole)
    best, best_score = Dialect(), _LEAST
    for separator, weight in _SEPARATORS.items():
        if separator not in sample:
            continue
        dialect = _with_quotes(Dialect(separator), sample, is_whole=is_whole)
        # A quote that is never closed spoils every reading: then the cells are judged without quotes.
        score = weight * max(
            _score(dialect, sample, is_whole=is_whole), 0.95 * _score(Dialect(separator, ""), sample, is_whole=is_whole)
        )
        if score > best_score + 1e-9:
            best, best_score = dialect, score
    if best_score == _LEAST:
        return _with_quotes(Dialect(), sample, is_whole=is_whole)
    return best


def records(dialect: Dialect, sample: str, *, is_whole: bool) -> list[tuple[int, list[str]]]:
    """The first records of a text with the lines where they start; a last one that may have been cut is left out."""
    lines = sample.removesuffix("\n").split("\n")[dialect.first_line - 1 :]
    reader = dialect.reader(f"{line}\n" for line in lines)
    found: list[tuple[int, list[str]]] = []
    start = dialect.first_line
    try:
        for record in reader:
            found.append((start, record))
            start = dialect.first_line + reader.line_num
            if len(found) > SAMPLE_ROWS:
                return found[:SAMPLE_ROWS]
    except csv.Error:
        return found
    return found if is_whole or len(found) == 1 else found[:-1]


def _with_quotes(dialect: Dialect, sample: str, *, is_whole: bool) -> Dialect:
    edge = re.escape(dialect.separator)
    doubles = len(re.findall(rf'(?:^|{edge}) *"', sample, re.MULTILINE))
    singles = len(re.findall(rf"(?:^|{edge}) *'[^'\n]*'(?= *(?:{edge}|$))", sample, re.MULTILINE))
    if singles > 1 and singles > doubles:
        dialect = replace(dialect, quote="'")
    quote = dialect.quote
    if dialect.separator != " " and re.search(
        rf"{edge} +{quote}[^{quote}]*{quote} *(?:{edge}|$)", sample, re.MULTILINE
    ):
        dialect = replace(dialect, skips_blank=True)
    if f"\\{quote}" in sample:
        escaped = replace(dialect, escape="\\")
        if _score(escaped, sample, is_whole=is_whole) > _score(dialect, sample, is_whole=is_whole):
            return escaped
    return dialect


def _score(dialect: Dialect, sample: str, *, is_whole: bool) -> float:
    """From 0 to 1: evenness of rows times share of cells that look like something."""
    rows = [row for _, row in records(dialect, sample, is_whole=is_whole) if any(cell.strip() for cell in row)]
    widths = Counter(len(row) for row in rows)
    several = {width: count for width, count in widths.items() if width > 1}
    if not several:
        return 0.0
    width = max(several, key=lambda w: (several[w] * (w - 1) / w, w))
    even = several[width] / len(rows) * (width - 1) / width / (1 + 0.1 * (len(widths) - 1))
    cells = [cell.strip() for row in rows if len(row) > 1 for cell in row]
    full = [cell for cell in cells if cell]
    if not full:
        return 0.0
    if dialect.separator == " " and sum(map(_is_numeric, full)) < _NUMBERS_BETWEEN_SPACES * len(full):
        return 0.0
    return even * sum(map(_is_known, full)) / len(full)


@lru_cache(maxsize=50_000)
def _is_known(cell: str) -> bool:
    return _KNOWN.fullmatch(cell[:1000].replace("\n", " ")) is not None


@lru_cache(maxsize=50_000)
def _is_numeric(cell: str) -> bool:
    return _NUMERIC.fullmatch(cell[:100]) is not None
