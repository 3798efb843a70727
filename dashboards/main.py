"""What stands around every page. `app.py` serves it; the pages lie in `app_pages/`."""

from __future__ import annotations

import streamlit as st

from dashboards import frame
from dashboards.shell import ASSETS, PAGES, greet, signed_out

st.set_page_config(page_title="Sillage", page_icon=str(ASSETS / "icon.svg"), layout="wide")

words, found = greet()


def _page(name: str, title: str, icon: str, *, default: bool = False) -> st.Page:
    return st.Page(PAGES / f"{name}.py", title=title, icon=f":material/{icon}:", default=default)


pages = {
    words.t("Home"): [_page("home", words.t("Overview"), "home", default=True)],
    words.t("Campaigns"): [
        _page("campaigns", words.t("All campaigns"), "campaign"),
        _page("new_campaign", words.t("New campaign"), "edit_square"),
        _page("calendar", words.t("Calendar"), "calendar_month"),
        _page("recurring", words.t("Recurring campaigns"), "event_repeat"),
        _page("again", words.t("Send once more"), "replay"),
        _page("approvals", words.t("Approvals"), "verified"),
    ],
    words.t("Contacts"): [
        _page("contacts", words.t("All contacts"), "group"),
        _page("contact", words.t("One contact"), "person_search"),
        _page("hygiene", words.t("List hygiene"), "cleaning_services"),
    ],
    words.t("Segments"): [_page("segments", words.t("All segments"), "filter_alt")],
    words.t("Content"): [
        _page("templates", words.t("Templates"), "dashboard_customize"),
        _page("editor", words.t("Editor"), "edit_document"),
        _page("take_in", words.t("Take in a mail"), "upload_file"),
        _page("images", words.t("Images"), "photo_library"),
    ],
    words.t("Reports"): [
        _page("report", words.t("Campaign report"), "monitoring"),
        _page("trends", words.t("Comparison and trends"), "trending_up"),
        _page("lists", words.t("Lists"), "list_alt"),
    ],
    words.t("Deliverability"): [
        _page("deliverability", words.t("Reputation"), "mark_email_read"),
        _page("sending", words.t("Sending"), "outgoing_mail"),
        _page("bounces", words.t("Bounces and complaints"), "report"),
    ],
    words.t("Settings"): [
        _page("account", words.t("Account and senders"), "badge"),
        _page("brand", words.t("Brand kit"), "palette"),
        _page("consent", words.t("Consent and suppression"), "verified_user"),
        _page("members", words.t("Members"), "manage_accounts"),
    ],
}
is_dark = st.context.theme.type == "dark"
st.logo(ASSETS / ("logo-dark.svg" if is_dark else "logo.svg"), size="large", icon_image=ASSETS / "icon.svg")
page = st.navigation(pages, position="sidebar" if found else "hidden", expanded=True)
if found is None:
    signed_out(words)
    st.stop()
frame.watch(words)
with st.sidebar:
    frame.sidebar(words, found)
page.run()
