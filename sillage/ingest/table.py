"""A table in a text file, read as frames of raw cells: one row per record, with the line where each starts."""

from __future__ import annotations

import csv
import io
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from sillage.errors import BadInput
from sillage.ingest.dialect import Dialect, records, sniff
from sillage.ingest.header import Header, Record, find_header
from sillage.ingest.mapping import is_address
from sillage.ingest.text import Encoding, blocks, detect

SNIFFED_BYTES = 64 << 10
FRAME_ROWS = 50_000

# A line that closes each block: where it does not come out as a record of its own, a quote was open.
_END = "\x00end of block\x00"

ROW = "row"
EXCESS = "excess"


def cell(number: int) -> str:
    """The frame's name of a column."""
    return f"c{number}"


@dataclass(slots=True)
class Table(ABC):
    """What was found out about a file. `frames()` reads its records, from the start each time.

    A frame has `row` (line where the record starts, the first line being 1), `excess` (more cells than columns)
    and `c0` … `cN`, text or null.
    """

    path: Path
    header: Header
    records: list[Record]
    """The first records, the header and what stands above it among them."""
    encoding: str | None = None
    separator: str | None = None
    quote: str | None = None
    sheet: str | None = None
    warnings: list[str] = field(default_factory=list)
    numeric: frozenset[int] = frozenset()
    """Columns of a workbook in which every cell is a number."""

    @property
    def sample(self) -> list[list[str]]:
        """Cells of the first records of data."""
        return [cells for _, cells in self.records[self.header.first :] if any(c.strip() for c in cells)]

    @abstractmethod
    def frames(self, address_column: int | None = None) -> Iterator[pl.DataFrame]:
        """All records of data. With the column of addresses known, a quote that was never closed is told by the rows
        that it swallows.

        Raises: BadInput (unclosed_quote, not_a_table).
        """


