"""1,000,000 rows of 8 columns as CSV and as a workbook, beside what one would take instead, in one run.

`python -m bench.export [ROWS]`. Each is a process of its own, so that its memory is its own; ours is read back. The
rows come a batch at a time, as a list's do: ids, addresses, names of every script, formulas, moments, numbers, gaps.
"""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import fastexcel
import pandas as pd
import polars as pl
from openpyxl import Workbook as OtherBook  # type: ignore[import-untyped]  # its stubs are no part of it

from bench.results import record
from sillage.domain.spreadsheet import neutral
from sillage.export.cells import Column
from sillage.export.workbook import MAX_ROWS
from sillage.export.write import FileKind, write

BATCH = 20_000
RUNS = 3
FIRST = ["Ana", "Élodie", "=cmd|' /C calc'!A0", "李雷", "محمد", "Jo&Co <b>", "-2+3", "Ann"]
PROVIDERS = ["gmail", "orange", "outlook", "other"]
COLUMNS = [Column(name, name) for name in ("contact_id", "email", "first_name", "last_name", "provider", "opened_at",
                                           "clicks", "reason")]  # fmt: skip


def rows(first: int, last: int) -> pl.DataFrame:
    """Rows of a list, made up from their numbers."""
    number = pl.int_range(first, last, eager=True)
    return pl.DataFrame({"contact_id": number}).select(
        "contact_id",
        email=pl.format("person{}@example-{}.example", "contact_id", pl.col("contact_id") % 97),
        first_name=pl.lit(pl.Series(FIRST)).gather(pl.col("contact_id") % len(FIRST)),
        last_name=pl.format("Nom de famille {}", pl.col("contact_id") % 5000),
        provider=pl.lit(pl.Series(PROVIDERS)).gather(pl.col("contact_id") % len(PROVIDERS)),
        opened_at=pl.lit(datetime(2026, 11, 1, tzinfo=UTC)) + pl.duration(seconds="contact_id"),
        clicks=pl.col("contact_id") % 7,
        reason=pl.when(pl.col("contact_id") % 5 > 0).then(pl.lit("unknown_user")),
    )


def batches(count: int) -> Iterator[pl.DataFrame]:
    """All of them."""
    for start in range(0, count, BATCH):
        yield rows(start, min(start + BATCH, count))


def plain_rows(count: int) -> Iterator[tuple[object, ...]]:
    """The same as Python's values, moments without a zone, as the libraries take them, and neutralised."""
    for batch in batches(count):
        for row in batch.with_columns(pl.col("opened_at").dt.replace_time_zone(None)).iter_rows():
            yield tuple(neutral(cell) if isinstance(cell, str) else cell for cell in row)


def ours(kind: FileKind) -> Callable[[Path, int], None]:
    """Our own writer."""

    def written(path: Path, count: int) -> None:
        write(path, kind, COLUMNS, batches(count))

    return written


def csv_module(path: Path, count: int) -> None:
    """Python's own."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows(plain_rows(count))


def openpyxl(path: Path, count: int) -> None:
    """Its way for large files."""
    book = OtherBook(write_only=True)
    sheet = book.create_sheet()
    for row in plain_rows(count):
        sheet.append(row)
    book.save(path)


def pandas(path: Path, count: int) -> None:
    """`to_excel` of a frame."""
    pd.DataFrame(plain_rows(count)).to_excel(path, index=False)


WAYS: dict[str, tuple[str, Callable[[Path, int], None]]] = {
    "sillage_csv": ("csv", ours(FileKind.CSV)),
    "csv_module": ("csv", csv_module),
    "sillage_xlsx": ("xlsx", ours(FileKind.XLSX)),
    "openpyxl_write_only": ("xlsx", openpyxl),
    "pandas_to_excel": ("xlsx", pandas),
}


def one(name: str, path: Path, count: int) -> None:
    """Run one way in this process, and print what it took."""
    started = time.perf_counter()
    WAYS[name][1](path, count)
    took = time.perf_counter() - started
    # Not getrusage: what the process had been before it became this one counts there too.
    peak = int(re.findall(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[0]) / 1024
    print(json.dumps({"s": round(took, 2), "peak_mb": round(peak), "mb": round(path.stat().st_size / 1e6, 1)}))


def is_equal(path: Path, count: int) -> bool:
    """Whether a file of ours, read by fastexcel or polars, is what went in."""
    if path.suffix == ".csv":
        read = pl.read_csv(path)
        moments = read["opened_at"].str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_zone="UTC")
    else:
        book = fastexcel.read_excel(path)
        read = pl.concat([book.load_sheet(name).to_polars() for name in book.sheet_names])
        moments = read["opened_at"].dt.replace_time_zone("UTC")
    texts = [pl.col(name).map_elements(neutral, pl.String) for name in ("email", "first_name", "last_name")]
    wanted = rows(0, count).with_columns(texts)
    read = read.with_columns(
        moments.dt.cast_time_unit("us").dt.round("1s").alias("opened_at"), pl.col("contact_id", "clicks").cast(pl.Int64)
    )
    return wanted.equals(read.select(wanted.columns))


def main(count: int = 1_000_000) -> None:
    """Each way in turn, ours RUNS times; what takes minutes is asked for a fifth of the rows."""
    with tempfile.TemporaryDirectory() as folder:
        figures: dict[str, object] = {}
        for name, (suffix, _) in WAYS.items():
            is_ours = name.startswith("sillage")
            size = count if is_ours or suffix == "csv" else count // 5
            path = Path(folder) / f"{name}.{suffix}"
            runs = [_run(name, path, size) for _ in range(RUNS if is_ours else 1)]
            middle = sorted(runs, key=lambda run: float(run["s"]))[len(runs) // 2]
            figures[name] = {**middle, "rows": size} | ({"equal": is_equal(path, size)} if is_ours else {})
            path.unlink()
        over = Path(folder) / "over.xlsx"
        written = write(over, FileKind.XLSX, COLUMNS, batches(MAX_ROWS + 1))
        figures["second_sheet"] = {
            "rows": written.rows,
            "sheets": written.sheets,
            "equal": is_equal(over, written.rows),
        }
    record("export", rows=count, columns=len(COLUMNS), **figures)


def _run(name: str, path: Path, size: int) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.export", name, str(path), str(size)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    match sys.argv[1:]:
        case [name, path, size]:
            one(name, Path(path), int(size))
        case [size]:
            main(int(size))
        case _:
            main()
