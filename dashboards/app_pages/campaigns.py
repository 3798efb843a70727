"""Campaigns: each with its state, its audience, how far it is, and its rates. Filters stand in the address."""

from __future__ import annotations

import streamlit as st

from dashboards import controls, figures, freshness, progress, queries, terms
from dashboards.queries import Listed
from dashboards.shell import Desk, as_of, link, live, show
from dashboards.words import Words, plain
from sillage.domain.campaign import CampaignState

RATES = ("open_rate", "click_rate", "reactivity_rate", "bounce_rate", "unsubscribe_rate", "complaint_rate")
A_PAGE = 15
# Three of them stand side by side on a phone's screen.
RATE_WIDTH = 128


def campaigns_page(desk: Desk) -> None:
    """Filters above, the list below; the list is alive while anything runs."""
    words = desk.words
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.title(words.t("Campaigns"))
        link(words.t("New campaign"), "new_campaign", icon=":material/edit_square:")
    _filters(words)
    runs = bool(queries.overview(desk).in_states(queries.RUNNING | {CampaignState.SCHEDULED}))
    live(_list, desk, every=1 if runs else None)


def _filters(words: Words) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        states = [state.value for state in CampaignState]
        held = st.query_params.get("state", "")
        state = st.selectbox(
            words.t("State"), ["", *states], index=["", *states].index(held) if held in states else 0,
            format_func=lambda s: terms.term(words, terms.CAMPAIGN_STATES, s) if s else words.t("all"),
            key="campaign_state", width=220,
        )  # fmt: skip
        name = st.text_input(words.t("Name contains"), value=st.query_params.get("q", ""), key="campaign_name")
    for key, value in (("state", state), ("q", name.strip())):
        if value:
            st.query_params[key] = value
        else:
            st.query_params.pop(key, None)


def _list(desk: Desk) -> None:
    words, seen = desk.words, queries.overview(desk)
    wanted, part = st.query_params.get("state"), st.query_params.get("q", "").casefold()
    found = [
        item
        for item in seen.campaigns
        if (not wanted or item.campaign.state == wanted) and part in item.campaign.name.casefold()
    ]
    if not seen.campaigns:
        st.info(words.t("There is no campaign yet."), icon=":material/campaign:")
    elif not found:
        st.info(words.t("No campaign fits these filters."), icon=":material/filter_alt_off:")
    shown = st.session_state.get("campaigns_shown", A_PAGE)
    for item in found[:shown]:
        _card(desk, item)
    if len(found) > shown and st.button(words.t("Show more")):
        st.session_state["campaigns_shown"] = shown + A_PAGE
        st.rerun(scope="fragment")
    as_of(desk, seen.as_of)
    built = freshness.marts_as_of(desk)
    if built and any(item.campaign.state not in queries.RUNNING and item.figures for item in found):
        st.caption(
            words.t("Rates of campaigns that are over: as of %(moment)s.", moment=words.second(built["as_of_at"]))
        )


def _card(desk: Desk, item: Listed) -> None:
    words, campaign = desk.words, item.campaign
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            link(f"**{plain(campaign.name)}**", "report", params={"campaign": str(campaign.id)})
            figures.state_badge(words, campaign.state)
        st.caption(_when(words, item))
        progress.bar(words, item.balance, campaign.state)
        if item.figures:
            with st.container(horizontal=True):
                for metric in RATES:
                    _rate(words, item.figures, metric)
        controls.buttons(desk, campaign, item.balance)


def _rate(words: Words, row: queries.Row, metric: str) -> None:
    numerator, denominator, why = figures.RATES[metric]
    known = f"{figures.of(words, row[numerator], row[denominator])}. {terms.meaning(words, metric)}"
    st.metric(
        words.t(terms.METRICS[metric]), figures.rate_text(words, row, metric), width=RATE_WIDTH,
        help=known if row[metric] is not None else words.t(why),
    )  # fmt: skip


def _when(words: Words, item: Listed) -> str:
    campaign = item.campaign
    parts = [terms.term(words, terms.KINDS, campaign.kind)]
    if campaign.audience is not None:
        parts.append(words.n("%(count)s recipient", "%(count)s recipients", campaign.audience))
    if campaign.started_at:
        parts.append(words.t("left %(moment)s", moment=words.minute(campaign.started_at)))
    elif campaign.send_at:
        parts.append(words.t("leaves %(moment)s", moment=words.weekday(campaign.send_at)))
    return " · ".join(parts)


show(campaigns_page)
