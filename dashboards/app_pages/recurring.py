"""Recurring campaigns: what goes on, what became of it, and the form that begins one."""

from __future__ import annotations

import streamlit as st

from dashboards import recurring_parts
from dashboards.shell import Desk, show


def recurring_page(desk: Desk) -> None:
    """The list, then the form."""
    words = desk.words
    st.title(words.t("Recurring campaigns"))
    st.caption(
        words.t(
            "Each time is a campaign of its own, made twenty minutes ahead of the draft as it is then. Times are those"
            " of the account, %(zone)s.",
            zone=desk.account.timezone,
        )
    )
    recurring_parts.listed(desk)
    recurring_parts.form(desk)


show(recurring_page)
