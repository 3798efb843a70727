"""The calendar: what left, what will, and times of recurring campaigns to come: `?month=YYYY-MM`."""

from __future__ import annotations

import streamlit as st

from dashboards import calendar_move
from dashboards.calendar_entries import Month, entries
from dashboards.calendar_grid import grid
from dashboards.shell import ASSETS, Desk, link, show

MONTH, LIST = "month", "list"


def calendar_page(desk: Desk) -> None:
    """One month, as weeks or as a list, and the form that moves a campaign."""
    words = desk.words
    today = words.here(desk.now()).date()
    month = Month.parse(st.query_params.get("month", ""), today)
    st.title(words.t("Calendar"))
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        with st.container(horizontal=True, vertical_alignment="center", width="content"):
            link(words.t("Before"), "calendar", icon=":material/chevron_left:", params={"month": str(month.previous)})
            st.markdown(f"**{calendar_move.named(words, month.first)}**", width="content")
            link(words.t("After"), "calendar", icon=":material/chevron_right:", params={"month": str(month.following)})
        way = st.segmented_control(
            words.t("Shown as"), [MONTH, LIST], default=MONTH, required=True, key="calendar_way",
            format_func=lambda w: words.t("month") if w == MONTH else words.t("list"), label_visibility="collapsed",
        )  # fmt: skip
    found = entries(desk, month.days)
    if not found:
        st.info(words.t("Nothing left and nothing is planned in this month."), icon=":material/event_available:")
    keep = {key: st.query_params[key] for key in ("lang", "account") if key in st.query_params}
    is_dark = st.context.theme.type == "dark"
    st.html(ASSETS / "calendar.css")
    st.html(grid(words, month.days, month.first, today, found, keep=keep, is_list=way == LIST, is_dark=is_dark))
    st.caption(words.t("Times are those of the account, %(zone)s.", zone=desk.account.timezone))
    calendar_move.form(desk)


show(calendar_page)
