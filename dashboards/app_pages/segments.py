"""Segments: each with its size and what it says; and a builder that counts while one builds."""

from __future__ import annotations

import streamlit as st

from dashboards import figures, overlap, queries, segment_form, segment_life
from dashboards.shell import Desk, show
from dashboards.words import Words, plain
from sillage.domain.segment import parse_tree
from sillage.domain.segment_presets import PRESETS
from sillage.errors import BadInput
from sillage.store import segments


def segments_page(desk: Desk) -> None:
    """The list, then the builder."""
    words = desk.words
    st.title(words.t("Segments"))
    sizes = queries.segment_sizes(desk)
    if sizes:
        figures.table(
            [words.t(h) for h in ("Segment", "Who is in it", "Contacts")],
            [
                [plain(name), plain(segment_form.in_words(words, tree)), words.number(size)]
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
    count = queries.segment_size(desk, tree)
    st.metric(words.t("Contacts in it, as of now"), words.number(count))
    st.caption(plain(segment_form.in_words(words, tree)))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input(words.t("Name of the segment"), key="segment_name")
        held = {size[0] for size in sizes}
        label = words.t("Replace this segment") if name.strip() in held else words.t("Save the segment")
        if st.button(label, type="primary", key="segment_save"):
            _save(desk, name.strip(), tree)


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
            alone, both, others = queries.segment_overlap(desk, first, second)
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
