"""An export beside the page: it is written in a thread of its own, tells how far it is, and can be taken back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import quote

import polars as pl
import streamlit as st
import structlog

from dashboards.shell import Desk, live, say
from sillage.errors import SillageError, TransientError
from sillage.export.cells import Column
from sillage.export.registered import Export, export
from sillage.export.write import CancelledError, FileKind

log = structlog.get_logger()
EVERY_S = 0.5
_HELD = "export_job"

Rows = Callable[[], tuple[int, Iterator[pl.DataFrame]]]


@dataclass
class Job:
    """One export: what it is, and how far it has come."""

    desk: Desk
    name: str
    kind: FileKind
    columns: Sequence[Column]
    rows: Rows
    total: int | None = None
    done: int = 0
    began: float = field(default_factory=time.monotonic)
    result: Export | None = None
    error: SillageError | None = None
    is_told: bool = False
    """Whether the page has shown its end."""
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        return self.result is not None or self.error is not None

    def run(self) -> None:
        """Write the file; what goes wrong is kept to be said."""
        try:
            self.total, rows = self.rows()
            self.result = export(
                self.desk.store, self.desk.settings, self.desk.account_id, self.name, self.kind, self.columns, rows,
                progress=self._note, is_cancelled=self.stop.is_set,
            )  # fmt: skip
        except SillageError as exc:
            self.error = exc
        except Exception:
            log.exception("export.failed", name=self.name)
            self.error = TransientError("the file could not be written; the log of the pages has the reason")
            raise

    def _note(self, done: int) -> None:
        self.done = done


def begin(desk: Desk, name: str, kind: FileKind, columns: Sequence[Column], rows: Rows) -> None:
    """Begin an export; one of this window that still runs is taken back first."""
    held = st.session_state.get(_HELD)
    if held is not None:
        held.stop.set()
    job = Job(desk, name, kind, columns, rows)
    st.session_state[_HELD] = job
    threading.Thread(target=job.run, name="export", daemon=True).start()


def draw(desk: Desk) -> None:
    """The export of this window: its bar and a way back while it runs, then the file."""
    job: Job | None = st.session_state.get(_HELD)
    if job is not None and job.desk.account_id == desk.account_id:
        job.is_told = job.is_over
        live(_draw, desk, every=None if job.is_over else EVERY_S)


def _draw(desk: Desk) -> None:
    job: Job | None = st.session_state.get(_HELD)
    if job is None or job.desk.account_id != desk.account_id:
        return
    if job.is_over and not job.is_told:
        # Drawn once more as a whole, so that nothing goes on asking how far it is.
        st.rerun()
    words = desk.words
    if isinstance(job.error, CancelledError):
        st.caption(words.t("The export was cancelled; nothing was kept."))
    elif job.error is not None:
        say(job.error, words)
    elif job.result is not None:
        href = f"/export/{job.result.id}?name={quote(job.name)}"
        label = words.n("Save the file: %(count)s row, %(kind)s", "Save the file: %(count)s rows, %(kind)s",
                        job.result.written.rows, kind=job.kind.upper())  # fmt: skip
        st.link_button(label, href, icon=":material/download:", type="primary")
        st.caption(words.t("It holds personal data, and is deleted after a day."))
    else:
        _progress(desk, job)


def _progress(desk: Desk, job: Job) -> None:
    words = desk.words
    total, took = job.total, time.monotonic() - job.began
    text, share = words.t("Looking them up"), 0.0
    if total and job.done:
        share = min(1.0, job.done / total)
        left = words.lasting(timedelta(seconds=max(1.0, took / share - took)))
        text = words.t("%(done)s of %(all)s rows written, %(left)s left", done=words.number(job.done),
                       all=words.number(total), left=left)  # fmt: skip
    st.progress(share, text=text)
    if st.button(words.t("Cancel the export"), icon=":material/cancel:", key="export_cancel"):
        job.stop.set()
