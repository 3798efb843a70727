"""An import undone from the page: asked with its numbers, done in the background, told with who stays and why."""

from __future__ import annotations

import threading
from pathlib import Path

import streamlit as st
import structlog

from dashboards import figures
from dashboards.shell import Desk
from dashboards.words import Words
from sillage.errors import SillageError
from sillage.ingest import undo_import
from sillage.store.imports import Import, ImportState

STAYED = {
    "edited": "was changed since",
    "consent": "consent came or went since",
    "mailed": "was mailed since",
    "in_a_group": "is in another group since",
}
SHOWN = 20
SOON_S = 3.0

log = structlog.get_logger()


def offer(desk: Desk, one: Import) -> None:
    """The button, and the question that it asks first."""
    words = desk.words
    with st.popover(words.t("Undo"), icon=":material/undo:", key=f"ask-undo-{one.id}"):
        st.write(
            words.t(
                "%(new)s contacts that it made go, %(updated)s that it changed are as before. Whom somebody touched"
                " since stays, and is listed.",
                new=words.number(int(one.counts.get("new", 0))),
                updated=words.number(int(one.counts.get("updated", 0))),
            )
        )  # fmt: skip
        if st.button(words.t("Undo this import"), type="primary", key=f"undo-{one.id}"):
            thread = threading.Thread(target=_undo, args=(desk, one), name="undo", daemon=False)
            thread.start()
            # A small one is over at once; a large one goes on, and the list shows it at work.
            thread.join(SOON_S)
            st.cache_data.clear()
            st.rerun()


def _undo(desk: Desk, one: Import) -> None:
    try:
        undo_import(desk.store, desk.settings, desk.account_id, one.id)
    except SillageError as exc:
        log.warning("import.not_undone", import_id=one.id, error=str(exc))


def what_stayed(words: Words, one: Import) -> None:
    """Of an import that was undone: what went, and who stays because somebody touched them since."""
    if one.state is not ImportState.TAKEN_BACK or "undo" not in one.counts:
        return
    undone = one.counts["undo"]
    st.caption(
        words.t("Undone: %(dropped)s gone, %(restored)s as before, %(stayed)s stay",
                dropped=words.number(undone["dropped"]), restored=words.number(undone["restored"]),
                stayed=words.number(undone["stayed_count"]))
    )  # fmt: skip
    if not undone["stayed"]:
        return
    with st.expander(words.t("Who stays, and why")):
        figures.table(
            [words.t("Contact number"), words.t("Why")],
            [[f"[{s['contact_id']}](contact?contact={s['contact_id']})", words.t(STAYED.get(s["reason"], s["reason"]))]
             for s in undone["stayed"][:SHOWN]], left=2,
        )  # fmt: skip
        path = Path(undone["stayed_file"]) if undone["stayed_file"] else None
        if path is not None and path.is_file():
            st.download_button(
                words.t("All of them (CSV)"), path.read_bytes(), file_name=f"stayed-{one.id}.csv", mime="text/csv",
                key=f"stayed-{one.id}", icon=":material/download:", on_click="ignore",
            )  # fmt: skip
