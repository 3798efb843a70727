"""The pages' one entry: `streamlit run dashboards/main.py`. It arranges; the pages lie in `app_pages/`."""

from __future__ import annotations

import streamlit as st

from dashboards.shell import ASSETS, PAGES, greet
from sillage.i18n import LANGUAGES

NAMES = {"fr": "Français", "en": "English"}

st.set_page_config(page_title="Sillage", page_icon=str(ASSETS / "icon.svg"), layout="wide")


def _choose_language() -> None:
    chosen = st.session_state.get("language_switch")
    if chosen:
        st.session_state["language"] = st.query_params["lang"] = chosen


if "lang" not in st.query_params and "language" in st.session_state:
    st.query_params["lang"] = st.session_state["language"]
if "account" not in st.query_params and "account" in st.session_state:
    st.query_params["account"] = st.session_state["account"]

words = greet()
pages = {
    "": [
        st.Page(PAGES / "home.py", title=words.t("Home"), icon=":material/home:", default=True),
        st.Page(PAGES / "campaigns.py", title=words.t("Campaigns"), icon=":material/campaign:"),
        st.Page(PAGES / "report.py", title=words.t("Report"), icon=":material/monitoring:"),
        st.Page(PAGES / "sending.py", title=words.t("Sending"), icon=":material/outgoing_mail:"),
        st.Page(PAGES / "deliverability.py", title=words.t("Deliverability"), icon=":material/mark_email_read:"),
    ],
    words.t("Write"): [
        st.Page(PAGES / "new_campaign.py", title=words.t("New campaign"), icon=":material/edit_square:"),
    ],
    words.t("People"): [
        st.Page(PAGES / "contacts.py", title=words.t("Contacts"), icon=":material/group:"),
        st.Page(PAGES / "contact.py", title=words.t("Contact"), icon=":material/person_search:"),
        st.Page(PAGES / "segments.py", title=words.t("Segments"), icon=":material/filter_alt:"),
        st.Page(PAGES / "hygiene.py", title=words.t("List hygiene"), icon=":material/cleaning_services:"),
    ],
    words.t("Settings"): [
        st.Page(PAGES / "account.py", title=words.t("Account and senders"), icon=":material/badge:"),
        st.Page(PAGES / "bounces.py", title=words.t("Bounces and complaints"), icon=":material/report:"),
        st.Page(PAGES / "consent.py", title=words.t("Consent and suppression"), icon=":material/verified_user:"),
    ],
}
is_dark = st.context.theme.type == "dark"
st.logo(ASSETS / ("logo-dark.svg" if is_dark else "logo.svg"), size="large", icon_image=ASSETS / "icon.svg")
page = st.navigation(pages)
with st.sidebar:
    st.segmented_control(
        words.t("Language"),
        LANGUAGES,
        format_func=NAMES.__getitem__,
        default=words.language,
        required=True,
        key="language_switch",
        on_change=_choose_language,
        label_visibility="collapsed",
    )
page.run()
