"""One import at work: frames judged, chunks written, and the seal.

Chunks are cut by time, so that nobody waits long for the write lock, and each says in its own transaction how far the
import is: one that was killed goes on from there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import psycopg
import sqlalchemy as sa
import structlog

from sillage.domain.ids import AccountId, ImportId
from sillage.errors import BadInput, TransientError
from sillage.ingest import originals
from sillage.ingest.inspection import Understood, look
from sillage.ingest.merge import Job, Plan, Row, Writer, plan_chunk, rows_of
from sillage.ingest.options import ImportOptions
from sillage.ingest.permission import ConsentRules
from sillage.ingest.report import Counts, ImportReport, Refused, RefusedFile
from sillage.ingest.rows import Checked, Judge, Reading
from sillage.lake.event import Event, EventType, event_id
from sillage.settings import Settings
from sillage.store import files, imports, outbox
from sillage.store.accounts import Account
from sillage.store.bulk import is_sqlite
from sillage.store.columns import to_micros
from sillage.store.database import Store
from sillage.store.imports import Import

Progress = Callable[[int, int], None]
"""Told now and then: rows done, rows in the file."""

MAX_LOCK_S = 0.035
"""How long a chunk aims to hold the write lock: others see 50 ms at most now and then."""
FIRST_CHUNK, SMALLEST_CHUNK, LARGEST_CHUNK = 300, 50, 20_000
TRIES = 5
MAX_REFUSED_SHOWN = 10_000
PG_LOCK = 0x5111
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
        job = job_of(one.account_id, one.id, one.group_id, one.file_name, options, one.created_at)
        place = originals.place_of_refused(self.settings, one.account_id, one.id)
        now = self.settings.clock.now()
        with self.store.write() as conn:
            file_id = files.register(
                conn, one.account_id, originals.REFUSED, place, now, now + originals.KEPT_WITHOUT_PROOF
            )
        with originals.full_disk_told(place):
            refused = RefusedFile(place)
            try:
                self._go_through(found, judge, job, report, refused, progress)
                refused.add((kept.row, f"kept_out: {kept.reason}", "") for kept in report.counts.kept_out_rows)
            except BaseException:
                refused.drop()
                raise
            if report.refused_count or report.counts.kept_out:
                report.refused_path = refused.close()
            else:
                refused.drop()
        report.warnings = sorted({*report.warnings, *judge.warnings})
        self._seal(report, file_id)
        return report

    def _go_through(
        self,
        found: Understood,
        judge: Judge,
        job: Job,
        report: ImportReport,
        refused: RefusedFile,
        progress: Progress | None,
    ) -> None:
        chunks = Chunks(self.store, self.settings, job, report)
        secret = self.settings.secret.get_secret_value()
        read = 0
        frames = found.table.frames(found.columns.column("email"))
        for checked in _one_ahead(judge.check(frame) for frame in frames):
            lines = checked.refused.rows()
            refused.add(lines)
            note_refused(report, lines)
            accepted = checked.accepted.filter(checked.accepted["row"] > self.one.done_rows)
            for done in chunks.write(rows_of(accepted.rows(), secret)):
                if progress is not None:
                    progress(read + done, found.inspection.rows)
            read += checked.accepted.height + checked.refused.height
            if progress is not None:
                progress(read, found.inspection.rows)

    def _seal(self, report: ImportReport, refused_file_id: int) -> None:
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
            if imports.seal(conn, one.account_id, one.id, counts=counts, refused_path=report.refused_path, now=now):
                outbox.record(conn, [event])
        log.info(
            "import.sealed", import_id=one.id, account_id=one.account_id, accepted=report.accepted,
            refused=report.refused_count, new=report.counts.new, kept_out=report.counts.kept_out,
        )  # fmt: skip


def _one_ahead(source: Iterator[Checked]) -> Iterator[Checked]:
    """The same, with the next one made while this one is written: polars works outside of Python's lock."""
    with ThreadPoolExecutor(1, thread_name_prefix="judge") as pool:
        coming = pool.submit(next, source, None)
        while (checked := coming.result()) is not None:
            coming = pool.submit(next, source, None)
            yield checked


class Chunks:
    """Writes rows in transactions of some 35 ms each."""

    def __init__(self, store: Store, settings: Settings, job: Job, report: ImportReport) -> None:
        self._store = store
        self._clock = settings.clock
        self._job = job
        self._report = report
        self._writer = Writer(job)
        self._size = FIRST_CHUNK

    def write(self, rows: list[Row]) -> Iterator[int]:
        """Write all rows; yields how many are done after each chunk."""
        start = 0
        while start < len(rows):
            chunk = rows[start : start + self._size]
            held = self._write_one(chunk)
            start += len(chunk)
            # Twice as many at most, so that one lucky chunk does not make the next one long.
            fitting = int(len(chunk) * min(MAX_LOCK_S / max(held, 1e-6), 2.0))
            if len(chunk) == self._size or fitting < self._size:
                self._size = min(max(fitting, SMALLEST_CHUNK), LARGEST_CHUNK)
            yield start

    def _write_one(self, chunk: list[Row]) -> float:
        """Write one chunk; returns how long the lock was held, in seconds."""
        for left in range(TRIES - 1, -1, -1):
            counts = _copy(self._report.counts)
            try:
                with self._store.write() as conn:
                    begun = time.monotonic()
                    plan = self._plan_and_write(conn, chunk, counts)
            except (sa.exc.IntegrityError, psycopg.errors.IntegrityError) as exc:
                # A form or another import was faster with an address: look again, and find it there.
                self._writer.forget()
                if not left:
                    raise TransientError("contacts change faster than they can be imported; try again") from exc
                continue
            except BaseException:
                self._writer.forget()
                raise
            self._report.counts = counts
            if plan.phone_was_taken and "shared_phone" not in self._report.warnings:
                self._report.warnings.append("shared_phone")
            return time.monotonic() - begun
        raise AssertionError

    def _plan_and_write(self, conn: sa.Connection, chunk: list[Row], counts: Counts) -> Plan:
        job = self._job
        if not is_sqlite(conn):
            # Imports of one account take turns, so that two files with one person don't collide.
            conn.execute(sa.select(sa.func.pg_advisory_xact_lock(PG_LOCK, job.account_id)))
        plan = plan_chunk(conn, job, chunk, counts)
        self._writer.write(conn, plan, self._clock.now())
        if not imports.advance(conn, job.account_id, job.import_id, done_rows=chunk[-1].row, counts=counts.as_json()):
            raise BadInput("the import was ended while it was at work", code="import_ended")
        return plan


def _copy(counts: Counts) -> Counts:
    return replace(counts, kept_out_rows=list(counts.kept_out_rows))


def note_refused(report: ImportReport, lines: list[tuple[Any, ...]]) -> None:
    """Count refused rows, and keep the first of them to show."""
    report.refused_count += len(lines)
    room = MAX_REFUSED_SHOWN - len(report.refused)
    report.refused.extend(Refused(*line) for line in lines[:room])


def reading_of(
    found: Understood, options: ImportOptions, account: Account | None, now: datetime, declared_at: datetime
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
    )


def job_of(
    account_id: AccountId, import_id: ImportId, group_id: Any, file_name: str, options: ImportOptions, now: datetime
) -> Job:
    """What all rows of an import have in common."""
    return Job(
        account_id=account_id,
        import_id=import_id,
        group_id=group_id,
        file_name=file_name,
        started_at=now,
        started_us=to_micros(now),
        basis=options.basis.value,
        declared_by=options.consent_declared_by,
        wording=options.consent_wording,
        wording_version=options.consent_version,
    )
