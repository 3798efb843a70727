"""Bounces and complaints: what follows from them, who should go, which feedback loops there are."""

from __future__ import annotations

import streamlit as st

from dashboards import bounce_parts
from dashboards.shell import Desk, show


def bounces_page(desk: Desk) -> None:
    """Policy, removals, loops, mail to look at."""
    words = desk.words
    st.title(words.t("Bounces and complaints"))
    st.subheader(words.t("What follows from a bounce"))
    bounce_parts.policy(desk)
    st.subheader(words.t("Removal recommended"))
    bounce_parts.removals(desk)
    st.subheader(words.t("Feedback loops"))
    bounce_parts.feedback(desk)
    st.subheader(words.t("Returned mail to look at"))
    bounce_parts.to_look_at(desk)


show(bounces_page)
