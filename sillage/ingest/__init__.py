"""Contact files on their way into ops: read, understood, validated, merged. CLI, Dagster and pages all call this."""

from sillage.ingest.importer import dry_run, import_file, park, resume_open_imports, with_memory
from sillage.ingest.inspection import Inspection, inspect_file, inspect_with_rows
from sillage.ingest.options import ImportOptions
from sillage.ingest.report import ImportReport
from sillage.ingest.run import Cancelled
from sillage.ingest.undo import UndoReport, undo_import

__all__ = [
    "Cancelled",
    "ImportOptions",
    "ImportReport",
    "Inspection",
    "UndoReport",
    "dry_run",
    "import_file",
    "inspect_file",
    "inspect_with_rows",
    "park",
    "resume_open_imports",
    "undo_import",
    "with_memory",
]
