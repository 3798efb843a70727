"""One file on its way in, by the page: looked at, asked about, imported in a thread of its own with its progress.

The thread is not the page's: who leaves the page leaves the import running, and finds it in the list. An upload lies in
a private directory for as long as it is read; the importer keeps and registers what has to be kept.
"""

from __future__ import annotations

import tempfile
import threading
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import streamlit as st
import structlog

from dashboards.shell import Desk
from dashboards.words import Words
from sillage.errors import SillageError
from sillage.ingest import (
    Cancelled,
    ImportOptions,
    ImportReport,
    Inspection,
    dry_run,
    import_file,
    inspect_with_rows,
    park,
)

log = structlog.get_logger()

BAR_AFTER_S = 2.0
FIRST_ROWS = 5


@dataclass(slots=True)
class Job:
    """An import under way, as its thread tells of it."""

    file_name: str
    started: float
    done: int = 0
    total: int = 0
    report: ImportReport | None = None
    error: SillageError | None = None
    failed: bool = False
    wants_to_stop: bool = False
    """Somebody pressed Cancel: at its next step the import takes itself back."""
    was_cancelled: bool = False

    @property
    def is_over(self) -> bool:
        """Whether there is a result, good or bad."""
        return self.report is not None or self.error is not None or self.failed or self.was_cancelled

    def remaining(self) -> timedelta | None:
        """How long it still takes at the speed so far; None in the first moments."""
        took = time.monotonic() - self.started
        if not self.done or took < 1:
            return None
        return timedelta(seconds=took / self.done * max(self.total - self.done, 0))


@st.cache_data(ttl=600, max_entries=8, show_spinner=False)
def look(file_id: str, name: str, _raw: bytes, options: str) -> tuple[Inspection, list[list[str]]]:
    """What a file says of itself under these options (as JSON), and its first rows; asked once for each answer."""
    del file_id
    with _placed(name, _raw) as path:
        return inspect_with_rows(path, ImportOptions.model_validate_json(options), rows=FIRST_ROWS)


def try_out(desk: Desk, name: str, raw: bytes, options: ImportOptions, group: str | None) -> ImportReport:
    """What an import would do, in exact counts; nothing is stored."""
    with _placed(name, raw) as path:
        return dry_run(
            path, options, now=desk.now(), store=desk.store, secret=desk.settings.secret.get_secret_value(),
            account_id=desk.account_id, group=group,
        )  # fmt: skip


def start(desk: Desk, name: str, raw: bytes, options: ImportOptions, group: str | None) -> Job:
    """Import in the background; an open question parks the file instead."""
    job = Job(_base(name), time.monotonic())
    threading.Thread(target=_run, args=(desk, job, raw, options, group), name="import", daemon=False).start()
    return job


def _run(desk: Desk, job: Job, raw: bytes, options: ImportOptions, group: str | None) -> None:
    def tell(done: int, total: int) -> None:
        job.done, job.total = done, total
        if job.wants_to_stop:
            raise Cancelled

    try:
        with _placed(job.file_name, raw) as path:
            report = import_file(
                desk.store, desk.settings, desk.account_id, path, group=group, options=options, progress=tell
            )
            if report.questions:
                park(desk.store, desk.settings, desk.account_id, path, group=group, options=options)
            job.report = report
    except Cancelled:
        job.was_cancelled = True
    except SillageError as exc:
        job.error = exc
    except Exception:
        # The thread's last fence: the page says that it failed, the log says why.
        log.exception("import.failed")
        job.failed = True


def progress_text(words: Words, job: Job) -> str:
    """How many rows of how many, and how long it still takes."""
    if job.wants_to_stop:
        return words.t("Taking %(file)s back", file=job.file_name)
    if not job.total:
        return words.t("Reading %(file)s", file=job.file_name)
    text = words.t("%(done)s of %(all)s rows", done=words.number(job.done), all=words.number(job.total))
    left = job.remaining()
    if left is None or time.monotonic() - job.started < BAR_AFTER_S:
        return text
    return f"{text} · " + words.t("%(time)s left", time=words.lasting(left))


class _placed:  # noqa: N801  # used as a word: `with _placed(…) as path`
    """Bytes as a file of their own name, in a directory that only this process may enter."""

    def __init__(self, name: str, raw: bytes) -> None:
        self._name, self._raw = _base(name), raw
        self._folder = tempfile.TemporaryDirectory(prefix="sillage-upload-")

    def __enter__(self) -> Path:
        path = Path(self._folder.name) / self._name
        path.write_bytes(self._raw)
        return path

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()


def _base(name: str) -> str:
    """A browser's file name without any folder in it."""
    return Path(name.replace("\\", "/")).name.replace("\0", "") or "upload"
