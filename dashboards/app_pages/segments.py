"""Segments: each with its size and what it says; and a builder that counts while one builds."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import streamlit as st

from dashboards import figures, overlap, segment_form, segment_life, segment_queries
from dashboards.shell import Desk, link, show
from dashboards.words import Words, plain
from sillage.domain.segment import parse_tree
from sillage.domain.segment_presets import PRESETS
from sillage.errors import BadInput
from sillage.store import segments


def segments_page(desk: Desk) -> None:
    """The list, then the builder."""
    words = desk.words
    st.title(words.t("Segments"))
    sizes = segment_queries.sizes(desk)
    if asked := st.query_params.get("segment"):
        _one(desk, asked, sizes)
    if sizes:
        figures.table(
            [words.t(h) for h in ("Segment", "Who is in it", "Contacts")],
            [
                [_linked(name), plain(segment_form.in_words(words, tree)), words.number(size)]
                for name, tree, size in sizes
            ],
            left=2,
        )
    else:
        st.info(words.t("There is no segment yet. A campaign goes to segments: make the first one here."),
                icon=":material/filter_alt:")  # fmt: skip
    names = [size[0] for size in sizes]
    if len(sizes) > 1:
        _compare(desk, names)
    if sizes:
        segment_life.over_time(desk, names)
        segment_life.follow_up(desk, names)
    st.subheader(words.t("Build a segment"))
    _presets(words)
    tree = segment_form.builder(desk)
    if (preset := st.session_state.get("segment_preset")) and tree is None:
        tree = PRESETS[preset]
    if tree is None:
        return
    count = segment_queries.size(desk, tree)
    st.metric(words.t("Contacts in it, as of now"), words.number(count))
    st.caption(plain(segment_form.in_words(words, tree)))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input(words.t("Name of the segment"), key="segment_name")
        held = {size[0] for size in sizes}
        label = words.t("Replace this segment") if name.strip() in held else words.t("Save the segment")
        if st.button(label, type="primary", key="segment_save"):
            _save(desk, name.strip(), tree)


def _linked(name: str) -> str:
    """A segment's name with the address that opens it."""
    return f"[{plain(name)}](segments?{urlencode({'segment': name})})"


def _one(desk: Desk, name: str, sizes: list[tuple[str, Any, int | None]]) -> None:
    """The segment of the address.

    Raises: NotFound.
    """
    words = desk.words
    with desk.store.read() as conn:
        segments.by_name(conn, desk.account_id, name)
    (tree, size), *_ = [(tree, size) for held, tree, size in sizes if held == name]
    with st.container(border=True):
        st.subheader(plain(name))
        st.caption(plain(segment_form.in_words(words, tree)))
        st.metric(words.t("Contacts in it, as of now"), words.number(size))
        link(words.t("Write to them"), "new_campaign", icon=":material/edit_square:", params={"segment": name})


def _presets(words: Words) -> None:
    with st.popover(words.t("Ready-made segments"), icon=":material/auto_awesome:"):
        for name, tree in PRESETS.items():
            st.markdown(f"**{plain(words.t(name))}** · {plain(segment_form.in_words(words, tree))}")
            if st.button(words.t("Take it"), key=f"segment_preset_{name}"):
                st.session_state["segment_preset"] = name


def _compare(desk: Desk, names: list[str]) -> None:
    words = desk.words
    with st.expander(words.t("Compare two segments"), icon=":material/join_inner:"):
        left, right = st.columns(2)
        first = left.selectbox(words.t("First"), names, index=None, key="segment_first",
                               placeholder=words.t("Choose"))  # fmt: skip
        second = right.selectbox(words.t("Second"), names, index=None, key="segment_second",
                                 placeholder=words.t("Choose"))  # fmt: skip
        if first and second:
            alone, both, others = segment_queries.overlap(desk, first, second)
            said = words.t(
                "%(both)s in both, %(first)s only in the first, %(second)s only in the second",
                both=words.number(both), first=words.number(alone), second=words.number(others),
            )  # fmt: skip
            st.image(overlap.picture((alone, both, others), (first, second), said), width=560)
            st.caption(said)


def _save(desk: Desk, name: str, tree: object) -> None:
    words = desk.words
    if not name:
        raise BadInput(words.t("The segment has no name: give it one."), code="no_name", field="name")
    with desk.store.write() as conn:
        segments.save(conn, desk.account_id, name, parse_tree(tree), now=desk.now())
    st.cache_data.clear()
    st.toast(words.t("%(name)s is saved.", name=plain(name)), icon=":material/check:")
    st.rerun()


show(segments_page)
