"""Upkeep of the lake: inlined rows become files, small files become larger ones, what is old goes.

In small slices and quiet moments: merging into a month of 15 M rows takes 3-4 s in which nothing is drained,
merging 64 files of 1,250 rows takes 0.1 s. Readers are never stopped; a file that a running query may still read
is kept for `KEPT_MIN` minutes after it left the last snapshot.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import duckdb

KEPT_MIN = 30
SMALL_FILE_BYTES = 8_000_000
MIDDLE_FILE_BYTES = 64_000_000
SMALL_COMMITS = 64
INLINED = 2_000
EVERY_S = 20.0
QUIET_S = 60.0
EXPIRE_EVERY_S = 300.0


@dataclass(frozen=True, slots=True)
class Kept:
    """What one round of upkeep did."""

    flushed_rows: int
    merged_files: int
    expired_snapshots: int
    cleaned_files: int
    seconds: float


class Upkeep:
    """Knows what the collector has written since, and so when a round is worth it."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self.con = con
        self._commits = 0
        self._rows = 0
        self._last = self._last_write = self._last_expiry = time.monotonic()

    def wrote(self, rows: int) -> None:
        """Note a commit."""
        self._commits += 1
        self._rows += rows
        self._last_write = time.monotonic()

    @property
    def idle_s(self) -> float:
        """Seconds since anything was written."""
        return time.monotonic() - self._last_write

    def is_due(self) -> bool:
        """Whether a short round should run now."""
        if self._commits == 0 or time.monotonic() - self._last < EVERY_S:
            return False
        return self._commits >= SMALL_COMMITS or self._rows >= INLINED or self._is_quiet()

    def run(self) -> Kept:
        """One round, as long as the moment allows."""
        now = time.monotonic()
        expires = now - self._last_expiry >= EXPIRE_EVERY_S
        quiet = self._is_quiet()
        self._commits = self._rows = 0
        self._last = now
        if expires:
            self._last_expiry = now
        return maintain(self.con, larger=quiet, expires=expires)

    def _is_quiet(self) -> bool:
        return self.idle_s >= QUIET_S


def maintain(
    con: duckdb.DuckDBPyConnection, *, larger: bool = True, expires: bool = True, kept_min: int = KEPT_MIN
) -> Kept:
    """Flush, merge small files (and one slice of middling ones), expire snapshots, clean up files.

    `con` must be the lake's writer.
    """
    started = time.monotonic()
    flushed = con.execute("call ducklake_flush_inlined_data('lake')").fetchall()
    merged = con.execute(f"call ducklake_merge_adjacent_files('lake', max_file_size => {SMALL_FILE_BYTES})").fetchall()
    if larger:
        merged += con.execute(
            "call ducklake_merge_adjacent_files("
            f"'lake', max_file_size => {MIDDLE_FILE_BYTES}, max_compacted_files => 1)"
        ).fetchall()
    expired: list[tuple[object, ...]] = []
    cleaned: list[tuple[object, ...]] = []
    if expires:
        before = f"now() - interval {int(kept_min)} minute"
        expired = con.execute(f"call ducklake_expire_snapshots('lake', older_than => {before})").fetchall()
        cleaned = con.execute(f"call ducklake_cleanup_old_files('lake', older_than => {before})").fetchall()
    return Kept(
        flushed_rows=sum(row[2] for row in flushed),
        merged_files=sum(row[2] for row in merged),
        expired_snapshots=len(expired),
        cleaned_files=len(cleaned),
        seconds=time.monotonic() - started,
    )
