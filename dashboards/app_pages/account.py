"""The account: its legal identity and its senders, without which nothing can be scheduled."""

from __future__ import annotations

import streamlit as st

from dashboards import alert_targets, approval_parts, figures, queries
from dashboards.shell import Desk, boundary, show
from dashboards.words import NOTHING, plain
from sillage.domain.contact import EmailAddress
from sillage.errors import BadInput
from sillage.store import accounts, campaigns


def account_page(desk: Desk) -> None:
    """Identity, then senders."""
    words, account = desk.words, desk.account
    st.title(words.t("Account and senders"))
    st.subheader(words.t("Legal identity"))
    st.caption(words.t("Shown at the end of each commercial mail. Without it nothing can be scheduled."))
    if not account.may_send:
        st.warning(words.t("Legal name or postal address is missing."), icon=":material/warning:")
    _identity(desk)
    st.subheader(words.t("Senders"))
    found = queries.senders(desk)
    if found:
        figures.table(
            [words.t(h) for h in ("Name", "Address", "Replies to", "Verified")],
            [[plain(s.name), plain(s.email), plain(s.reply_to or NOTHING), words.minute(s.verified_at)] for s in found],
            left=4,
        )
    _add_sender(desk)
    st.subheader(words.t("Approval"))
    approval_parts.setting(desk)
    st.subheader(words.t("Who is told of alerts"))
    alert_targets.form(desk)


def _identity(desk: Desk) -> None:
    words, account = desk.words, desk.account
    with st.form("identity"), boundary(words):
        legal_name = st.text_input(words.t("Legal name"), account.legal_name, key="identity_legal_name")
        postal_address = st.text_input(words.t("Postal address"), account.postal_address, key="identity_address")
        if st.form_submit_button(words.t("Save the legal identity")):
            with desk.store.write() as conn:
                accounts.set_identity(conn, account.id, legal_name=legal_name, postal_address=postal_address)
            st.cache_data.clear()
            st.rerun()


def _add_sender(desk: Desk) -> None:
    words = desk.words
    with st.form("sender", clear_on_submit=False), boundary(words):
        st.markdown(f"**{words.t('Add a sender')}**")
        name = st.text_input(words.t("Name that readers see"), key="sender_name")
        email = st.text_input(words.t("Address"), key="sender_email")
        reply_to = st.text_input(words.t("Replies to (if another address)"), key="sender_reply")
        is_ours = st.checkbox(words.t("I declare that this address is ours and may send."), key="sender_ours")
        if st.form_submit_button(words.t("Add the sender"), type="primary"):
            if not name.strip():
                raise BadInput(words.t("The sender has no name: give it one."), code="no_name", field="name")
            address, now = str(EmailAddress.parse(email)), desk.now()
            reply = str(EmailAddress.parse(reply_to)) if reply_to.strip() else None
            with desk.store.write() as conn:
                campaigns.add_sender(
                    conn, desk.account_id, name.strip(), address, now=now, reply_to=reply,
                    verified_at=now if is_ours else None,
                )  # fmt: skip
            st.cache_data.clear()
            st.rerun()


show(account_page)
