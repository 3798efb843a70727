"""One import at work: frames judged, batches staged, chunks written, and the seal.

Chunks are cut by time, so that nobody waits long for the write lock, and each says in its own transaction how far the
import is: one that was killed goes on from there.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import psycopg
import sqlalchemy as sa
import structlog

from sillage.domain.ids import AccountId, GroupId, ImportId
from sillage.errors import BadInput, SillageError, TransientError
from sillage.ingest import originals
from sillage.ingest.batches import Batch, Sources, Stager, batches, shape_of
from sillage.ingest.inspection import Understood, look
from sillage.ingest.options import ImportOptions
from sillage.ingest.pace import Pace, aim_of
from sillage.ingest.permission import ConsentRules
from sillage.ingest.report import Counts, ImportReport, Refused, RefusedFile
from sillage.ingest.rows import Judge, Reading
from sillage.lake.event import Event, EventType, event_id
from sillage.settings import Settings
from sillage.store import fields, files, imports, merging, outbox, undoing
from sillage.store.accounts import Account
from sillage.store.bulk import is_sqlite
from sillage.store.columns import to_micros
from sillage.store.database import Session, Store
from sillage.store.imports import Import
from sillage.store.merging import Job, Tally
from sillage.store.staging import Shape

Progress = Callable[[int, int], None]
"""Told now and then: rows done, rows in the file. `Cancelled` out of it takes the import back; anything else ends it,
and it is resumed at the next start."""


class Cancelled(SillageError):
    """Somebody stopped an import while it was at work: nothing of it stays."""


TRIES = 5
MAX_REFUSED_SHOWN = 10_000
PG_LOCK = 0x5111
CHECKPOINT_EVERY_S = 0.15
SWITCH_S = 0.0005
_REGIONS = {"fr": "FR"}
_DEFAULT_ZONE, _DEFAULT_LOCALE = "Europe/Paris", "fr"

log = structlog.get_logger()


@dataclass(slots=True)
class Run:
    """One import at work, from its beginning or from where it was killed."""

    store: Store
    settings: Settings
    account: Account
    one: Import

    def run(self, progress: Progress | None, looked: Understood | None = None) -> ImportReport:
        """Do what is left to do, and seal. `looked`: what is known of the original already.

        Raises: BadInput where the original can't be read any more.
        """
        one = self.one
        options = ImportOptions.read(one.options)
        found = looked or look(one.file_path, options)
        if not isinstance(found, Understood) or found.inspection.questions:
            message = f"{one.file_name} can't be read any more"
            raise BadInput(message, code="unreadable")
        with self.store.read() as conn:
            declared_at = imports.first_time(conn, one.account_id, one.sha256) or one.created_at
        judge = Judge(reading_of(found, options, self.account, one.created_at, declared_at))
        report = ImportReport(
            counts=Counts.read(one.counts), import_id=one.id, warnings=list(found.inspection.warnings)
        )
        place = originals.place_of_refused(self.settings, one.account_id, one.id)
        now = self.settings.clock.now()
        with self.store.write() as conn:
            file_id = files.register(
                conn, one.account_id, originals.REFUSED, place, now, now + originals.KEPT_WITHOUT_PROOF
            )
        with originals.full_disk_told(place), quick_turns():
            refused = RefusedFile(place)
            try:
                refused.add((kept.row, f"kept_out: {kept.reason}", "") for kept in report.counts.kept_out_rows)
                self._go_through(found, judge, options, report, refused, progress)
            except BaseException:
                refused.drop()
                raise
            if report.refused_count or report.counts.kept_out or report.counts.unknown:
                report.refused_path = refused.close()
            else:
                refused.drop()
        report.warnings = sorted({*report.warnings, *judge.warnings})
        self._seal(report, file_id, judge.custom.choices)
        return report

    def _go_through(
        self,
        found: Understood,
        judge: Judge,
        options: ImportOptions,
        report: ImportReport,
        refused: RefusedFile,
        progress: Progress | None,
    ) -> None:
        one, total = self.one, found.inspection.rows
        shape = shape_of(found.columns.fields.values())
        job = job_of(one.account_id, one.id, one.group_id, options, one.created_at)
        sources = Sources(
            self.store, one.account_id, one.id, one.file_name, one.created_at, options.consent_wording,
            options.consent_version, options.consent_declared_by,
        )  # fmt: skip
        stager = Stager(self.settings.secret.get_secret_value(), shape, sources)
        pace = Pace(aim_s=aim_of(is_sqlite=self.store.is_sqlite))
        chunks = Chunks(self.settings, job, shape, report, pace, one.done_rows)
        skip, read = one.done_rows, 0
        frames = found.table.frames(found.columns.column("email"))
        judge.look_ahead(found.table.frames(found.columns.column("email")))
        for session, batch in _staged(self.store, stager, batches(judge.check(frame) for frame in frames)):
            refused.add(batch.refused)
            note_refused(report, batch.refused)
            first = min(skip, batch.accepted.height)
            skip -= first
            for done in chunks.write(session, first + 1, batch.accepted.height):
                refused.add((row, f"kept_out: {why}", "") for row, why in chunks.left_out)
                if progress is not None:
                    progress(read + int((batch.read - read) * done / batch.accepted.height), total)
            read = batch.read
            if progress is not None:
                progress(read, total)

    def _seal(self, report: ImportReport, refused_file_id: int, choices: dict[str, set[str]]) -> None:
        one, now = self.one, self.settings.clock.now()
        event = Event(
            id=event_id("imported", one.account_id, one.id, one.sha256),
            type=EventType.IMPORTED,
            account_id=one.account_id,
            occurred_at=now,
            recorded_at=now,
            via="import",
            count=report.accepted,
        )
        counts = {
            **report.counts.as_json(),
            "accepted": report.accepted,
            "refused": report.refused_count,
            "warnings": report.warnings,
        }
        with self.store.write() as conn:
            if report.refused_path is None:
                files.forget(conn, one.account_id, refused_file_id)
            for name, values in choices.items():
                fields.add_choices(conn, one.account_id, name, values)
            if not report.counts.new and not report.counts.updated:
                # Nothing was said that was not known: no line of the ledger names where it came from.
                undoing.forget_origins(conn, one)
            if imports.seal(conn, one.account_id, one.id, counts=counts, refused_path=report.refused_path, now=now):
                outbox.record(conn, [event])
        log.info(
            "import.sealed", import_id=one.id, account_id=one.account_id, accepted=report.accepted,
            refused=report.refused_count, new=report.counts.new, kept_out=report.counts.kept_out,
        )  # fmt: skip


def _staged(store: Store, stager: Stager, source: Iterator[Batch]) -> Iterator[tuple[Session, Batch]]:
    """Batches laid out in a session, the next one while this one is written: in another session, by another thread.

    Polars and SQLite work outside of Python's lock, so that both processors are at work.
    """
    with ExitStack() as stack:
        sessions = [stack.enter_context(store.session()) for _ in range(2)]
        # After the sessions on the stack: the thread is at rest before they are closed.
        pool = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="stage"))

        def stage(session: Session) -> Batch | None:
            batch = next(source, None)
            if batch is not None:
                stager.stage(session, batch)
            return batch

        coming, turn = pool.submit(stage, sessions[0]), 0
        while (batch := coming.result()) is not None:
            session, turn = sessions[turn], 1 - turn
            coming = pool.submit(stage, sessions[turn])
            yield session, batch


@contextmanager
def quick_turns() -> Iterator[None]:
    """Let threads wait less for Python, one of which holds ops's write lock.

    It is handed over ten times as often as usual, and the collector of garbage looks at what the import makes alone: to
    look at all that was there before took 90 ms, in which nobody else went on.
    """
    usual = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        sys.setswitchinterval(usual)


@dataclass(slots=True)
class Chunks:
    """Writes staged rows in transactions of some 20 ms each (PostgreSQL: 250 ms)."""

    settings: Settings
    job: Job
    shape: Shape
    report: ImportReport
    pace: Pace
    done_rows: int
    left_out: list[tuple[int, str]] = field(default_factory=list)
    """Of the last chunk: rows whose people stay out, and why."""
    _checkpoint_at: float = 0.0

    def write(self, session: Session, first: int, last: int) -> Iterator[int]:
        """Write the rows of a batch from `first` (1-based) on; yields the last one written after each chunk."""
        while first <= last:
            done = self._write_one(session, first, min(first + self.pace.rows - 1, last))
            first = done + 1
            if time.monotonic() >= self._checkpoint_at:
                session.checkpoint()
                self._checkpoint_at = time.monotonic() + CHECKPOINT_EVERY_S
            yield done

    def _write_one(self, session: Session, first: int, last: int) -> int:
        for left in range(TRIES - 1, -1, -1):
            counts = _copy(self.report.counts)
            try:
                with session.write() as conn:
                    begun = time.monotonic()
                    plan = self._plan_and_write(conn, first, last, counts)
            except (sa.exc.IntegrityError, psycopg.errors.IntegrityError) as exc:
                # A form or another import was faster with an address: look again, and find it there.
                if not left:
                    raise TransientError("contacts change faster than they can be imported; try again") from exc
                continue
            self.pace.learn(_rows(plan), _cost(plan), time.monotonic() - begun)
            self.report.counts = counts
            self.done_rows += _rows(plan)
            if plan.phone_taken and "shared_phone" not in self.report.warnings:
                self.report.warnings.append("shared_phone")
            return first + _rows(plan) - 1
        raise AssertionError

    def _plan_and_write(self, conn: sa.Connection, first: int, last: int, counts: Counts) -> Tally:
        job = self.job
        if not is_sqlite(conn):
            # Imports of one account take turns, so that two files with one person don't collide.
            conn.execute(sa.select(sa.func.pg_advisory_xact_lock(PG_LOCK, job.account_id)))
        merging.decide(conn, job, self.shape, first, last)
        plan = merging.tally(conn)
        fitting = self.pace.fitting(_rows(plan), _cost(plan))
        if fitting < _rows(plan):
            merging.keep(conn, first + fitting - 1)
            plan = merging.tally(conn)
        self.left_out = merging.left_out(conn) if plan.left_out else []
        count(counts, plan, self.left_out)
        merging.apply(conn, job, self.shape, plan, to_micros(self.settings.clock.now()))
        if not imports.advance(
            conn, job.account_id, job.import_id, done_rows=self.done_rows + _rows(plan), counts=counts.as_json(),
            first_id=plan.first_id, last_id=plan.last_id,
        ):  # fmt: skip
            raise BadInput("the import was ended while it was at work", code="import_ended")
        return plan


def _rows(plan: Tally) -> int:
    return plan.new + plan.updated + plan.unchanged + plan.left_out


def _cost(plan: Tally) -> float:
    """In units: what a row takes that changes nothing."""
    return plan.unchanged + plan.left_out + 4.0 * plan.new + 6.0 * plan.updated + 30.0 * plan.more


def count(counts: Counts, plan: Tally, left_out: list[tuple[int, str]]) -> None:
    """Add a plan to what was counted so far."""
    counts.new += plan.new
    counts.updated += plan.updated
    counts.unchanged += plan.unchanged
    counts.mailable += plan.mailable
    counts.still_out += plan.still_out
    for row, why in left_out:
        if why == merging.NOT_A_CONTACT:
            counts.unknown += 1
        else:
            counts.keep_out(row, why)


def _copy(counts: Counts) -> Counts:
    return replace(counts, kept_out_rows=list(counts.kept_out_rows))


def note_refused(report: ImportReport, lines: list[tuple[Any, ...]]) -> None:
    """Count refused rows, and keep the first of them to show."""
    report.refused_count += len(lines)
    room = MAX_REFUSED_SHOWN - len(report.refused)
    report.refused.extend(Refused(*line) for line in lines[:room])


def reading_of(
    found: Understood,
    options: ImportOptions,
    account: Account | None,
    now: datetime,
    declared_at: datetime,
) -> Reading:
    """How the cells of a file are read: by what was found in it, what was answered, and the account."""
    locale = account.locale if account else _DEFAULT_LOCALE
    return Reading(
        columns=found.columns,
        orders=found.orders,
        consent=ConsentRules(
            now=now,
            zone=account.timezone if account else _DEFAULT_ZONE,
            declared_at=(options.consent_at or declared_at) if options.declares_consent else None,
        ),
        region=options.region or _REGIONS.get(locale.replace("-", "_").split("_")[0].lower()),
        numeric=found.table.numeric,
        types={n: kind for n in found.columns.custom if (kind := options.fields.get(found.columns.names[n]))},
        wins=options.wins,
    )


def job_of(
    account_id: AccountId, import_id: ImportId, group_id: GroupId | None, options: ImportOptions, now: datetime
) -> Job:
    """What all rows of an import have in common."""
    return Job(account_id, import_id, group_id, to_micros(now), options.basis.value, options.mode)
