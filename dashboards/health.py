"""The account's health: the rates that mailbox providers judge senders by, day by day against their thresholds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import streamlit as st

from dashboards import charts, figures, freshness, queries, terms
from dashboards.shell import Desk, as_of

Row = dict[str, Any]

WATCHED = ("permanent_bounce_rate", "complaint_rate", "unsubscribe_rate")


def block(desk: Desk) -> None:
    """Three rates of the last day that had any sending, and one of them over thirty days."""
    words, days, built = desk.words, queries.health(desk), freshness.marts_as_of(desk)
    if not days or built is None:
        st.caption(words.t("There are no figures yet: they come with the first build after a campaign has left."))
        return
    limits = queries.thresholds(desk)
    columns = st.columns(len(WATCHED))
    for column, metric in zip(columns, WATCHED, strict=True):
        with column:
            figures.rate_tile(words, days[-1], metric)
            st.markdown(_verdict(desk, days[-1], metric, limits.get(metric)))
    metric = st.segmented_control(
        words.t("By day"),
        WATCHED,
        default=WATCHED[0],
        required=True,
        format_func=lambda name: words.t(terms.METRICS[name]),
        key="health_metric",
        label_visibility="collapsed",
    )
    st.altair_chart(charts.health(_by_day(desk, days, metric), _limits(desk, limits.get(metric)), words), key="health")
    st.caption(
        words.t(
            "Rates of %(day)s, the last day with mail; the curve shows thirty days.",
            day=words.day(days[-1]["activity_date"]),
        )
    )
    as_of(desk, built["as_of_at"])


def _verdict(desk: Desk, row: Row, metric: str, limit: Row | None) -> str:
    """Icon and word as well as colour. Below the threshold's own minima nothing is judged: 1 of 20 is no alarm."""
    words, value = desk.words, row[metric]
    numerator, denominator, _ = figures.RATES[metric]
    if value is None or limit is None:
        return ""
    if row[denominator] < limit["min_denominator"] or (
        value >= limit["warn_at"] and row[numerator] < limit["min_events"]
    ):
        return f":gray[:material/remove: {words.t('too few to judge')}]"
    if value >= limit["critical_at"]:
        return f":red[:material/error: {words.t('critical')}]"
    if value >= limit["warn_at"]:
        return f":orange[:material/warning: {words.t('warning')}]"
    return f":green[:material/check_circle: {words.t('in order')}]"


def _by_day(desk: Desk, days: list[Row], metric: str) -> list[Row]:
    """All days from the first to the last: one without mail is a gap, not a nought."""
    words, held = desk.words, {row["activity_date"]: row for row in days}
    numerator, denominator, _ = figures.RATES[metric]
    rows, day = [], days[0]["activity_date"]
    while day <= days[-1]["activity_date"]:
        row = held.get(day)
        rate = row[metric] if row else None
        text = figures.rate_text(words, row, metric) if row else ""
        if row and rate is not None:
            text += f" ({figures.of(words, row[numerator], row[denominator])})"
        rows.append({"day": words.short_day(day), "rate": rate, "text": text})
        day += timedelta(days=1)
    return rows


def _limits(desk: Desk, limit: Row | None) -> list[Row]:
    if limit is None:
        return []
    words = desk.words
    return [
        {"at": limit["warn_at"], "label": words.t("warning"), "place": charts.place(charts.AMBER)},
        {"at": limit["critical_at"], "label": words.t("critical"), "place": charts.place(charts.CORAL)},
    ]
