"""The editor: the drafts that there are, or one of them to write in: `?draft=ID`. Everything is saved by itself."""

from __future__ import annotations

import streamlit as st

from dashboards import draft_checks, draft_list, draft_parts, draft_preview
from dashboards.shell import Desk, link, show
from sillage.errors import NotFound
from sillage.store import drafts

DESIGN, SOURCE, PREVIEW, CHECKS, HISTORY = "design", "source", "preview", "checks", "history"


def editor(desk: Desk) -> None:
    """One draft, or all of them."""
    words = desk.words
    asked = st.query_params.get("draft")
    if not asked:
        st.title(words.t("Editor"))
        draft_list.chooser(desk)
        return
    if not asked.isdecimal():
        raise NotFound(f"no draft {asked!r}")
    room = draft_parts.held(desk, int(asked))
    with desk.store.read() as conn:
        draft = drafts.get(conn, desk.account_id, room.id)
    link(words.t("All drafts"), "editor", icon=":material/arrow_back:")
    draft_parts.head(desk, room, draft)
    draft_parts.watch(desk, room)
    named = {
        DESIGN: words.t("Design"), SOURCE: words.t("Source"), PREVIEW: words.t("Preview"),
        CHECKS: words.t("Checks"), HISTORY: words.t("History"),
    }  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        way = st.segmented_control(
            words.t("View"), list(named), default=DESIGN, required=True, key=f"view_{room.id}",
            format_func=named.__getitem__, label_visibility="collapsed",
        )  # fmt: skip
        shows_outside = st.toggle(
            words.t("Load pictures from the web"), key="shows_outside",
            help=words.t("Off, nobody learns that you look at this mail. Pictures of your library are always shown."),
        )  # fmt: skip
        draft_parts.ways_on(desk, room)
    match way:
        case "source":
            draft_parts.source(desk, room)
        case "preview":
            draft_preview.preview(desk, room.written, shows_outside=shows_outside)
        case "checks":
            draft_checks.checks(desk, room.written)
        case "history":
            draft_parts.history(desk, room)
        case _:
            draft_parts.design(desk, room, shows_outside=shows_outside)


show(editor)
