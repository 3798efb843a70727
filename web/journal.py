"""The tracker's own outbox: a file of its own, so that an import can't slow a click.

Events are committed in groups and answered after the commit. A group is one row: a line for each event, under the
number of its last, so that a commit costs one statement however many share it; the reader makes an event's id of its
number. One process owns one file by a lock on its slot; the collector reads and empties it. What people asked for
while ops was down waits here as well, in `wishes`.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import structlog

from sillage.errors import TransientError

GATHER_S = 0.003
"""How long a group waits for company while the journal is busy; one that finds it idle goes at once."""
FULL_GROUP = 256
"""A group of so many waits no longer: while the disk takes it, the next one gathers."""
PATIENCE_S = 1.0
"""The longest that an answer waits for its commit: a click goes on, whatever holds the disk."""
RETRY_S = 1.0
MAX_HELD = 20_000
"""Events held in memory while the file refuses them; what comes beyond is lost, logged and counted."""
_MAX_SLOTS = 64
_BUSY_TIMEOUT_S = 0.8

_SCHEMA = """
create table if not exists stream (name text not null);
create table if not exists outbox (seq integer primary key autoincrement, body blob not null);
create table if not exists wishes (seq integer primary key autoincrement, body blob not null);
"""

log = structlog.get_logger()

_Result = TypeVar("_Result")
Done = Callable[[bool], None]
"""Told whether an event is durable (else its answer could not wait, or it is lost)."""


class Journal:
    """Durable notes of one tracker process. Made and used on one event loop; the file is touched by one thread."""

    def __init__(self, folder: Path) -> None:
        """Take a free slot and open its file.

        Raises: TransientError where the disk refuses.
        """
        self._lock, self.path = _take_slot(folder)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        try:
            self._conn = _open(self.path)
            self.stream, self._number = _name(self._conn)
        except sqlite3.Error as exc:
            os.close(self._lock)
            raise TransientError(f"the journal {self.path} can't be opened: {exc}; is the disk full?") from exc
        self._lines: list[bytes] = []
        self._waiters: list[Done] = []
        self._refused: list[tuple[int, int, bytes]] = []
        self._loop = asyncio.get_running_loop()
        self._idle = asyncio.Event()
        self._idle.set()
        self._gathering: asyncio.TimerHandle | None = None
        self._is_closed = False
        self._last_commit = 0.0
        self._last_complaint = 0.0
        self.written = 0
        self.lost = 0

    @property
    def held(self) -> int:
        """Events in memory that no commit has taken yet."""
        return len(self._lines) + sum(count for _, count, _ in self._refused)

    def note(self, facts: bytes, done: Done) -> None:
        """Note an event, given as the members of its JSON without the id; `done` is told once it is durable."""
        if len(self._lines) >= MAX_HELD or (self._refused and self.held >= MAX_HELD):
            self._lose(1)
            done(False)
            return
        self._number += 1
        self._lines.append(facts)
        self._waiters.append(done)
        if self._gathering is not None:
            if len(self._lines) >= FULL_GROUP:
                self._commit()
        elif self._idle.is_set():
            self._gather()

    async def add(self, facts: bytes) -> bool:
        """The same, for who can wait: True once it is durable, False where the answer could not wait for that."""
        waiter: asyncio.Future[bool] = self._loop.create_future()
        self.note(facts, lambda durable: None if waiter.done() else waiter.set_result(durable))
        return await waiter

    async def keep(self, body: bytes) -> None:
        """Keep a wish until ops takes it.

        Raises: TransientError where the disk refuses.
        """
        try:
            await self._in_thread(self._write, "insert into wishes (body) values (?)", [(body,)])
        except sqlite3.Error as exc:
            raise TransientError(f"the journal {self.path} does not take anything: {exc}") from exc

    async def kept(self, limit: int = 100) -> list[tuple[int, bytes]]:
        """The oldest wishes that wait, as (seq, body)."""
        return await self._in_thread(self._read_wishes, limit)

    async def forget(self, seq: int) -> None:
        """Drop a wish that ops has taken."""
        await self._in_thread(self._write, "delete from wishes where seq = ?", [(seq,)])

    async def close(self) -> None:
        """Commit what waits, and give the slot back."""
        self._is_closed = True
        await self._idle.wait()
        if self._lines or self._refused:
            self._commit()
            await self._idle.wait()
        await self._in_thread(self._conn.close)
        self._thread.shutdown()
        os.close(self._lock)

    def _gather(self) -> None:
        """Commit soon, with what comes until then."""
        if self._is_closed or not self._idle.is_set():
            return
        self._idle.clear()
        wait = GATHER_S if self._loop.time() - self._last_commit < GATHER_S else 0.0
        self._gathering = self._loop.call_later(wait, self._commit)

    def _commit(self) -> None:
        """Hand what waits to the thread, which begins at once, even while more is being read."""
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None
        self._idle.clear()
        lines, self._lines = self._lines, []
        waiters, self._waiters = self._waiters, []
        groups, self._refused = self._refused, []
        if lines:
            groups.append((self._number, len(lines), b"\n".join(lines)))
        if not groups:
            self._idle.set()
            return
        patience = self._loop.call_later(PATIENCE_S, _release, waiters, False)
        committing = self._in_thread(self._write, _INSERT, [(number, body) for number, _, body in groups])
        committing.add_done_callback(lambda done: self._committed(done.exception(), groups, waiters, patience))

    def _committed(
        self,
        fault: BaseException | None,
        groups: list[tuple[int, int, bytes]],
        waiters: list[Done],
        patience: asyncio.TimerHandle,
    ) -> None:
        """Tell who waits, and turn to what came meanwhile."""
        patience.cancel()
        self._idle.set()
        self._last_commit = self._loop.time()
        if fault is None:
            self.written += sum(count for _, count, _ in groups)
        else:
            self._hold(groups, fault)
        if len(self._lines) >= FULL_GROUP and not self._is_closed:
            self._commit()
        elif self._lines:
            self._gather()
        _release(waiters, durable=fault is None)

    def _hold(self, groups: list[tuple[int, int, bytes]], fault: BaseException) -> None:
        """Keep what the disk refused, in its groups and their order, as far as memory allows, and try again."""
        room = MAX_HELD
        for group in groups:
            if group[1] > room:
                self._lose(group[1])
                continue
            room -= group[1]
            self._refused.append(group)
        if time.monotonic() - self._last_complaint > RETRY_S:
            self._last_complaint = time.monotonic()
            log.error("journal.refused", path=str(self.path), error=str(fault), held=self.held, lost=self.lost)
        self._loop.call_later(RETRY_S, self._gather)

    def _lose(self, count: int) -> None:
        self.lost += count
        if time.monotonic() - self._last_complaint > RETRY_S:
            self._last_complaint = time.monotonic()
            log.error("journal.lost", path=str(self.path), lost=self.lost)

    def _in_thread(self, act: Callable[..., _Result], *args: object) -> asyncio.Future[_Result]:
        return self._loop.run_in_executor(self._thread, act, *args)

    def _write(self, statement: str, rows: list[tuple[object, ...]]) -> None:
        if len(rows) == 1:
            # A statement by itself is a transaction: one step out of the interpreter's lock instead of three.
            self._conn.execute(statement, rows[0])
            return
        self._conn.execute("begin immediate")
        try:
            self._conn.executemany(statement, rows)
            self._conn.execute("commit")
        except sqlite3.Error:
            if self._conn.in_transaction:
                self._conn.execute("rollback")
            raise

    def _read_wishes(self, limit: int) -> list[tuple[int, bytes]]:
        return [(seq, bytes(body)) for seq, body in self._conn.execute(_OLDEST_WISHES, (limit,))]


# A commit that failed may have happened all the same: what lies there already is the same event.
_INSERT = "insert or ignore into outbox (seq, body) values (?, ?)"
_OLDEST_WISHES = "select seq, body from wishes order by seq limit ?"


def _release(waiters: list[Done], durable: bool) -> None:
    told = waiters.copy()
    waiters.clear()
    for done in told:
        done(durable)


def _take_slot(folder: Path) -> tuple[int, Path]:
    """The first slot that no other process holds: its lock and its file.

    Raises: TransientError where all are taken.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for slot in range(_MAX_SLOTS):
        descriptor = os.open(folder / f"tracker-{slot}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            continue
        return descriptor, folder / f"tracker-{slot}.sqlite"
    raise TransientError(f"all {_MAX_SLOTS} journals of {folder} are in use by other trackers")


def _open(path: Path) -> sqlite3.Connection:
    conn = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=_BUSY_TIMEOUT_S)
    # Larger pages than usual: a group is some 80 KB, and each page costs a header and a checksum.
    for pragma in ("page_size=16384", "journal_mode=wal", "synchronous=full", "secure_delete=on"):
        conn.execute(f"pragma {pragma}")
    conn.executescript(_SCHEMA)
    return conn


def _name(conn: sqlite3.Connection) -> tuple[str, int]:
    """The stream's name, made with the file, and the largest number that it ever gave."""
    conn.execute("begin immediate")
    row = conn.execute("select name from stream").fetchone()
    name = str(row[0]) if row else f"tracker-{uuid.uuid4().hex}"
    if not row:
        conn.execute("insert into stream (name) values (?)", (name,))
    conn.execute("commit")
    last = conn.execute("select seq from sqlite_sequence where name = 'outbox'").fetchone()
    return name, int(last[0]) if last else 0
