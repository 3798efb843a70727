"""From the figures of a report to the people behind each."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboards import list_parts
from dashboards.shell import Desk, link
from sillage.lake.recipients import ListName

COUNTS = {
    ListName.OPENERS: "human_open_count",
    ListName.CLICKERS: "human_click_count",
    ListName.BOUNCED: "bounced_count",
    ListName.UNSUBSCRIBED: "unsubscribed_count",
    ListName.COMPLAINED: "complained_count",
    ListName.SUPPRESSED: "suppressed_count",
    ListName.SKIPPED: "skipped_count",
    ListName.IN_DOUBT: "in_doubt_count",
    ListName.FAILED: "failed_count",
    ListName.WAITING: "waiting_count",
}


def draw(desk: Desk, campaign_id: int, row: dict[str, Any]) -> None:
    """A way to each list that has anybody on it."""
    words = desk.words
    shown = [(name, row[column]) for name, column in COUNTS.items() if row[column]]
    if not shown:
        return
    with st.container(horizontal=True, gap="small"):
        for name, count in shown:
            link(
                f"{words.t(list_parts.LISTS[name])} {words.number(count)}", "lists",
                params={"campaign": str(campaign_id), "list": str(name)},
            )  # fmt: skip
