"""The parts of a report that split it: how soon it was opened, by segment, by device, by country."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import streamlit as st

from dashboards import breakdown_queries, charts, figures
from dashboards.breakdown_queries import MOST
from dashboards.figures import rate_text
from dashboards.shell import Desk, as_of
from dashboards.words import Words, plain
from sillage.domain.ids import CampaignId

Row = dict[str, Any]
DEVICES = {"mobile": "phones", "tablet": "tablets", "desktop": "computers", "": "not known"}


def draw(desk: Desk, campaign_id: CampaignId) -> None:
    """All four, as far as there is anything to split."""
    found = breakdown_queries.breakdown(desk, campaign_id)
    if not (found.opening or found.devices or len(found.segments) > 1 or _known(found.countries)):
        return
    left, right = st.columns(2, gap="large")
    with left:
        opening(desk, found.opening)
    with right:
        devices(desk, found.devices)
    names = breakdown_queries.segment_names(desk)
    words = desk.words
    if len(found.segments) > 1:
        labels = {
            row["segment_id"]: names.get(row["segment_id"], words.t("deleted segment"))
            if row["segment_id"] else words.t("not noted")
            for row in found.segments
        }  # fmt: skip
        _split(desk, "segments", words.t("By segment"), words.t("Segment"), found.segments, "segment_id", labels)
        st.caption(words.t("Each recipient stands under the first of the campaign's segments that they were in when it"
                           " was planned."))  # fmt: skip
    if _known(found.countries):
        labels = {row["country_code"]: words.country(row["country_code"]) or words.t("not known")
                  for row in found.countries}  # fmt: skip
        _split(desk, "countries", words.t("By country"), words.t("Country"), found.countries, "country_code", labels)
        st.caption(words.t("The country that the contact's own field names."))
    as_of(desk, found.as_of["as_of_at"] if found.as_of else None)


def _known(countries: list[Row]) -> bool:
    return any(row["country_code"] for row in countries)


def opening(desk: Desk, rows: list[Row]) -> None:
    """How long after its delivery the message was first opened, as a picture."""
    words = desk.words
    if not rows:
        st.subheader(words.t("Time to open"))
        st.caption(words.t("Nobody who agreed to be measured has opened it yet."))
        return
    median = words.lasting(timedelta(seconds=rows[0]["median_seconds"]))
    st.subheader(words.t("Half of the openers had opened %(time)s after delivery", time=median))
    drawn = [
        {
            "label": _step(words, row),
            "count": row["opener_count"],
            "text": words.t("%(count)s · %(share)s by then", count=words.number(row["opener_count"]),
                            share=words.percent(row["within_rate"])),
        }
        for row in rows
        # From the step on in which the last one opened there is nothing to see.
        if row["within_count"] - row["opener_count"] < row["human_open_count"]
    ]  # fmt: skip
    st.altair_chart(charts.steps(drawn, words, title=words.t("openers")), key="opening")
    st.caption(words.t("Openers by the time from delivery to their first open, and the share that had opened by its"
                       " end."))  # fmt: skip


def _step(words: Words, row: Row) -> str:
    if row["until_seconds"] is None:
        return words.t("later")
    return words.t("within %(time)s", time=words.lasting(timedelta(seconds=row["until_seconds"])))


def devices(desk: Desk, rows: list[Row]) -> None:
    """On what people opened and clicked."""
    words = desk.words
    st.subheader(words.t("By device"))
    if not any(row["device"] for row in rows):
        st.caption(words.t("No device is known yet: mailbox providers that fetch images themselves hide it."))
        return
    drawn = [
        {
            "label": words.t(DEVICES.get(row["device"]) or str(row["device"])),
            "count": row["human_reaction_count"],
            "text": f"{words.number(row['human_reaction_count'])} · {words.percent(row['device_rate'])}",
            "place": charts.place(charts.WAKE if row["device"] else charts.MIST),
        }
        for row in rows
    ]
    st.altair_chart(charts.ranked(drawn, words, title=words.t("people who opened or clicked")), key="devices")
    figures.table(
        [words.t(h) for h in ("Device", "Openers", "Clickers", "Click-to-open")],
        [
            [
                words.t(DEVICES.get(row["device"]) or str(row["device"])),
                words.number(row["human_open_count"]),
                words.number(row["human_click_count"]),
                rate_text(words, row, "reactivity_rate"),
            ]
            for row in rows
        ],
    )
    st.caption(words.t("Who used two devices counts on both."))


def _split(  # a title, a head and a column for each of two parts
    desk: Desk, key: str, title: str, head: str, rows: list[Row], column: str, labels: dict[Any, str]
) -> None:
    words = desk.words
    st.subheader(title)
    shown = rows[:MOST]
    drawn = [
        {
            "label": labels[row[column]],
            "rate": row["click_rate"],
            "low": row["click_rate_low"],
            "high": row["click_rate_high"],
            "text": rate_text(words, row, "click_rate"),
        }
        for row in shown
        if row["click_rate"] is not None
    ]
    if drawn:
        st.altair_chart(charts.intervals(drawn, words, title=words.t("click rate and its interval")), key=key)
    rates = ("open_rate", "click_rate", "reactivity_rate", "bounce_rate", "unsubscribe_rate")
    figures.table(
        [head, *(words.t(h) for h in ("Sent", "Delivered", "Openers", "Clickers", "Click-to-open", "Bounces",
                                      "Unsubscribes"))],
        [
            [
                plain(labels[row[column]]),
                words.number(row["sent_count"]),
                words.number(row["delivered_count"]),
                *(rate_text(words, row, rate) for rate in rates),
            ]
            for row in shown
        ],
    )  # fmt: skip
    if len(rows) > MOST:
        rest = len(rows) - MOST
        st.caption(words.n("%(count)s smaller one is not shown.", "%(count)s smaller ones are not shown.", rest))
