"""The sign-up forms of an account: their addresses, what they brought, and a new one."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from dashboards import queries
from dashboards.shell import Desk, boundary
from dashboards.words import plain
from sillage.store import forms, groups, signups

LATELY = timedelta(days=30)


def draw(desk: Desk) -> None:
    """Open forms, and the way to another."""
    words, now = desk.words, desk.now()
    with desk.store.read() as conn:
        found = [f for f in forms.listed(conn, desk.account_id) if f.is_open]
        lately = {f.id: signups.counts(conn, desk.account_id, f.id, LATELY, now) for f in found}
    if not found:
        st.caption(words.t("No form yet: make one, and put its address on your site."))
    for form in found:
        with st.container(border=True):
            st.markdown(f"**{plain(form.name)}** · {plain(form.wording_version)}")
            st.code(f"{desk.settings.base_url}/f/{form.key}", language=None)
            seen = lately[form.id]
            st.caption(
                words.t(
                    "%(asked)s signed up within 30 days, %(confirmed)s of them confirmed",
                    asked=words.number(sum(seen.values())), confirmed=words.number(seen.get("confirmed", 0)),
                )
            )  # fmt: skip
            if st.button(words.t("Close this form"), key=f"close-form-{form.id}"):
                with desk.store.write() as conn:
                    forms.close(conn, desk.account_id, form.id)
                st.rerun()
    _new_form(desk)


def _new_form(desk: Desk) -> None:
    words = desk.words
    senders = [s for s in queries.senders(desk) if s.verified_at is not None]
    if not senders or not desk.account.may_send:
        st.caption(words.t("A form needs a verified sender and the legal identity of the account."))
        return
    with st.expander(words.t("Make a form"), icon=":material/add:"), st.form("form", border=False), boundary(words):
        name = st.text_input(words.t("Name"), key="form_name")
        sender = st.selectbox(words.t("Sender"), senders, format_func=lambda s: s.email, key="form_sender")
        wording = st.text_area(words.t("Exact words that people agree to"), key="form_wording")
        version = st.text_input(words.t("Version of these words"), f"{desk.now():%Y-%m}", key="form_version")
        tracking = st.text_area(words.t("Words to agree to measuring (a box of its own)"), key="form_tracking")
        group = st.text_input(words.t("Group to put them into"), key="form_group")
        asks_name = st.checkbox(words.t("Ask for the name too"), key="form_asks_name")
        if st.form_submit_button(words.t("Make the form"), type="primary"):
            now = desk.now()
            with desk.store.write() as conn:
                group_id = (
                    groups.get_or_create(conn, desk.account_id, group.strip(), now=now) if group.strip() else None
                )
                forms.create(
                    conn, desk.account_id, name, sender_id=sender.id, wording=wording, wording_version=version,
                    tracking_wording=tracking, group_id=group_id, asks_name=asks_name, now=now,
                )  # fmt: skip
            st.rerun()
