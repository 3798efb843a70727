"""The account: its legal identity and its senders, without which nothing can be scheduled."""

from __future__ import annotations

import streamlit as st

from dashboards import alert_targets, figures, queries
from dashboards.shell import Desk, boundary, chosen_account, greet, installation, show
from dashboards.words import NOTHING, plain
from sillage.domain.contact import EmailAddress
from sillage.errors import BadInput, NotFound
from sillage.store import accounts, campaigns

ZONES = ("Europe/Paris", "Europe/Brussels", "Europe/Zurich", "Europe/London", "America/Montreal", "UTC")


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


def first_account() -> None:
    """The form of an installation that has no account yet."""
    words = greet()
    settings, store, _ = installation()
    st.title(words.t("Make an account"))
    with st.form("account"), boundary(words):
        name = st.text_input(words.t("Name"), key="account_name")
        slug = st.text_input(words.t("Short name, for addresses"), key="account_slug", placeholder="maison-sillage")
        legal_name = st.text_input(words.t("Legal name"), key="account_legal_name")
        postal_address = st.text_input(words.t("Postal address"), key="account_postal_address")
        locale = st.selectbox(words.t("Language of its mails"), ["fr", "en"], key="account_locale")
        timezone = st.selectbox(words.t("Time zone"), ZONES, key="account_timezone")
        if st.form_submit_button(words.t("Make the account"), type="primary"):
            if not name.strip() or not slug.strip():
                raise BadInput(words.t("Name and short name are needed."), code="no_name", field="name")
            with store.write() as conn:
                accounts.create(
                    conn, slug.strip(), name.strip(), created_at=settings.clock.now(), legal_name=legal_name.strip(),
                    postal_address=postal_address.strip(), locale=locale, timezone=timezone,
                )  # fmt: skip
            st.rerun()


def _is_new() -> bool:
    """Whether there is no account at all; which of several is meant is asked by `show`."""
    try:
        return chosen_account(installation()[1]) is None
    except (BadInput, NotFound):
        return False


with boundary(greet()):
    if _is_new():
        first_account()
    else:
        show(account_page)