@dataclass(slots=True)
class TextTable(Table):
    """A table in a text file."""

    text: Encoding = field(default_factory=lambda: Encoding("utf-8", "utf-8"))
    dialect: Dialect = field(default_factory=Dialect)

    @classmethod
    def open(cls, path: Path) -> TextTable:
        """Find out encoding, dialect and header.

        Raises: BadInput (empty_file, unreadable, not_a_table).
        """
        text = detect(path)
        block = next(blocks(path, text))
        sample = block[:SNIFFED_BYTES].decode("utf-8", "ignore")
        is_whole = len(block) <= SNIFFED_BYTES
        dialect = sniff(sample, is_whole=is_whole)
        first = records(dialect, sample, is_whole=is_whole)
        return cls(
            path=path,
            header=find_header(first),
            records=first,
            encoding=text.name,
            separator=dialect.separator,
            quote=dialect.quote,
            warnings=["mixed_encoding"] if text.is_mixed else [],
            text=text,
            dialect=dialect,
        )

    @property
    def _data_line(self) -> int:
        if self.header.names is None:
            return self.records[self.header.first][0] if self.records else self.dialect.first_line
        _, names = self.records[self.header.first - 1]
        return self.header.line + 1 + sum(name.count("\n") for name in names)

    def frames(self, address_column: int | None = None) -> Iterator[pl.DataFrame]:
        """See Table."""
        line = self._data_line
        source = self._blocks_from(line)
        for block in source:
            frame = self._split(block, line)
            if frame is None:
                frame = self._parse_whole_lines(block, line)
            if frame is not None:
                line += block.count(b"\n")
                yield frame
            else:
                line = yield from self._parse(_Feed(block, source), line, address_column)

    def _blocks_from(self, line: int) -> Iterator[bytes]:
        skip = line - 1
        for block in blocks(self.path, self.text):
            start = 0
            while skip and start < len(block):
                start = block.index(b"\n", start) + 1
                skip -= 1
            if start < len(block):
                yield block[start:]

    def _split(self, block: bytes, line: int) -> pl.DataFrame | None:
        """A block in which each line is a record, or None where quotes or surplus cells ask for a closer look."""
        separator = self.dialect.separator.encode()
        if self.dialect.quote.encode() in block or self.dialect.escape or len(separator) > 1:
            return None
        width, count = self.header.width, block.count(b"\n")
        # The first line tells polars how many cells there may be: one more than the header has.
        guide = separator.join([b"x"] * (width + 1)) + b"\n"
        read = pl.read_csv(
            guide + block,
            has_header=False,
            separator=self.dialect.separator,
            quote_char=None,
            infer_schema=False,
            truncate_ragged_lines=True,
        )[1:]
        if read.height != count or read.width != width + 1 or read[:, width].is_not_null().any():
            return None
        read = read.rename({name: cell(n) for n, name in enumerate(read.columns)}).drop(cell(width))
        return read.select(
            pl.int_range(line, line + count, dtype=pl.Int64).alias(ROW), pl.lit(value=False).alias(EXCESS), pl.all()
        )

    def _parse_whole_lines(self, block: bytes, line: int) -> pl.DataFrame | None:
        """A block with quotes in which each record is still one line, or None where one runs on."""
        text = io.StringIO(f"{block.decode()}{_END}\n", newline="\n")
        try:
            rows = list(self.dialect.reader(text))
        except csv.Error:
            return None
        count = block.count(b"\n")
        if len(rows) != count + 1 or rows.pop() != [_END]:
            return None
        width = self.header.width
        excess = [False] * count
        if any(len(cells) != width for cells in rows):
            excess = [len(cells) > width and any(map(str.strip, cells[width:])) for cells in rows]
            rows = [cells[:width] if len(cells) >= width else cells + [""] * (width - len(cells)) for cells in rows]
        return _frame(range(line, line + count), excess, rows)

    def _parse(self, feed: _Feed, line: int, address_column: int | None) -> Generator[pl.DataFrame, None, int]:
        """Records of a block that holds quotes, and of the next ones if a record runs on; returns the line after."""
        width = self.header.width
        reader = self.dialect.reader(feed)
        rows: list[list[str]] = []
        starts: list[int] = []
        excess: list[bool] = []
        while feed.has_more:
            start = line + reader.line_num
            try:
                cells = next(reader)
            except csv.Error as exc:
                raise self._unclosed(start) from exc
            if feed.starved or self._swallows(cells, address_column):
                raise self._unclosed(start)
            if not cells:
                continue
            starts.append(start)
            excess.append(len(cells) > width and any(surplus.strip() for surplus in cells[width:]))
            rows.append(cells[:width] if len(cells) >= width else cells + [""] * (width - len(cells)))
            if len(rows) == FRAME_ROWS:
                yield _frame(starts, excess, rows)
                rows, starts, excess = [], [], []
        if rows:
            yield _frame(starts, excess, rows)
        return line + reader.line_num

    def _swallows(self, cells: list[str], address_column: int | None) -> bool:
        """Whether a quoted cell has whole records in it: the quote was never meant to reach so far."""
        if address_column is None:
            return False
        for text in cells:
            if "\n" not in text:
                continue
            for inner in text.split("\n")[1:]:
                parts = inner.split(self.dialect.separator)
                if len(parts) == self.header.width > 1 and is_address(parts[address_column]):
                    return True
        return False

    def _unclosed(self, row: int) -> BadInput:
        return BadInput(
            f"{self.path.name}, line {row}: a quote is opened and never closed; close it or take it away",
            code="unclosed_quote",
            row=row,
        )


class _Feed:
    """Lines of a block, and of those after it while a record runs on. `starved`: the file ended inside a record."""

    def __init__(self, block: bytes, source: Iterator[bytes]) -> None:
        self._source = source
        self._lines: list[str] = []
        self._next = 0
        self.starved = False
        self._open(block)

    def _open(self, block: bytes) -> None:
        self._lines = block.decode("utf-8").split("\n")[:-1]
        self._next = 0

    @property
    def has_more(self) -> bool:
        """Whether a line is left of what was opened."""
        return self._next < len(self._lines)

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        if not self.has_more:
            following = next(self._source, None)
            if following is None:
                self.starved = True
                raise StopIteration
            self._open(following)
        line = self._lines[self._next]
        self._next += 1
        return line + "\n"


def _frame(starts: Sequence[int], excess: list[bool], rows: list[list[str]]) -> pl.DataFrame:
    columns = {cell(n): pl.Series(values, dtype=pl.String) for n, values in enumerate(zip(*rows, strict=True))}
    frame = pl.DataFrame(
        {ROW: pl.Series(list(starts), dtype=pl.Int64), EXCESS: pl.Series(excess, dtype=pl.Boolean), **columns}
    )
    return frame.with_columns(pl.col(pl.String).replace("", None))
