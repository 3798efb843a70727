"""The parts of the page of trends. Counts are added up over time; rates come from the marts as they are."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any

import streamlit as st

from dashboards import charts, figures, trend_queries
from dashboards.figures import rate_text
from dashboards.report_out import WEEKDAYS
from dashboards.shell import Desk
from dashboards.words import NOTHING, Words, plain

Row = dict[str, Any]
MOST = 5
MONTHS = 11
KINDS = {"human_click_count": "clickers", "human_open_count": "openers"}


def same_age(desk: Desk, history: list[Row]) -> None:
    """Campaigns side by side, as far as the youngest of them has come."""
    words, names = desk.words, {row["campaign_id"]: row["campaign_name"] for row in history}
    st.subheader(words.t("Campaigns at the same age"))
    chosen = st.multiselect(
        words.t("Campaigns"), list(names), default=list(names)[:3], format_func=lambda i: names[i],
        max_selections=MOST, key="trend_campaigns",
    )  # fmt: skip
    kind = st.segmented_control(
        words.t("What"), list(KINDS), default="human_click_count", required=True,
        format_func=lambda one: words.t(KINDS[one]), key="trend_kind",
    )  # fmt: skip
    curves = {i: c for i, c in trend_queries.curves(desk, tuple(chosen)).items() if c}
    if not curves:
        st.caption(words.t("Choose campaigns that have left."))
        return
    age = min(_age(desk, curve) for curve in curves.values())
    rows, table = [], []
    for place, (number, curve) in enumerate(sorted(curves.items(), key=lambda item: chosen.index(item[0]))):
        until = [p for p in curve if p["minute_at"] - curve[0]["minute_at"] <= age]
        totals = list(accumulate(point[kind] for point in until))
        drawn = [((point["minute_at"] - curve[0]["minute_at"]).total_seconds() / 3600, total)
                 for point, total in zip(until, totals, strict=True)]  # fmt: skip
        # A line goes on to the age of all, though nothing more came.
        drawn.append((age.total_seconds() / 3600, totals[-1]))
        for last, (elapsed, total) in enumerate(drawn, 1):
            rows.append({"elapsed": elapsed, "total": total, "label": names[number], "place": charts.place(place),
                         "is_last": last == len(drawn)})  # fmt: skip
        sums = [sum(point[name] for point in until) for name in ("delivered_count", "human_open_count",
                                                                 "human_click_count")]  # fmt: skip
        table.append([plain(names[number]), *(words.number(n) for n in sums)])
    st.altair_chart(charts.curve(rows, words, unit=words.t("hours")), key="same_age")
    st.caption(words.t("Each at the age of %(age)s after its first message.", age=words.lasting(age)))
    figures.table([words.t(h) for h in ("Campaign", "Delivered", "Openers", "Clickers")], table)


def _age(desk: Desk, curve: list[Row]) -> timedelta:
    """How old a campaign is: what is yet to come of an old one is nothing."""
    first: datetime = curve[0]["minute_at"]
    return max(desk.now() - first, timedelta(minutes=1))


def over_time(desk: Desk, history: list[Row]) -> None:
    """The rates of the last campaigns, each beside what was usual before it; the click rate as a picture."""
    words = desk.words
    st.subheader(words.t("From campaign to campaign"))
    drawn = [
        {"label": row["campaign_name"] or NOTHING, "moment": words.here(row["started_at"]), "rate": row["click_rate"],
         "low": row["usual_click_rate_low"], "high": row["usual_click_rate_high"],
         "text": rate_text(words, row, "click_rate")}
        for row in reversed(history) if row["started_at"] and row["click_rate"] is not None
    ]  # fmt: skip
    if len(drawn) > 1:
        st.altair_chart(charts.against_usual(drawn, words, title=words.t("click rate")), key="own_past")
    rates = ("bounce_rate", "unsubscribe_rate", "complaint_rate")
    heads = ("Campaign", "Left", "Sent", "Openers", "Clickers", "Usual clickers", "Bounces", "Unsubscribes",
             "Complaints")  # fmt: skip
    figures.table(
        [words.t(h) for h in heads],
        [
            [
                plain(row["campaign_name"] or NOTHING),
                words.day(words.here(row["started_at"])) if row["started_at"] else NOTHING,
                words.number(row["sent_count"]),
                rate_text(words, row, "open_rate"),
                rate_text(words, row, "click_rate"),
                words.span(row["usual_click_rate_low"], row["usual_click_rate_high"]),
                *(rate_text(words, row, rate) for rate in rates),
            ]
            for row in history
        ],
        left=2,
    )
    st.caption(words.t("Usual, in the table and as a band behind the line: the middle half of the campaigns before it;"
                       " nothing where there were fewer than five."))  # fmt: skip


def cohorts(desk: Desk) -> None:
    """How long people go on clicking, by the month in which they were first written to."""
    words, found = desk.words, trend_queries.cohorts(desk)
    if not found:
        return
    st.subheader(words.t("How long people go on clicking"))
    months = min(max(row["month_number"] for row in found), MONTHS) + 1
    held: dict[Any, dict[int, Row]] = {}
    for row in found:
        held.setdefault(row["cohort_date"], {})[row["month_number"]] = row
    table = [
        [
            words.day(cohort),
            words.number(rows[0]["reached_count"]) if 0 in rows else NOTHING,
            *(rate_text(words, rows[month], "click_rate") if month in rows else NOTHING for month in range(months)),
        ]
        for cohort, rows in held.items()
    ]
    _decay(words, held)
    after = [words.t("month %(number)s", number=words.number(month)) for month in range(months)]
    figures.table([words.t("First written to from"), words.t("People"), *after], table)
    st.caption(
        words.t("Of those who were reached in a month, how many clicked in it; a dash where nobody was reached.")
    )


def _decay(words: Words, held: dict[Any, dict[int, Row]]) -> None:
    """The newest cohorts that have a second month, as lines."""
    lasting = [(cohort, rows) for cohort, rows in held.items() if len(rows) > 1][:MOST]
    drawn = [
        {"label": words.month(cohort), "elapsed": month, "rate": row["click_rate"],
         "text": rate_text(words, row, "click_rate"), "place": charts.place(place), "is_last": month == max(rows)}
        for place, (cohort, rows) in enumerate(lasting) for month, row in sorted(rows.items())
        if row["click_rate"] is not None
    ]  # fmt: skip
    if drawn:
        st.altair_chart(charts.decay(drawn, words, title=words.t("clicked in the month")), key="cohorts")


def best_hour(desk: Desk) -> None:
    """When people click."""
    words, found = desk.words, trend_queries.week(desk)
    if not found:
        st.subheader(words.t("When people click"))
        st.caption(words.t("Nobody has clicked yet."))
        return
    top = max(found, key=lambda row: row["click_count"])
    st.subheader(
        words.t("Most clicks come on %(day)s from %(hour)s:00", day=words.t(WEEKDAYS[top["weekday"] - 1]),
                hour=words.number(top["hour"]))
    )  # fmt: skip
    held = {(row["weekday"], row["hour"]): row["click_count"] for row in found}
    rows = [
        {"day": words.t(name), "hour": hour, "count": held.get((day, hour), 0),
         "text": words.number(held.get((day, hour), 0))}
        for day, name in enumerate(WEEKDAYS, 1) for hour in range(24)
    ]  # fmt: skip
    st.altair_chart(charts.week(rows, words), key="week")
    st.caption(
        words.t("Clicks of people in the last ninety days, by the account's clock. They follow your sending: an hour at"
                " which you never send stays pale.")
    )  # fmt: skip


def growth(desk: Desk) -> None:
    """Who came and who left."""
    words, found = desk.words, trend_queries.growth(desk)
    came = sum(found.came.values())
    lost = ("unsubscribed_count", "complained_count", "permanent_count")
    left = [sum(row[name] for row in found.left) for name in lost]
    st.subheader(words.t("The list in the last ninety days"))
    with st.container(horizontal=True):
        for label, value in zip(("New contacts", "Unsubscribes", "Complaints", "NPAI and hard bounces"), (came, *left),
                                strict=True):  # fmt: skip
            st.metric(words.t(label), words.number(value), width=190)
    rows = _totals(words, found)
    if rows:
        first = words.day(min({*found.came, *(row["activity_date"] for row in found.left)}))
        title = words.t("days since %(day)s", day=first)
        st.altair_chart(charts.curve(rows, words, unit=words.t("days"), title=title), key="growth")
    st.caption(words.t("Who left stands on the day of the mail; who unsubscribed and complained counts twice."))


def _totals(words: Words, found: trend_queries.Growth) -> list[Row]:
    lost = {
        row["activity_date"]: row["unsubscribed_count"] + row["complained_count"] + row["permanent_count"]
        for row in found.left
    }
    days = sorted({*found.came, *lost})
    rows = []
    for label, by_day, place in (("came", found.came, charts.WAKE), ("left", lost, charts.CORAL)):
        totals = list(accumulate(by_day.get(day, 0) for day in days))
        for number, (day, total) in enumerate(zip(days, totals, strict=True), 1):
            rows.append({"elapsed": (day - days[0]).days, "total": total, "label": words.t(label),
                         "place": charts.place(place), "is_last": number == len(days)})  # fmt: skip
    return rows
