"""From a file to contacts in ops: the one function that the command line, Dagster and the pages call.

Chunks are cut by time, so that nobody waits long for the write lock, and each says in its own transaction how far the
import is. What it makes is seen only once it is sealed; one that was killed is taken up at the next start.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import polars as pl
import structlog

from sillage.domain.ids import AccountId, ImportId
from sillage.errors import BadInput
from sillage.ingest import originals
from sillage.ingest.batches import Stager, batches, shape_of
from sillage.ingest.inspection import Understood, look
from sillage.ingest.mapping import key_of
from sillage.ingest.options import ImportOptions
from sillage.ingest.pace import LARGEST
from sillage.ingest.report import ImportReport, shown
from sillage.ingest.rows import Judge
from sillage.ingest.run import Cancelled, Progress, Run, count, job_of, note_refused, reading_of
from sillage.ingest.undo import undo_left
from sillage.settings import Settings
from sillage.store import accounts, fields, groups, imports, merging
from sillage.store.accounts import Account
from sillage.store.database import Session, Store
from sillage.store.imports import Import, ImportState
from sillage.store.merging import Mode
from sillage.store.staging import Shape

log = structlog.get_logger()


def with_memory(store: Store, account_id: AccountId, options: ImportOptions) -> ImportOptions:
    """Options with what the account's people said before of headers, and the types of its custom fields."""
    with store.read() as conn:
        return options.model_copy(update={
            "remembered": {**fields.meanings(conn, account_id), **options.remembered},
            "fields": {**fields.types(conn, account_id), **options.fields},
        })  # fmt: skip


