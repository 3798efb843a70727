"""Home: what runs now, what needs you, what comes next, health against thresholds. Nothing else."""

from __future__ import annotations

import streamlit as st

from dashboards import (
    alarms,
    approval_parts,
    contact_queries,
    figures,
    guide,
    health,
    progress,
    queries,
    recurring_parts,
    terms,
)
from dashboards.shell import Desk, as_of, link, live, show, slot
from dashboards.words import plain
from sillage.domain.campaign import CampaignState


def home(desk: Desk) -> None:
    """Four blocks; the first three are alive."""
    words = desk.words
    st.title(desk.account.name)
    guide.draw(desk)
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader(words.t("Runs now"))
        running = slot(160)
        st.subheader(words.t("Comes next"))
        coming = slot(60)
    with right:
        st.subheader(words.t("Needs you"))
        needed = slot(160)
    st.subheader(words.t("Health against thresholds"))
    healthy = slot(300)
    for place, draw, every in (
        (running, _running, 1),
        (coming, _next, 5),
        (needed, _needs_you, 2),
        (healthy, health.block, 15),
    ):
        with place.container():
            live(draw, desk, every=every)


def _running(desk: Desk) -> None:
    words, seen = desk.words, queries.overview(desk)
    running = seen.in_states(queries.RUNNING)
    if not running:
        st.caption(words.t("No campaign is running."))
    for item in running[:5]:
        with st.container(border=True):
            with st.container(horizontal=True, vertical_alignment="center"):
                link(f"**{plain(item.campaign.name)}**", "report", params={"campaign": str(item.campaign.id)})
                figures.state_badge(words, item.campaign.state)
            progress.bar(words, item.balance, item.campaign.state)
            if item.figures:
                tiles = st.columns(3)
                for column, metric in zip(tiles, ("open_rate", "click_rate", "unsubscribe_rate"), strict=True):
                    column.metric(words.t(terms.METRICS[metric]), figures.rate_text(words, item.figures, metric))
    as_of(desk, seen.as_of)


def _needs_you(desk: Desk) -> None:
    words, seen = desk.words, queries.overview(desk)
    calls = [alarms.of_alert(words, alert) for alert in queries.alerts(desk)[:6]]
    stopped = [incident for incident, _ in queries.stopped(desk)]
    for item in seen.in_states(queries.RUNNING | {CampaignState.HELD}):
        mine = [incident for incident in stopped if incident.campaign_id == item.campaign.id]
        calls += alarms.of_campaign(words, item.campaign, item.balance, mine)
    calls += approval_parts.calls(desk)
    calls += [
        alarms.Call(level, text, "recurring", words.t("Recurring campaigns"))
        for text, level in recurring_parts.calls(desk)
    ]
    for held in contact_queries.unfinished(desk):
        text = (
            words.t("The file %(file)s waits for an answer.", file=plain(held.file_name))
            if held.state == "parked"
            else words.t("The file %(file)s could not be imported.", file=plain(held.file_name))
        )
        calls.append(alarms.Call("warning", text, "contacts", words.t("Contacts")))
    if not desk.account.may_send:
        text = words.t("The account has no legal name or postal address: nothing can be scheduled.")
        calls.append(alarms.Call("warning", text, "account", words.t("Account and senders")))
    if not calls:
        st.success(words.t("Nothing. All is in order."), icon=":material/check_circle:")
    alarms.draw(calls)


def _next(desk: Desk) -> None:
    words, seen = desk.words, queries.overview(desk)
    coming = seen.in_states(queries.NEXT)
    if not coming:
        st.caption(words.t("Nothing is scheduled."))
        link(words.t("Write a campaign"), "new_campaign", icon=":material/edit_square:")
    for item in sorted(coming, key=lambda i: (i.campaign.send_at is None, i.campaign.send_at or seen.as_of))[:5]:
        with st.container(horizontal=True, vertical_alignment="center"):
            link(f"**{plain(item.campaign.name)}**", "report", params={"campaign": str(item.campaign.id)})
            figures.state_badge(words, item.campaign.state)
        if item.campaign.send_at:
            st.caption(words.weekday(item.campaign.send_at))


show(home)
