"""Build a segment from lines and groups of lines. The tree is plain data, as `parse_tree` reads it."""

from __future__ import annotations

from datetime import date
from typing import Any

import streamlit as st

from dashboards import behaviour_form, contact_queries
from dashboards.shell import Desk
from dashboards.words import Words
from sillage.campaign import sentence
from sillage.campaign.sentence import DAY_OPS, FIELDS, OPS
from sillage.domain.segment import DATE_OPS, MOMENTS, VALUELESS_OPS, parse_tree

Tree = dict[str, Any]

GROUP, OWN, LINES = "group", "own", "lines"
MAX_ROWS = 20
MAX_NESTED = 3
ALL_OPS = {**OPS, **DAY_OPS}
MOMENT_OPS = ("within_last", "longer_ago", "before", "after", "on")


def builder(desk: Desk) -> Tree | None:
    """Lines joined by all or any; None while nothing is said yet."""
    everyone = st.toggle(
        desk.words.t("Everyone"), key="segment_everyone", help=desk.words.t("All contacts of the account.")
    )
    tree = _lines(desk, "", 1)
    if everyone:
        return {"kind": "everyone"}
    if tree is None:
        st.caption(desk.words.t("Fill a line to see how many contacts fit."))
    return tree


def _lines(desk: Desk, place: str, depth: int) -> Tree | None:
    """The lines of one group; `place` is where it stands, such as `_2` for the group in the third line."""
    words = desk.words
    joined = st.segmented_control(
        words.t("People for whom"), ["and", "or"], default="and", required=True, key=f"segment_join{place}",
        format_func=lambda j: words.t("every line holds") if j == "and" else words.t("at least one line holds"),
    )  # fmt: skip
    count = f"segment_rows{place}"
    number = st.session_state.setdefault(count, 1)
    parts = [part for n in range(number) if (part := _row(desk, f"{place}_{n}", depth)) is not None]
    with st.container(horizontal=True):
        if number < MAX_ROWS:
            st.button(words.t("Add a line"), icon=":material/add:", key=f"segment_add{place}",
                      on_click=_resize, args=(count, number + 1))  # fmt: skip
        if number > 1:
            st.button(words.t("Remove the last line"), icon=":material/remove:", key=f"segment_remove{place}",
                      on_click=_resize, args=(count, number - 1))  # fmt: skip
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else {"kind": joined, "parts": parts}


def _resize(key: str, number: int) -> None:
    st.session_state[key] = number


def _row(desk: Desk, place: str, depth: int) -> Tree | None:
    words = desk.words
    sign, what, *rest = st.columns([1, 2, 2, 3], vertical_alignment="bottom")
    subjects = [GROUP, *FIELDS, OWN, *behaviour_form.KINDS, *([LINES] if depth < MAX_NESTED else [])]
    with what:
        subject = st.selectbox(
            words.t("What"), subjects, key=f"segment_what{place}", format_func=lambda s: _subject(words, s)
        )
    with sign:
        inverted = st.toggle(words.t("not"), key=f"segment_not{place}", help=words.t("Those for whom it doesn't hold."))
    if subject == LINES:
        with st.container(border=True):
            node = _lines(desk, place, depth + 1)
    elif subject == GROUP:
        node = _group(desk, place, rest[0])
    elif subject in behaviour_form.KINDS:
        node = behaviour_form.clause(desk, subject, place, rest)
    else:
        node = _field(words, subject, place, rest)
    return {"kind": "not", "part": node} if node is not None and inverted else node


def _group(desk: Desk, place: str, where: Any) -> Tree | None:
    names = [group.name for group in contact_queries.group_sizes(desk)]
    with where:
        name = st.selectbox(desk.words.t("Group"), names, index=None, key=f"segment_group{place}")
    return {"kind": "group", "name": name} if name else None


def _field(words: Words, subject: str, place: str, where: list[Any]) -> Tree | None:
    how, value = where
    name = subject
    with how:
        if subject == OWN:
            name = st.text_input(
                words.t("Name of the field"), key=f"segment_own{place}", help=words.t("As in the file's header.")
            ).strip()
        ops = MOMENT_OPS if subject in MOMENTS else tuple(ALL_OPS)
        op = st.selectbox(
            words.t("How"), ops, key=f"segment_op{place}", format_func=lambda o: words.t(ALL_OPS[o], days="…")
        )
    with value:
        said = _value(words, op, place)
    if not name or (said in ("", [], None) and op not in VALUELESS_OPS):
        return None
    node: Tree = {"kind": "field", "field": name, "op": op}
    return node if op in VALUELESS_OPS else {**node, "value": said}


def _value(words: Words, op: str, place: str) -> Any:
    key = f"segment_value{place}"
    if op in VALUELESS_OPS:
        return None
    if op in DAY_OPS:
        return float(st.number_input(words.t("Days"), 0, 36_600, 7, key=f"segment_days{place}"))
    if op in DATE_OPS:
        day = st.date_input(words.t("Day"), value=None, min_value=date(1900, 1, 1), key=f"segment_day{place}")
        return day.isoformat() if isinstance(day, date) else None
    said = st.text_input(
        words.t("Value"), key=key, help=words.t("Several values are separated by commas.") if op == "in" else None
    ).strip()
    return [part.strip() for part in said.split(",") if part.strip()] if op == "in" else said


def _subject(words: Words, subject: str) -> str:
    match subject:
        case "group":
            return words.t("Group")
        case "own":
            return words.t("A field of your own")
        case "lines":
            return words.t("A group of lines")
        case _:
            return words.t(FIELDS.get(subject) or behaviour_form.KINDS[subject])


def in_words(words: Words, tree: Any) -> str:
    """A tree (plain data) as a person says it."""
    return sentence.in_words(parse_tree(tree), words.t)
