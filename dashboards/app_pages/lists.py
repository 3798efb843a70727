"""A list of a campaign's people: `?campaign=ID&list=clickers&link=VARIANT.NUMBER&reason=…`."""

from __future__ import annotations

import streamlit as st

from dashboards import export_job, list_parts, list_queries, list_turn, queries
from dashboards.shell import Desk, as_of, show, slot
from dashboards.words import plain
from sillage.domain.ids import CampaignId
from sillage.lake.recipients import Wanted


def lists_page(desk: Desk) -> None:
    """Campaign, list, search, people."""
    words, known = desk.words, queries.campaign_names(desk)
    st.title(words.t("Lists"))
    if not known:
        st.info(words.t("There is no campaign yet."), icon=":material/campaign:")
        return
    asked = st.query_params.get("campaign", "")
    wanted_id = int(asked) if asked.isascii() and asked.isdigit() else next(iter(known))
    if wanted_id not in known:
        list_queries.campaign(desk, wanted_id)  # raises NotFound in the store's words
    ids = list(known)
    chosen = st.selectbox(
        words.t("Campaign"), ids, index=ids.index(wanted_id), format_func=lambda i: known[i],
        key=f"list_campaign_{wanted_id}",
    )  # fmt: skip
    if str(chosen) != asked:
        st.query_params["campaign"] = str(chosen)
        for key in ("link", "reason", "p"):
            st.query_params.pop(key, None)
    wanted, url = list_parts.wanted_of(desk, CampaignId(chosen))
    list_parts.choose(desk, wanted)
    search = st.text_input(words.t("Any part of an address or name"), key="list_search", icon=":material/search:")
    with slot(420).container():
        _people(desk, wanted, search, url, known[chosen])


def _people(desk: Desk, wanted: Wanted, search: str, url: str | None, campaign: str) -> None:
    words = desk.words
    page = list_queries.page(desk, wanted, search, list_parts.number_of(0))
    name = f"{words.t(list_parts.LISTS[wanted.name])} {campaign}"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(words.n("%(count)s person", "%(count)s people", page.size), width="content")
        if not search.strip():
            list_parts.file(desk, wanted, name, page.size)
            list_parts.turn(desk, wanted, name, page.size, url)
        list_parts.back(desk, wanted.campaign_id)
    if url:
        st.caption(plain(url))
    list_parts.notes(desk, wanted, page)
    list_turn.said(wanted)
    export_job.draw(desk)
    list_parts.people(desk, wanted, page)
    as_of(desk, page.as_of)


show(lists_page)
