"""Campaigns beside each other and over time: at the same age, against the own past, by hour, and the list's growth."""

from __future__ import annotations

from functools import partial

import streamlit as st

from dashboards import freshness, trend_parts, trend_queries
from dashboards.shell import Desk, as_of, live, show


def trends_page(desk: Desk) -> None:
    """Comparison, history, hours, growth; all as of the last build."""
    words, history, built = desk.words, trend_queries.history(desk), freshness.marts_as_of(desk)
    st.title(words.t("Comparison and trends"))
    if not history or built is None:
        st.info(words.t("There are no figures yet: they come with the first build after a campaign of this account has"
                        " left."), icon=":material/hourglass_top:")  # fmt: skip
        return
    # Whoever chooses other campaigns waits for these alone.
    live(partial(trend_parts.same_age, history=history), desk, every=None)
    trend_parts.over_time(desk, history)
    trend_parts.cohorts(desk)
    trend_parts.best_hour(desk)
    trend_parts.growth(desk)
    as_of(desk, built["as_of_at"])


show(trends_page)
