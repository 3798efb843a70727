"""The report away from the page: as a PDF, as a file of its curve, and by mail each day or week."""

from __future__ import annotations

from functools import partial

import polars as pl
import streamlit as st

from dashboards import queries
from dashboards.shell import Desk, boundary
from dashboards.words import Words, plain
from sillage.domain.contact import EmailAddress
from sillage.domain.ids import CampaignId
from sillage.domain.report_time import Every, Rhythm
from sillage.report.gathered import gather
from sillage.report.pdf import as_pdf
from sillage.store import report_mails

EVERY = {Every.DAY: "each day", Every.WEEK: "each week"}
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def buttons(desk: Desk, campaign_id: CampaignId) -> None:
    """The PDF and the curve as files, made when they are asked for; the mails beside them."""
    words = desk.words
    with st.container(horizontal=True):
        st.download_button(
            words.t("Save as PDF"), data=partial(pdf, desk, campaign_id), file_name=f"report-{campaign_id}.pdf",
            mime="application/pdf", icon=":material/picture_as_pdf:", key="report_pdf", on_click="ignore",
        )  # fmt: skip
        st.download_button(
            words.t("Save the curve as CSV"), data=partial(curve, desk, campaign_id), on_click="ignore",
            file_name=f"curve-{campaign_id}.csv", mime="text/csv", icon=":material/download:", key="report_curve",
        )  # fmt: skip
        with st.popover(words.t("By e-mail"), icon=":material/schedule_send:"), boundary(words):
            _mails(desk)


def pdf(desk: Desk, campaign_id: CampaignId) -> bytes:
    """The report as it is at this moment."""
    return as_pdf(desk.words, gather(desk.settings, desk.store, desk.reader, desk.account_id, campaign_id))


def curve(desk: Desk, campaign_id: CampaignId) -> bytes:
    """The minutes of the curve, with what came in each."""
    rows = queries.details(desk, campaign_id).curve
    frame = pl.DataFrame(rows, schema={"minute_at": pl.Datetime("us", "UTC"), "delivered_count": pl.Int64,
                                       "human_open_count": pl.Int64, "human_click_count": pl.Int64,
                                       "bounced_count": pl.Int64})  # fmt: skip
    return frame.write_csv(datetime_format="%Y-%m-%dT%H:%M:%SZ").encode("utf-8-sig")


def _mails(desk: Desk) -> None:
    words = desk.words
    st.write(words.t("What left in the day or the week before, each campaign in a sentence, with its rates and a PDF."))
    with desk.store.read() as conn:
        held = report_mails.listed(conn, desk.account_id)
    for mail in held:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{plain(mail.email)}** · {_when(words, mail.rhythm)}", width="content")
            if st.button(words.t("End it"), key=f"report_mail_end_{mail.id}", type="tertiary"):
                with desk.store.write() as conn:
                    report_mails.stop(conn, desk.account_id, mail.id)
                st.rerun()
        st.caption(words.t("next %(moment)s", moment=words.minute(mail.due_at)))
        if mail.error:
            st.caption(words.t("The last one was not taken: %(why)s", why=plain(mail.error)))
    _order(desk)


def _order(desk: Desk) -> None:
    words = desk.words
    email = st.text_input(words.t("E-mail address"), key="report_mail_to")
    left, middle, right = st.columns(3)
    every = left.selectbox(words.t("How often"), list(Every), format_func=lambda e: words.t(EVERY[e]), index=1,
                           key="report_mail_every")  # fmt: skip
    weekday = middle.selectbox(
        words.t("On"), range(7), format_func=lambda day: words.t(WEEKDAYS[day]), key="report_mail_day",
        disabled=every is Every.DAY,
    )  # fmt: skip
    hour = right.number_input(words.t("At (hour)"), 0, 23, 8, key="report_mail_hour")
    if st.button(words.t("Send the reports there"), key="report_mail_order", type="primary"):
        rhythm = Rhythm(every, int(hour), int(weekday))
        with desk.store.write() as conn:
            report_mails.order(
                conn, desk.account_id, EmailAddress.parse(email), rhythm, language=words.language,
                timezone=desk.account.timezone, now=desk.now(),
            )  # fmt: skip
        st.rerun()


def _when(words: Words, rhythm: Rhythm) -> str:
    hour = words.number(rhythm.hour)
    if rhythm.every is Every.DAY:
        return words.t("each day at %(hour)s:00", hour=hour)
    return words.t("each %(day)s at %(hour)s:00", day=words.t(WEEKDAYS[rhythm.weekday]), hour=hour)
