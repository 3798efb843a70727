"""Contact files on their way into ops: read, understood, validated, merged. CLI, Dagster and pages all call this."""

from sillage.ingest.importer import dry_run, import_file, park, resume_open_imports
from sillage.ingest.inspection import Inspection, inspect_file
from sillage.ingest.options import ImportOptions
from sillage.ingest.report import ImportReport
from sillage.ingest.undo import UndoReport, undo_import

__all__ = [
    "ImportOptions",
    "ImportReport",
    "Inspection",
    "UndoReport",
    "dry_run",
    "import_file",
    "inspect_file",
    "park",
    "resume_open_imports",
    "undo_import",
]
