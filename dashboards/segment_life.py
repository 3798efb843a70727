"""What becomes of segments over time: their sizes as a picture, who enters and leaves, and links that fill groups."""

from __future__ import annotations

import streamlit as st

from dashboards import charts, figures, queries, segment_queries
from dashboards.shell import Desk
from dashboards.words import plain
from sillage.store import groups, segment_members, segments

MOST_LINES = 5


def over_time(desk: Desk, names: list[str]) -> None:
    """The sizes of up to five segments, as they were counted each hour and after each import."""
    words = desk.words
    with st.expander(words.t("Sizes over time"), icon=":material/show_chart:"):
        chosen = st.multiselect(
            words.t("Segments"),
            names,
            default=names[:MOST_LINES],
            max_selections=MOST_LINES,
            key="segment_lines",
            placeholder=words.t("Choose"),
        )
        rows = segment_queries.histories(desk, tuple(chosen))
        if rows:
            st.altair_chart(charts.sizes_over_time(rows, words))
        else:
            st.caption(words.t("Nothing counted yet: Dagster counts each segment every hour."))


def follow_up(desk: Desk, names: list[str]) -> None:
    """Which segments are watched, and which links put people into a group."""
    words = desk.words
    with st.expander(words.t("What follows by itself"), icon=":material/bolt:"):
        with desk.store.read() as conn:
            ids = {s.name: s.id for s in segments.listed(conn, desk.account_id)}
            watched = segment_members.watched(conn, desk.account_id)
        held = [name for name in names if ids.get(name) in watched]
        chosen = st.multiselect(
            words.t("Segments of which entering and leaving are events"), names, default=held, key="segment_watched",
            placeholder=words.t("Choose"),
            help=words.t("They are on each contact's page, and automation can begin with them."),
        )  # fmt: skip
        if set(chosen) != set(held) and st.button(words.t("Save what is watched"), key="segment_watch"):
            with desk.store.write() as conn:
                for name in set(chosen) ^ set(held):
                    segment_members.watch(conn, desk.account_id, ids[name], is_watched=name in chosen)
            st.rerun()
        _links(desk)


def _links(desk: Desk) -> None:
    words = desk.words
    st.markdown(f"**{words.t('A click on a link puts the person into a group')}**")
    named = queries.campaign_names(desk)
    with desk.store.read() as conn:
        rules = segment_members.link_rules(conn, desk.account_id)
        group_names = {int(g.id): g.name for g in groups.listed(conn, desk.account_id)}
    if rules:
        figures.table(
            [words.t(h) for h in ("Campaign", "Link", "Group")],
            [[plain(named.get(int(r.campaign_id), "")), plain(r.url), plain(group_names.get(int(r.group_id), ""))]
             for r in rules], left=3,
        )  # fmt: skip
    if not named:
        st.caption(words.t("There is no campaign yet."))
        return
    left, middle, right = st.columns(3)
    campaign = left.selectbox(
        words.t("Campaign"),
        list(named),
        index=None,
        format_func=named.__getitem__,
        key="link_campaign",
        placeholder=words.t("Choose"),
    )
    urls = queries.links_of(desk, campaign) if campaign is not None else []
    url = middle.selectbox(words.t("Link"), urls, index=None, key="link_url", placeholder=words.t("Choose"))
    group = right.text_input(words.t("Group"), key="link_group").strip()
    if st.button(words.t("Fill the group by this link"), key="link_save", disabled=not (campaign and url and group)):
        now = desk.now()
        with desk.store.write() as conn:
            group_id = groups.get_or_create(conn, desk.account_id, group, now=now)
            segment_members.put_clickers_into(conn, desk.account_id, campaign, url, group_id, now=now)  # type: ignore[arg-type]
        st.cache_data.clear()
        st.rerun()
