"""A table in a Parquet file: its columns have names and types already, and are read as text in slices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from sillage.errors import BadInput
from sillage.ingest.header import Header
from sillage.ingest.table import EXCESS, FRAME_ROWS, ROW, Table, cell

PARQUET_MAGIC = b"PAR1"
LOOK_ROWS = 300


@dataclass(slots=True)
class ParquetTable(Table):
    """A table in a Parquet file. `row` counts records as the lines of a CSV file with one line of header."""

    @classmethod
    def open(cls, path: Path) -> ParquetTable:
        """Read names, types and the first records.

        Raises: BadInput (unreadable, empty_file).
        """
        try:
            names = pl.read_parquet_schema(path)
            if not names:
                raise BadInput(f"{path.name} has no columns", code="empty_file")
            nested = [name for name, kind in names.items() if kind.is_nested() or kind == pl.Binary]
            if nested:
                raise BadInput(
                    f"{path.name}: column {nested[0]!r} holds lists or bytes; keep plain columns", code="unreadable"
                )
            first = pl.scan_parquet(path).head(LOOK_ROWS).cast(pl.String).collect()
        except pl.exceptions.PolarsError as exc:
            raise BadInput(f"{path.name} is a damaged Parquet file", code="unreadable") from exc
        cells = [(n, [value or "" for value in row]) for n, row in enumerate(first.rows(), 2)]
        header = Header(1, list(names), 1, len(names))
        return cls(path=path, header=header, records=[(1, list(names)), *cells])

    def frames(self, address_column: int | None = None) -> Iterator[pl.DataFrame]:  # noqa: ARG002
        """See Table."""
        source = pl.scan_parquet(self.path)
        names = {name: cell(n) for n, name in enumerate(self.header.names or [])}
        start = 0
        while True:
            part = source.slice(start, FRAME_ROWS).cast(pl.String).collect()
            if not part.height:
                return
            yield part.rename(names).select(
                pl.int_range(start + 2, start + 2 + part.height, dtype=pl.Int64).alias(ROW),
                pl.lit(value=False).alias(EXCESS),
                pl.all().replace("", None),
            )
            start += part.height
