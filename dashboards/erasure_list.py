"""How far the erasures of an account have come: from ops a person goes at once, from everywhere else step by step."""

from __future__ import annotations

import streamlit as st

from dashboards import contact_queries, figures
from dashboards.shell import Desk


@st.fragment(run_every=5.0)
def erasure_list(desk: Desk) -> None:
    """The last erasures, each with what is left to do; nothing where there is none."""
    words = desk.words
    found = contact_queries.recent_erasures(desk)
    if not found:
        return
    st.markdown(f"**{words.t('Erasures')}**")
    rows = []
    for one in found:
        steps = (
            (one.files_at, words.t("files to look through")),
            (one.rewritten_at, words.t("events and figures to rewrite")),
            (one.done_at, words.t("former files to delete")),
        )
        left = [name for done_at, name in steps if done_at is None]
        rows.append([words.second(one.requested_at), str(one.contact_id), words.t("gone everywhere") if not left else
                     words.t("gone from the contacts; left: %(steps)s", steps=", ".join(left))])  # fmt: skip
    figures.table([words.t(h) for h in ("Asked for", "Contact number", "How far")], rows, left=3)
