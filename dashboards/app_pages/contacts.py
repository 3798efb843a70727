"""Contacts: how many there are, whom marketing may reach, groups, imports, and a file to import."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboards import contact_queries, figures, import_form, import_undo, terms
from dashboards.shell import Desk, as_of, show, slot
from dashboards.words import NOTHING, plain
from sillage.store.imports import Import, ImportState

STATES = {
    "running": "running",
    "sealed": "done",
    "parked": "waits for an answer",
    "failed": "failed",
    "undoing": "running",
    "taken_back": "taken back",
}
SHOWN = 20


def contacts_page(desk: Desk) -> None:
    """The stock, the import, the groups, the history."""
    words = desk.words
    st.title(words.t("Contacts"))
    left, right = st.columns(2)
    with left:
        total = contact_queries.count(desk)
        figures.count_tile(words, words.t("Contacts"), total, caption=words.t("of this account"))
    with right:
        reached = slot(120)
    why = st.empty()
    st.subheader(words.t("Import a file"))
    import_form.draw(desk)
    left, right = st.columns([2, 3], gap="large")
    with left:
        _groups(desk)
    with right:
        _history(desk)
    _reach(desk, reached, why)


def _reach(desk: Desk, tile: DeltaGenerator, why: DeltaGenerator) -> None:
    """Last, for it takes longest: into the places that were kept for it."""
    words, found = desk.words, contact_queries.reach(desk)
    out = sum(found.left_out.values())
    with tile.container():
        figures.count_tile(
            words,
            words.t("Marketing may reach"),
            found.mailable,
            caption=words.t("%(n)s may not be mailed", n=words.number(out)),
            help_text=words.t("With an address, a consent to marketing that still holds, and not suppressed."),
        )
    with why.container():
        if out:
            reasons = sorted(found.left_out.items(), key=lambda item: -item[1])
            st.caption(
                words.t("Why not:") + " "
                + " · ".join(f"{terms.term(words, terms.REASONS, reason)}: {words.number(n)}" for reason, n in reasons)
            )  # fmt: skip
        as_of(desk, found.as_of)


def _groups(desk: Desk) -> None:
    words, found = desk.words, contact_queries.group_sizes(desk)
    st.subheader(words.t("Groups"))
    if not found:
        st.caption(words.t("No group yet: a file can be imported into one."))
        return
    figures.table(
        [words.t("Group"), words.t("Contacts")], [[plain(group.name), words.number(group.size)] for group in found]
    )


def _history(desk: Desk) -> None:
    words, found = desk.words, contact_queries.recent_imports(desk)
    st.subheader(words.t("Imports"))
    if not found:
        st.caption(words.t("Nothing has been imported yet."))
    for one in found[:SHOWN]:
        with st.container(border=True):
            _import(desk, one)


def _import(desk: Desk, one: Import) -> None:
    words = desk.words
    color = {"sealed": "green", "running": "blue", "parked": "orange", "failed": "red"}.get(one.state, "gray")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{plain(one.file_name)}**", width="content")
        st.badge(words.t(STATES[one.state]), color=color)  # type: ignore[arg-type]  # names of the palette
    counts = one.counts
    parts = [words.minute(one.created_at)]
    for label, key in (("new", "new"), ("updated", "updated"), ("unchanged", "unchanged"), ("kept out", "kept_out")):
        if counts.get(key):
            parts.append(f"{words.number(counts[key])} {words.t(label)}")
    st.caption(" · ".join(parts))
    if one.state is ImportState.PARKED:
        asked = ", ".join(import_form.question(words, code) for code in one.questions) or NOTHING
        st.caption(words.t("Asks: %(questions)s Upload the file again and answer.", questions=asked))
    if one.state is ImportState.FAILED and counts.get("message"):
        st.caption(plain(str(counts["message"])))
    if one.refused_path is not None and one.refused_path.is_file():
        st.download_button(
            words.t("Refused rows (CSV)"), one.refused_path.read_bytes(), file_name=f"refused-{one.id}.csv",
            mime="text/csv", key=f"refused-{one.id}", icon=":material/download:", on_click="ignore",
        )  # fmt: skip
    if one.state is ImportState.SEALED:
        import_undo.offer(desk, one)
    import_undo.what_stayed(words, one)


show(contacts_page)