def import_file(
    store: Store,
    settings: Settings,
    account_id: AccountId,
    path: Path,
    *,
    group: str | None = None,
    options: ImportOptions | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Import a file of contacts. A report with questions means that nothing was imported: answer them by options.

    The same file again changes nothing; one whose import was killed is finished by importing it again.
    Raises: BadInput with the code of what is wrong with the file; TransientError on a full disk; Cancelled, once
    everything is as it was before, where `progress` raises it.
    """
    said = options or ImportOptions()
    options = with_memory(store, account_id, said)
    if options.mode is Mode.TAKE_OUT and not group:
        raise BadInput("name the group that these people leave", code="bad_options", field="group")
    found = look(path, options)
    if not isinstance(found, Understood):
        raise BadInput(found.message, code=found.error or "unreadable")
    if strange := set(said.fields) - set(found.columns.names):
        raise BadInput(f"there is no column {min(strange)!r} in {path.name}", code="unknown_column")
    if found.inspection.questions:
        return ImportReport(questions=found.inspection.questions, warnings=found.inspection.warnings)
    sha256 = originals.sha256_of(path)
    place = originals.place_of(settings, account_id, sha256)
    with originals.turn(place, waits=True):
        now = settings.clock.now()
        proves = options.declares_consent or found.columns.says_consent
        originals.keep(store, account_id, path, place, sha256, proves_consent=proves, now=now)
        with store.write() as conn:
            group_id = groups.get_or_create(conn, account_id, group, now=now) if group else None
            # With the turn in our hand nobody works on this file: a running import of it was killed.
            left = [i for i in imports.running(conn) if (i.account_id, i.file_path) == (account_id, place)]
            same = [
                i for i in left
                if (i.group_id, i.state, i.options) == (group_id, ImportState.RUNNING, options.as_json())
            ]  # fmt: skip
            import_id = same[0].id if same else imports.start(
                conn, account_id, state=ImportState.RUNNING, file_name=path.name, file_path=place, sha256=sha256,
                options=options.as_json(), now=now, group_id=group_id,
            )  # fmt: skip
            imports.unpark(conn, account_id, sha256)
            fields.create(conn, account_id, said.fields, now=now)
            fields.remember(conn, account_id, {key_of(header): field for header, field in said.mapping.items()})
            account = accounts.by_id(conn, account_id)
            started = imports.get(conn, account_id, import_id)
        found.table.path = place
        try:
            return Run(store, settings, account, started).run(progress, found)
        except Cancelled:
            with store.read() as conn:
                started = imports.get(conn, account_id, import_id)
            undo_left(store, settings, started)
            raise


def resume_open_imports(store: Store, settings: Settings) -> list[ImportReport]:
    """Finish the imports that a kill left open; one whose original is gone or broken is taken back.

    Imports that another process of this machine is at work on, or whose original lies on another machine, are left.
    """
    with store.read() as conn:
        left = imports.running(conn)
    reports: list[ImportReport] = []
    for one in left:
        with originals.turn(one.file_path, waits=False) as is_ours:
            if not is_ours:
                continue
            with store.read() as conn:
                one_now = imports.get(conn, one.account_id, one.id)
                account = accounts.by_id(conn, one.account_id)
            if one_now.state is ImportState.UNDOING:
                undo_left(store, settings, one_now)
                continue
            if one_now.state is not ImportState.RUNNING:
                continue
            if not one.file_path.is_file() and not store.is_sqlite:
                log.warning("import.original_elsewhere", import_id=one.id)
                continue
            try:
                reports.append(Run(store, settings, account, one_now).run(None))
                log.info("import.resumed", import_id=one.id, from_row=one.done_rows)
            except BadInput as exc:
                undo_left(store, settings, one_now)
                log.warning("import.taken_back", import_id=one.id, reason=exc.code)
    return reports


def park(
    store: Store,
    settings: Settings,
    account_id: AccountId,
    path: Path,
    *,
    group: str | None = None,
    options: ImportOptions | None = None,
) -> Import | None:
    """Look at a file that nobody watches over: one with a question is parked, a broken one is written down as failed.

    None where it can be imported. The same file is written down once.
    """
    options = with_memory(store, account_id, options or ImportOptions())
    found = look(path, options)
    inspection = found.inspection if isinstance(found, Understood) else found
    if inspection.error is None and not inspection.questions:
        return None
    state = ImportState.PARKED if inspection.error is None else ImportState.FAILED
    sha256 = originals.sha256_of(path)
    now = settings.clock.now()
    with store.write() as conn:
        held = next((i for i in imports.listed(conn, account_id) if i.sha256 == sha256 and i.state is state), None)
        if held is not None:
            return held
        import_id = imports.start(
            conn, account_id, state=state, file_name=path.name, file_path=path, sha256=sha256,
            options=options.as_json(), now=now, questions=inspection.questions,
            group_id=groups.get_or_create(conn, account_id, group, now=now) if group else None,
            counts={"error": inspection.error, "message": inspection.message} if inspection.error else
            {"columns": inspection.open_columns},
        )  # fmt: skip
        return imports.get(conn, account_id, import_id)


def dry_run(
    path: Path,
    options: ImportOptions | None = None,
    *,
    now: datetime,
    store: Store | None = None,
    secret: str = "",
    account_id: AccountId | None = None,
    group: str | None = None,
    rows: int | None = None,
) -> ImportReport:
    """What an import would do; nothing is written. Without a store everybody is new. `rows`: contacts to show."""
    options = options or ImportOptions()
    if store is not None and account_id is not None:
        options = with_memory(store, account_id, options)
    found = look(path, options)
    if not isinstance(found, Understood):
        return ImportReport(warnings=found.warnings, error=found.error, message=found.message)
    if found.inspection.questions:
        return ImportReport(questions=found.inspection.questions, warnings=found.inspection.warnings)
    account: Account | None = None
    known_group = None
    declared_at = now
    if store is not None and account_id is not None:
        with store.read() as conn:
            account = accounts.by_id(conn, account_id)
            declared_at = imports.first_time(conn, account_id, originals.sha256_of(path)) or now
            known_group = next((g.id for g in groups.listed(conn, account_id) if g.name == group), None)
    judge = Judge(reading_of(found, options, account, now, declared_at))
    report = ImportReport(warnings=list(found.inspection.warnings), contacts=None if rows is None else [])
    addresses = found.columns.column("email")
    judge.look_ahead(found.table.frames(addresses))
    checked = (judge.check(frame) for frame in found.table.frames(addresses))
    if store is None or account_id is None:
        for one in checked:
            note_refused(report, one.refused.rows())
            _show(report, one.accepted, rows)
            people = one.accepted.height if options.mode in {Mode.ADD, Mode.ADD_AND_UPDATE} else 0
            report.counts.new += people
            report.counts.unknown += one.accepted.height - people
            report.counts.mailable += one.accepted["reason"].null_count() if people else 0
    else:
        job = job_of(AccountId(account_id), ImportId(0), known_group, options, now)
        shape = shape_of(found.columns.fields.values())
        stager = Stager(secret, shape, None)
        with store.session() as session:
            for batch in batches(checked):
                note_refused(report, batch.refused)
                _show(report, batch.accepted, rows)
                stager.stage(session, batch)
                _plan(session, job, shape, batch.accepted.height, report)
    report.warnings = sorted({*report.warnings, *judge.warnings})
    return report


def _show(report: ImportReport, accepted: pl.DataFrame, rows: int | None) -> None:
    if report.contacts is not None and rows is not None and len(report.contacts) < rows:
        first = accepted.sort("row").head(rows - len(report.contacts))
        report.contacts.extend(map(shown, first.rows(named=True)))


def _plan(session: Session, job: merging.Job, shape: Shape, height: int, report: ImportReport) -> None:
    for first in range(1, height + 1, LARGEST):
        with session.aside() as conn:
            merging.decide(conn, job, shape, first, min(first + LARGEST - 1, height))
            plan = merging.tally(conn)
            count(report.counts, plan, merging.left_out(conn))
