"""Another time for a campaign that is scheduled: by a form, as everybody can use it, on a phone too."""

from __future__ import annotations

from datetime import date

import streamlit as st
from babel.dates import format_date

from dashboards.calendar_entries import movable
from dashboards.draft_parts import author
from dashboards.shell import Desk, boundary
from dashboards.words import Words
from sillage.campaign import schedule as moves


def named(words: Words, month: date) -> str:
    """A month: November 2026."""
    said = str(format_date(month, "LLLL y", locale="fr_FR" if words.language == "fr" else "en_GB"))
    return said[:1].upper() + said[1:]


def form(desk: Desk) -> None:
    """Which one, and when instead."""
    words, found = desk.words, movable(desk)
    st.subheader(words.t("Move a campaign"))
    if not found:
        st.caption(words.t("No campaign is scheduled: there is nothing to move."))
        return
    by_id = {campaign.id: campaign for campaign in found}
    with st.container(border=True), boundary(words):
        left, right = st.columns(2)
        chosen = left.selectbox(
            words.t("Campaign"), list(by_id), key="calendar_campaign",
            format_func=lambda i: f"{by_id[i].name} · {words.weekday(by_id[i].send_at or desk.now())}",
        )  # fmt: skip
        held = words.here(by_id[chosen].send_at or desk.now())
        when = right.datetime_input(
            words.t("Leaves at (%(zone)s)", zone=desk.account.timezone), held.replace(tzinfo=None),
            key=f"calendar_at_{chosen}", format="DD/MM/YYYY",
        )  # fmt: skip
        if desk.account.needs_approval:
            st.caption(words.t("Another time takes its approval back: it is asked for again."))
        if st.button(words.t("Move it"), type="primary", icon=":material/event:", key="calendar_move"):
            at = (when or held).replace(tzinfo=held.tzinfo)
            with desk.store.write() as conn:
                moves.move_to(conn, desk.account_id, chosen, send_at=at, by=author(desk), now=desk.now())
            st.cache_data.clear()
            st.rerun()
