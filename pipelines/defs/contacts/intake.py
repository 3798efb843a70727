"""What becomes of one file of the inbox: imported, parked with its questions, or failed with its error."""

from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from pipelines.defs.contacts.inbox import FAILED, PARKED, Dropped
from pipelines.plots import bars
from sillage.domain.ids import AccountId
from sillage.errors import BadInput, TransientError
from sillage.ingest import ImportOptions, ImportReport, import_file, park
from sillage.ingest.originals import KEPT_WITHOUT_PROOF
from sillage.settings import Settings
from sillage.store import files
from sillage.store.database import Store

_NOT_THE_FILES_FAULT = {"file_changed", "import_ended"}


@dataclass(frozen=True, slots=True)
class Intake:
    """The report of an import, and where the file waits if it was parked."""

    report: ImportReport
    parked: Path | None = None


def take_in(store: Store, settings: Settings, account_id: AccountId, file: Dropped, options: ImportOptions) -> Intake:
    """Import a file. Its original is kept by the import, so what was imported leaves the inbox.

    Raises: BadInput where the file is broken: it lies in `failed` then; TransientError where it may help to try again.
    """
    try:
        report = import_file(store, settings, account_id, file.path, group=file.group, options=options)
    except BadInput as exc:
        if exc.code in _NOT_THE_FILES_FAULT:
            raise TransientError(str(exc)) from exc
        place = _put_aside(store, settings, account_id, file, options, FAILED)
        message = f"{exc}; the file lies in {place}: mend it and drop it again"
        raise BadInput(message, code=exc.code) from exc
    if report.questions:
        return Intake(report, _put_aside(store, settings, account_id, file, options, PARKED))
    file.remove()
    return Intake(report)


def _put_aside(
    store: Store, settings: Settings, account_id: AccountId, file: Dropped, options: ImportOptions, folder: str
) -> Path:
    """Move a file aside, and write it down: in the list of imports, and in the register of files with personal data."""
    place = file.move_to(folder)
    now = settings.clock.now()
    with store.write() as conn:
        files.register(conn, account_id, f"import_{folder}", place, now, now + KEPT_WITHOUT_PROOF)
    park(store, settings, account_id, place, group=file.group, options=options)
    return place


def described(file: Dropped, intake: Intake) -> dict[str, dg.MetadataValue]:
    """What a run shows of an import."""
    report = intake.report
    facts: dict[str, dg.MetadataValue] = {
        "account": dg.MetadataValue.text(file.account),
        "group": dg.MetadataValue.text(file.group),
        "file": dg.MetadataValue.text(file.path.name),
        "warnings": dg.MetadataValue.json(report.warnings),
    }
    if intake.parked is not None:
        return facts | {
            "parked": dg.MetadataValue.path(intake.parked),
            "questions": dg.MetadataValue.json(report.questions),
        }
    counts = {
        "new": report.counts.new,
        "updated": report.counts.updated,
        "unchanged": report.counts.unchanged,
        "kept_out": report.counts.kept_out,
        "refused": report.refused_count,
    }
    if report.refused_path is not None:
        facts["refused_rows"] = dg.MetadataValue.path(report.refused_path)
    return (
        facts
        | {name: dg.MetadataValue.int(count) for name, count in counts.items()}
        | {
            "accepted": dg.MetadataValue.int(report.accepted),
            "mailable": dg.MetadataValue.int(report.counts.mailable),
            "import_id": dg.MetadataValue.int(report.import_id or 0),
            "rows_by_outcome": bars("Rows by what became of them", counts),
        }
    )
