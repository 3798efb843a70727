"""The fields of one person, to be changed by hand."""

from __future__ import annotations

import streamlit as st

from dashboards.shell import Desk
from dashboards.words import plain
from sillage.campaign.sentence import FIELDS
from sillage.domain.contact import TEXT_FIELDS
from sillage.store import people
from sillage.store.contacts import Contact


def contact_fields(desk: Desk, contact: Contact) -> None:
    """Every field with what it holds; all changes are saved together."""
    words = desk.words
    with st.form("contact_fields"):
        said = {
            name: st.text_input(words.t(FIELDS[name]), contact.fields[name] or "", key=f"contact_{contact.id}_{name}")
            for name in TEXT_FIELDS
        }
        said |= {
            name: st.text_input(plain(name), str(value), key=f"contact_{contact.id}_own_{name}")
            for name, value in contact.custom.items()
        }
        if st.form_submit_button(words.t("Save the changes"), type="primary"):
            with desk.store.write() as conn:
                people.change(conn, desk.account_id, contact.id, said, now=desk.now())
            st.cache_data.clear()
            st.rerun()
