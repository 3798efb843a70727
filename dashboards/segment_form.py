"""Build a segment from rows, and say a tree in words. The tree is plain data, as `parse_tree` reads it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboards import contact_queries
from dashboards.shell import Desk
from dashboards.words import NOTHING, Words
from sillage.domain.segment import STANDARD_FIELDS

Tree = dict[str, Any]

OPS = {
    "equals": "is",
    "contains": "contains",
    "starts_with": "starts with",
    "in": "is one of",
    "less": "is less than",
    "at_most": "is at most",
    "more": "is more than",
    "at_least": "is at least",
    "empty": "is empty",
}
FIELDS = {
    "email": "e-mail address",
    "phone": "phone",
    "first_name": "first name",
    "last_name": "last name",
    "company": "company",
    "country": "country",
    "city": "city",
    "postcode": "postcode",
    "language": "language",
    "birthday": "birthday",
    "provider": "mailbox provider",
    "source": "source",
}
GROUP, OWN = "group", "own"
MAX_ROWS = 20


def builder(desk: Desk) -> Tree | None:
    """Rows joined by all or any; None while nothing is said yet."""
    words = desk.words
    joined = st.segmented_control(
        words.t("People for whom"), ["and", "or"], default="and", required=True, key="segment_join",
        format_func=lambda j: words.t("every line holds") if j == "and" else words.t("at least one line holds"),
    )  # fmt: skip
    number = st.session_state.setdefault("segment_rows", 1)
    parts = [part for position in range(number) if (part := _row(desk, position)) is not None]
    with st.container(horizontal=True):
        if number < MAX_ROWS and st.button(words.t("Add a line"), icon=":material/add:", key="segment_add"):
            st.session_state["segment_rows"] = number + 1
            st.rerun()
        if number > 1 and st.button(words.t("Remove the last line"), icon=":material/remove:", key="segment_remove"):
            st.session_state["segment_rows"] = number - 1
            st.rerun()
        everyone = st.toggle(words.t("Everyone"), key="segment_everyone", help=words.t("All contacts of the account."))
    if everyone:
        return {"kind": "everyone"}
    if not parts:
        st.caption(words.t("Fill a line to see how many contacts fit."))
        return None
    return parts[0] if len(parts) == 1 else {"kind": joined, "parts": parts}


def _row(desk: Desk, position: int) -> Tree | None:
    words = desk.words
    what, how, value = st.columns([2, 2, 3], vertical_alignment="bottom")
    with what:
        subject = st.selectbox(
            words.t("What"), [GROUP, *FIELDS, OWN], key=f"segment_what_{position}",
            format_func=lambda s: _subject(words, s),
        )  # fmt: skip
    if subject == GROUP:
        return _group_row(desk, position, how, value)
    name = subject
    with how:
        if subject == OWN:
            name = st.text_input(
                words.t("Name of the field"), key=f"segment_own_{position}", help=words.t("As in the file's header.")
            ).strip()
        op = st.selectbox(
            words.t("How"), list(OPS), key=f"segment_op_{position}", format_func=lambda o: words.t(OPS[o])
        )
    with value:
        said = (
            ""
            if op == "empty"
            else st.text_input(
                words.t("Value"), key=f"segment_value_{position}",
                help=words.t("Several values are separated by commas.") if op == "in" else None,
            )
        ).strip()  # fmt: skip
    if not name or (not said and op != "empty"):
        return None
    node: Tree = {"kind": "field", "field": name, "op": op}
    if op == "in":
        node["value"] = [part.strip() for part in said.split(",") if part.strip()]
    elif op != "empty":
        node["value"] = said
    return node


def _group_row(desk: Desk, position: int, how: Any, value: Any) -> Tree | None:
    words = desk.words
    names = [group.name for group in contact_queries.group_sizes(desk)]
    with how:
        sign = st.selectbox(
            words.t("How"), ["in", "out"], key=f"segment_sign_{position}",
            format_func=lambda s: words.t("is in the group") if s == "in" else words.t("is not in the group"),
        )  # fmt: skip
    with value:
        name = st.selectbox(words.t("Group"), names, index=None, key=f"segment_group_{position}")
    if not name:
        return None
    node: Tree = {"kind": "group", "name": name}
    return node if sign == "in" else {"kind": "not", "part": node}


def _subject(words: Words, subject: str) -> str:
    if subject == GROUP:
        return words.t("Group")
    return words.t("A field of your own") if subject == OWN else words.t(FIELDS[subject])


def in_words(words: Words, tree: Tree) -> str:
    """A tree as a person says it."""
    match tree["kind"]:
        case "everyone":
            return words.t("everyone")
        case "group":
            return words.t("in the group %(name)s", name=tree["name"])
        case "not":
            return words.t("not (%(what)s)", what=in_words(words, tree["part"]))
        case "and" | "or":
            sign = words.t(" and ") if tree["kind"] == "and" else words.t(" or ")
            return sign.join(
                f"({text})" if part["kind"] in {"and", "or"} else text
                for part in tree["parts"]
                for text in [in_words(words, part)]
            )
        case _:
            return _field_in_words(words, tree)


def _field_in_words(words: Words, tree: Tree) -> str:
    name, value = tree["field"], tree.get("value")
    field = words.t(FIELDS[name]) if name in STANDARD_FIELDS and name in FIELDS else name
    if tree["op"] == "empty":
        return f"{field} {words.t(OPS['empty'])}"
    said = ", ".join(map(str, value)) if isinstance(value, list) else (NOTHING if value is None else str(value))
    return f"{field} {words.t(OPS[tree['op']])} {said}"
