"""List hygiene: what looks wrong among the contacts, each list with its count and its one action."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from dashboards import figures
from dashboards.freshness import SLOW_S, cached
from dashboards.hygiene_words import BUTTONS, TITLES
from dashboards.shell import Desk, as_of, boundary, show
from dashboards.words import NOTHING, plain
from sillage.hygiene import ACTIONS, Done, Found, Kind, act, lists_of
from sillage.hygiene.resolver import check

SHOWN = 20
MOST_DOMAINS = 1_000


def hygiene_page(desk: Desk) -> None:
    """The lists, one under the other; an empty one is one line."""
    words = desk.words
    st.title(words.t("List hygiene"))
    st.caption(words.t("Who is suppressed already is on none of these lists."))
    with st.spinner(words.t("Looking at all addresses …")):
        counts, shown, now = _lists(desk)
    left = [kind for kind in Kind if counts[kind]]
    for kind in left:
        with st.container(border=True):
            _list(desk, kind, counts[kind], shown[kind])
    clean = [words.t(TITLES[kind][0]) for kind in Kind if not counts[kind]]
    if clean:
        st.caption(words.t("Nothing found:") + " " + " · ".join(clean))
    _resolver(desk)
    as_of(desk, now)


@cached(SLOW_S, waits=False)
def _lists(desk: Desk) -> tuple[dict[Kind, int], dict[Kind, list[Found]], datetime]:
    """All counts, and the first of each list."""
    now = desk.now()
    with lists_of(desk.store, desk.account_id, now, desk.reader) as lists:
        counts = lists.counts()
        return counts, {kind: lists.shown(kind, limit=SHOWN) for kind in Kind if counts[kind]}, now


def _list(desk: Desk, kind: Kind, count: int, shown: Sequence[Found]) -> None:
    words, (title, meaning) = desk.words, TITLES[kind]
    st.markdown(f"**{words.t(title)}** · {words.number(count)}")
    st.caption(words.t(meaning))
    with st.expander(words.t("Show the first of them")):
        figures.table(
            [words.t("Address"), words.t("Meant, or kept")],
            [[plain(one.email), plain(one.fix or NOTHING)] for one in shown],
            left=2,
        )
    one, many = BUTTONS[ACTIONS[kind]]
    with st.popover(words.n(one, many, count), key=f"ask-{kind}"), boundary(words):
        st.write(
            words.t("All of the list, not only those shown. Mail that is stopped can be allowed again one by one.")
        )
        if st.button(words.t("Do it now"), type="primary", key=f"do-{kind}"):
            with lists_of(desk.store, desk.account_id, desk.now(), desk.reader) as lists:
                found = lists.shown(kind)
            _say(desk, act(desk.store, desk.settings, desk.account_id, kind, found))


def _say(desk: Desk, done: Done) -> None:
    words = desk.words
    st.cache_data.clear()
    st.success(
        words.t(
            "%(corrected)s corrected, %(suppressed)s suppressed, %(grouped)s put into the group",
            corrected=words.number(done.corrected), suppressed=words.number(done.suppressed),
            grouped=words.number(done.grouped),
        )
    )  # fmt: skip


def _resolver(desk: Desk) -> None:
    words = desk.words
    if not desk.settings.resolver:
        st.caption(words.t("No resolver is set (SILLAGE_RESOLVER), so no domain is looked up."))
        return
    if st.button(words.t("Look up the domains now"), key="check-mx", icon=":material/dns:"):
        with boundary(words), st.spinner(words.t("Asking the resolver …")):
            with lists_of(desk.store, desk.account_id, desk.now()) as lists:
                domains = lists.domains()[:MOST_DOMAINS]
            asyncio.run(check(desk.store, desk.settings.resolver, domains, desk.now()))
        st.cache_data.clear()
        st.rerun()


show(hygiene_page)
