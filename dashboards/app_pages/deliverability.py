"""Deliverability: what mailbox providers judge the account by, by every part of its list, and what to do."""

from __future__ import annotations

from functools import partial

import streamlit as st

from dashboards import alarms, deliverability_parts, freshness, health, queries
from dashboards.shell import Desk, as_of, live, show


def deliverability(desk: Desk) -> None:
    """Alerts first, then figures, then who was not reached."""
    words = desk.words
    st.title(words.t("Deliverability"))
    live(_alerts, desk, every=5)
    built = freshness.marts_as_of(desk)
    if built is None:
        st.info(words.t("There are no figures yet: they come with the first build after a campaign has left."),
                icon=":material/hourglass_top:")  # fmt: skip
        return
    parts = queries.deliverability(desk)
    st.subheader(words.t("What to do"))
    deliverability_parts.advice(desk, parts)
    st.subheader(words.t("Day by day"))
    live(health.block, desk, every=None)
    st.subheader(words.t("Your list in parts"))
    live(partial(deliverability_parts.by_part, parts=parts), desk, every=None)
    st.subheader(words.t("By campaign"))
    deliverability_parts.by_campaign(desk)
    st.subheader(words.t("What bulk senders have to do"))
    deliverability_parts.demanded(desk, parts)
    st.subheader(words.t("Not reached"))
    live(deliverability_parts.not_reached, desk, every=None)
    st.subheader(words.t("What the rates mean"))
    deliverability_parts.explained(desk)
    as_of(desk, built["as_of_at"])


def _alerts(desk: Desk) -> None:
    words = desk.words
    calls = [alarms.of_alert(words, alert) for alert in queries.alerts(desk)[:8]]
    alarms.draw(calls)
    st.subheader(words.t("Stopped by itself"))
    deliverability_parts.stopped(desk)


show(deliverability)
