"""Consent and suppression of an account: legal grounds, sign-up forms, and who gets nothing."""

from __future__ import annotations

import streamlit as st

from dashboards import signup_forms, suppression_list
from dashboards.consent_panel import BASES
from dashboards.shell import Desk, boundary, show
from sillage.domain.consent import Basis
from sillage.store import accounts


def consent_page(desk: Desk) -> None:
    """Grounds, forms, list."""
    words = desk.words
    st.title(words.t("Consent and suppression"))
    st.subheader(words.t("Legal grounds"))
    _grounds(desk)
    st.subheader(words.t("Sign-up forms"))
    signup_forms.draw(desk)
    st.subheader(words.t("Who gets nothing"))
    suppression_list.draw(desk)


def _grounds(desk: Desk) -> None:
    words = desk.words
    st.caption(words.t("Marketing needs consent. Turn another ground on only where the law gives it to you."))
    with st.form("grounds"), boundary(words):
        chosen = [
            basis
            for basis in (Basis.EXISTING_CUSTOMER, Basis.PROFESSIONAL)
            if st.checkbox(words.t(BASES[basis]), basis in desk.account.allowed_bases, key=f"basis-{basis}")
        ]
        if st.form_submit_button(words.t("Save the grounds")):
            with desk.store.write() as conn:
                accounts.allow_bases(conn, desk.account_id, chosen)
            st.cache_data.clear()
            st.rerun()


show(consent_page)
