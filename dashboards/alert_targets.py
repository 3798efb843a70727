"""Where an account is told of alerts: a mailbox and a webhook. The webhook's key is shown once."""

from __future__ import annotations

import streamlit as st

from dashboards.shell import Desk, boundary
from sillage.alarm.address import checked_webhook, webhook_key
from sillage.domain.contact import EmailAddress
from sillage.store import alerts


def form(desk: Desk) -> None:
    """Both in one form; an empty field is nobody."""
    words = desk.words
    with desk.store.read() as conn:
        held = alerts.targets(conn, desk.account_id)
    with st.form("alert_targets"), boundary(words):
        email = st.text_input(words.t("Address that is told by mail"), held.email or "", key="alert_email").strip()
        url = st.text_input(
            words.t("Webhook (https)"), held.webhook_url or "", key="alert_webhook",
            help=words.t("Each change is posted once, signed with HMAC-SHA-256 over time and body."),
        ).strip()  # fmt: skip
        if st.form_submit_button(words.t("Save who is told")):
            address = str(EmailAddress.parse(email)) if email else None
            checked = checked_webhook(desk.settings, url) if url else None
            with desk.store.write() as conn:
                now = alerts.set_targets(conn, desk.account_id, email=address, webhook_url=checked, now=desk.now())
            st.success(words.t("Saved."), icon=":material/check_circle:")
            if now.webhook_nonce and now.webhook_nonce != held.webhook_nonce:
                st.info(words.t("The key of its signatures, shown this once:"), icon=":material/key:")
                st.code(webhook_key(desk.settings, now.webhook_nonce), language=None)
