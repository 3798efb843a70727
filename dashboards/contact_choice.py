"""Choosing one contact by a part of their name or address."""

from __future__ import annotations

import streamlit as st

from dashboards.shell import Desk
from sillage.domain.ids import ContactId
from sillage.store import people

SHOWN = 20


def chosen(desk: Desk, label: str, *, key: str, told: str | None = None) -> ContactId | None:
    """Who was looked for under this label; None where nobody was, or nobody is called so."""
    words = desk.words
    asked = st.text_input(label, key=key, placeholder=words.t("name or address"), help=told).strip()
    if not asked:
        return None
    with desk.store.read() as conn:
        found = people.search(conn, desk.account_id, asked, limit=SHOWN)
    if not found:
        st.caption(words.t("Nobody is called so."))
        return None
    named = {contact.id: contact.email or contact.phone or str(contact.id) for contact in found}
    who = st.selectbox(words.t("Contact"), list(named), format_func=named.__getitem__, key=f"{key}_who")
    return ContactId(who or found[0].id)
