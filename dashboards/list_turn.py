"""A list turned into something to send to: a segment, which follows what comes, or a group, which stays as it is."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboards import list_queries
from dashboards.shell import Desk
from dashboards.words import plain
from sillage.campaign import again
from sillage.domain.segment import parse_tree
from sillage.errors import BadInput
from sillage.lake.recipients import ListName, Wanted
from sillage.store import contacts, groups, segments

CHUNK = 5_000
SAID = "list_said"
_DID = {
    ListName.DELIVERED: "reached", ListName.OPENERS: "opened", ListName.NON_OPENERS: "not_opened",
    ListName.CLICKERS: "clicked",
}  # fmt: skip


def tree_of(wanted: Wanted, url: str | None = None) -> dict[str, Any] | None:
    """The list as a segment's tree; None where no tree says it. `url` is where the link of the list leads."""
    if wanted.name is ListName.NON_CLICKERS:
        return again.tree_of(wanted.campaign_id, again.To.NON_CLICKERS)
    did = _DID.get(wanted.name)
    if did is None or (wanted.link is not None and url is None):
        return None
    tree: dict[str, Any] = {"kind": "engaged", "did": did, "campaign": int(wanted.campaign_id)}
    return {**tree, "url": url} if wanted.link is not None else tree


def draw(desk: Desk, wanted: Wanted, *, name: str, size: int, url: str | None) -> None:
    """Two buttons under one name."""
    words = desk.words
    tree = tree_of(wanted, url)
    with st.popover(words.t("Use this list"), icon=":material/filter_alt:", disabled=not size):
        name = st.text_input(words.t("Name"), value=name, key="list_as", max_chars=200).strip()
        if tree is not None and st.button(words.t("Make a segment"), key="list_segment", type="primary"):
            _segment(desk, wanted, name, tree)
        if tree is not None:
            st.caption(words.t("A segment follows what comes: who clicks tomorrow is in it tomorrow."))
        label = words.n("Make a group of %(count)s person", "Make a group of %(count)s people", size)
        if st.button(label, key="list_group"):
            _group(desk, wanted, name)
        st.caption(words.t("A group stays as the list is now."))


def _segment(desk: Desk, wanted: Wanted, name: str, tree: dict[str, Any]) -> None:
    words = desk.words
    _named(desk, name)
    with desk.store.write() as conn:
        if name in {s.name for s in segments.listed(conn, desk.account_id)}:
            raise BadInput(words.t("There is a segment of that name: give this one another."), code="taken")
        segments.save(conn, desk.account_id, name, parse_tree(tree), now=desk.now())
    st.cache_data.clear()
    _say(wanted, words.t("%(name)s is saved.", name=plain(name)))


def _group(desk: Desk, wanted: Wanted, name: str) -> None:
    """In chunks, so that nobody waits for it; who has been erased since is no contact any more."""
    words = desk.words
    _named(desk, name)
    ids, now, put = list_queries.ids(desk, wanted), desk.now(), 0
    bar = st.progress(0.0)
    with desk.store.write() as conn:
        group = groups.get_or_create(conn, desk.account_id, name, now=now)
    for start in range(0, len(ids), CHUNK):
        with desk.store.write() as conn:
            there = [row[0] for row in contacts.fields_of(conn, desk.account_id, ids[start : start + CHUNK], ())]
            groups.add_members(conn, desk.account_id, group, there, now=now)
        put += len(there)
        bar.progress(min(1.0, (start + CHUNK) / len(ids)))
    bar.empty()
    st.cache_data.clear()
    _say(
        wanted,
        words.n("%(count)s person is in the group %(name)s.", "%(count)s people are in the group %(name)s.", put,
                name=plain(name)),
    )  # fmt: skip


def _say(wanted: Wanted, what: str) -> None:
    """It stays while the list is on the page: drawn in the run of the click alone, the next run would take it away."""
    st.session_state[SAID] = (wanted, what)
    st.rerun()


def said(wanted: Wanted) -> None:
    """What was made of this list, where something was."""
    of, what = st.session_state.get(SAID, (None, ""))
    if of == wanted:
        st.success(what, icon=":material/check_circle:")


def _named(desk: Desk, name: str) -> None:
    if not name:
        raise BadInput(desk.words.t("The list has no name: give it one."), code="no_name", field="name")
