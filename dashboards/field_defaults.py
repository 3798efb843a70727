"""Merge fields that a mail needs and gives no default for: what stands there for people of whom it is not known."""

from __future__ import annotations

import streamlit as st

from dashboards.shell import Desk
from dashboards.words import plain
from sillage.campaign.prepare import footer_of
from sillage.campaign.sentence import FIELDS
from sillage.content.message import Source
from sillage.content.preview import needs
from sillage.domain.campaign import MessageKind
from sillage.errors import BadInput

BLANK = " "
"""Left empty, nothing is shown: the mail goes out all the same."""


def defaults(desk: Desk, name: str, source: Source) -> dict[str, str]:
    """A box for each field that version `name` prints without a default; {} where it does not compile yet."""
    words = desk.words
    try:
        fields = needs(source, footer_of(desk.account, MessageKind.MARKETING))
    except BadInput:
        return {}
    if not fields:
        return {}
    st.caption(words.t("These fields have no default. Say what stands there for people of whom they are not known."))
    found = {}
    for field in fields:
        label = words.t(FIELDS[field]) if field in FIELDS else plain(field)
        found[field] = st.text_input(label, key=f"default_{name}_{field}") or BLANK
    return found
