"""The ledger: what came, what was refused, what is still to be done and what was done. One SQLite file.

Everything that is answered to a client is written first: jobs that wait together share one commit, and each caller
goes on when its commit is on the disk.
"""

from __future__ import annotations

import asyncio
import sqlite3
import zlib
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sendworker.postoffice import entries
from sendworker.postoffice.clock import BusinessClock
from sendworker.postoffice.entries import SCHEMA, Arrival, Done, Errand, Kept, Refusal
from sendworker.postoffice.errands import Channel, ErrandKind

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], T]

# One owner of the file, and readers beside it; FULL, since an answer follows each commit.
PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000", "cache_size=-65536")

LATE_SECONDS = 0.25
"""Wall time that an answer may take before the people are told to wait as well."""


@dataclass(slots=True)
class Counts:
    """How much there is of each, kept beside the tables so that asking costs nothing."""

    accepted: int
    duplicates: int
    refused: int
    deferred: int
    pending: int
    done: int


class Ledger:
    """The open ledger. All writing goes through `write`; reading on the event loop is by key and short."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._writer = _connect(path)
        self._writer.executescript(SCHEMA)
        self._reader = _connect(path)
        self._thread = ThreadPoolExecutor(1, "ledger")
        self._waiting: list[tuple[Job[Any], asyncio.Future[Any]]] = []
        self._committing: asyncio.Task[None] | None = None
        self._unanswered: set[int] = set()
        self.counts = self._count()

    async def close(self) -> None:
        """Write what waits, and close the file."""
        while self._committing is not None:
            await self._committing
        self._thread.shutdown()
        self._reader.close()
        self._writer.close()

    async def write(self, job: Job[T], then: Callable[[T], None] = lambda _result: None) -> T:
        """Do a job in a transaction and return when it is on the disk; `then` counts what it did.

        A client that goes away cancels whoever waits here, but neither the job nor its counting.
        Raises: sqlite3.Error, when nothing of this job was written.
        """
        result: T = await asyncio.shield(self._queue(job, then))
        return result

    def _queue(self, job: Job[T], then: Callable[[T], None]) -> asyncio.Future[T]:
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        done.add_done_callback(lambda f: None if f.cancelled() or f.exception() else then(f.result()))
        self._waiting.append((job, done))
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit())
        return done

    async def _commit(self) -> None:
        # While one commit is under way the next batch gathers, so the load itself sets the size of a batch.
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                results = await loop.run_in_executor(self._thread, self._apply, [job for job, _ in batch])
                for (_, done), (result, error) in zip(batch, results, strict=True):
                    if done.cancelled():
                        continue
                    if error is None:
                        done.set_result(result)
                    else:
                        done.set_exception(error)
        finally:
            self._committing = None

    def _apply(self, jobs: list[Job[Any]]) -> list[tuple[Any, Exception | None]]:
        try:
            return [(result, None) for result in self._transact(jobs)]
        except Exception as exc:  # noqa: BLE001 - it is raised again where the job came from
            if len(jobs) == 1:
                return [(None, exc)]
        # One of them is at fault: each by itself, so that it takes no other with it.
        return [pair for job in jobs for pair in self._apply([job])]

    def _transact(self, jobs: list[Job[Any]]) -> list[Any]:
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            results = [job(self._writer) for job in jobs]
            self._writer.execute("COMMIT")
        except BaseException:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            raise
        return results

    async def accept(self, arrivals: list[Arrival], clock: BusinessClock) -> None:
        """Write what mailboxes took, with what will follow; a second copy for a person is noted as such.

        Nobody reads what is not in the mailbox yet: where a disk makes the sender wait for the answer, the people wait
        as long.
        """

        def job(conn: sqlite3.Connection) -> list[tuple[int, bool]]:
            taken = [entries.accept(conn, arrival) for arrival in arrivals]
            # Before the commit, since what follows from them can be read from then on.
            self._unanswered.update(number for number, _ in taken)
            return taken

        def count(taken: list[tuple[int, bool]]) -> None:
            self.counts.accepted += len(arrivals)
            for arrival, (_, is_first) in zip(arrivals, taken, strict=True):
                self.counts.duplicates += not is_first
                self.counts.pending += len(arrival.planned) if is_first else 0
            numbers = {number for number, _ in taken}

            def answered(_postponed: object = None) -> None:
                self._unanswered.difference_update(numbers)

            late = clock.now() - arrivals[0].accepted_at
            if late > LATE_SECONDS * clock.speed:
                postponing = self._queue(lambda conn: entries.postpone(conn, numbers, late), answered)
                # Where it fails (a full disk), they act early rather than never.
                postponing.add_done_callback(lambda f: answered(f.exception()))
            else:
                answered()

        await self.write(job, count)

    async def refuse(self, refusal: Refusal) -> None:
        """Write a refusal before it is answered."""

        def count(_result: None) -> None:
            if refusal.reason == "refused":
                self.counts.refused += 1
            elif refusal.reason != "alone":
                self.counts.deferred += 1

        await self.write(lambda conn: entries.refuse(conn, refusal), count)

    async def finish(self, errand: Errand, done: list[Done]) -> None:
        """Write the last steps of an errand, which is then no more."""

        def count(_result: None) -> None:
            self.counts.pending -= 1
            self.counts.done += len(done)

        await self.write(lambda conn: entries.finish(conn, errand, done), count)

    async def put_off(self, errand: Errand, done: list[Done], *, progress: int, tries: int, due_at: float) -> None:
        """Write the steps that were done before one that got no answer, and when it is tried again."""

        def count(_result: None) -> None:
            self.counts.done += len(done)

        await self.write(
            lambda conn: entries.put_off(conn, errand, done, progress=progress, tries=tries, due_at=due_at), count
        )

    def deferrals(self, person: str) -> int:
        """How many times a recipient was deferred."""
        row = self._reader.execute(
            "SELECT count(*) FROM refusals WHERE person = ? AND reason = 'deferred'", (person,)
        ).fetchone()
        return int(row[0])

    def greylisted_since(self, person: str) -> float | None:
        """The business time of a recipient's first attempt that met the grey list."""
        row = self._reader.execute(
            "SELECT min(refused_at) FROM refusals WHERE person = ? AND reason = 'greylisted'", (person,)
        ).fetchone()
        return None if row[0] is None else float(row[0])

    def due(self, channel: Channel, now: float, limit: int, under_way: Collection[int]) -> list[Errand]:
        """The errands that are due, oldest first, without those that are under way or come too early."""
        rows = self._reader.execute(
            "SELECT id, message, kind, planned_at, progress, tries FROM errands WHERE channel = ? AND due_at <= ?"
            " ORDER BY due_at, id LIMIT ?",
            (channel.value, now, limit + len(under_way)),
        )
        found = [
            Errand(row[0], row[1], ErrandKind(row[2]), *row[3:])
            for row in rows
            if row[0] not in under_way and row[1] not in self._unanswered
        ]
        return found[:limit]

    def next_due(self, channel: Channel | None = None, after: float = float("-inf")) -> float | None:
        """The business time of the next errand after a moment."""
        channels = list(Channel) if channel is None else [channel]
        found = [
            self._reader.execute(
                "SELECT due_at FROM errands WHERE channel = ? AND due_at > ? ORDER BY due_at LIMIT 1", (c.value, after)
            ).fetchone()
            for c in channels
        ]
        return min((float(row[0]) for row in found if row), default=None)

    def message(self, number: int) -> Kept | None:
        """A message that somebody acts on, None when it is no longer kept."""
        row = self._reader.execute(
            "SELECT recipient, mail_from, message_id, campaign, accepted_at, body FROM messages"
            " JOIN raws ON raws.message = messages.id WHERE messages.id = ?",
            (number,),
        ).fetchone()
        return None if row is None else Kept(row[0], row[1], row[2], row[3], row[4], zlib.decompress(row[5]))

    def _count(self) -> Counts:
        def one(sql: str) -> int:
            return int(self._reader.execute(sql).fetchone()[0])

        return Counts(
            accepted=one("SELECT count(*) FROM messages"),
            duplicates=one("SELECT count(duplicate_of) FROM messages"),
            refused=one("SELECT count(*) FROM refusals WHERE reason = 'refused'"),
            deferred=one("SELECT count(*) FROM refusals WHERE reason IN ('deferred', 'greylisted')"),
            pending=one("SELECT count(*) FROM errands"),
            done=one("SELECT count(*) FROM actions"),
        )


def open_to_read(path: Path) -> sqlite3.Connection:
    """A connection that only reads a ledger, beside the post office that writes it.

    Raises: FileNotFoundError.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: there is no ledger here")
    # Not mode=ro: after a kill -9 the log of the last commits has to be taken up, which a read-only file can't do.
    conn = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None)
    conn.execute("PRAGMA busy_timeout=10000")
    conn.execute("PRAGMA query_only=ON")
    return conn


def _connect(path: Path) -> sqlite3.Connection:
    conn = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=64)
    for pragma in PRAGMAS:
        conn.execute(f"PRAGMA {pragma}")
    return conn
