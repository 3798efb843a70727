"""Take in a mail that was made elsewhere: look at it, decide on its fields, and go on in the editor."""

from __future__ import annotations

import streamlit as st

from dashboards import take_in_parts
from dashboards.shell import Desk, show
from sillage.content.intake import TakenIn


def take_in(desk: Desk) -> None:
    """Where it comes from, then what is to be decided."""
    words = desk.words
    st.title(words.t("Take in a mail"))
    st.caption(words.t("It stays as its author wrote it. Nothing of it runs in these pages, whatever it holds."))
    take_in_parts.sources(desk)
    found = st.session_state.get(take_in_parts.HELD)
    if isinstance(found, TakenIn):
        take_in_parts.review(desk, found)


show(take_in)
