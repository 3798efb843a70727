"""The columns of a file: its first rows, what each column means, and the types of the fields that come of them."""

from __future__ import annotations

import polars as pl
import streamlit as st

from dashboards.shell import Desk
from dashboards.words import Words, plain
from sillage.campaign.sentence import CONTACT_FIELDS
from sillage.domain.field import FieldType
from sillage.ingest import Inspection
from sillage.ingest.mapping import FIELDS, IGNORED, OWN, key_of
from sillage.store import fields

MAX_COLUMNS_SHOWN = 60
COLUMN_FIELDS = {
    **CONTACT_FIELDS,
    "marketing_consent": "consent to marketing",
    "subscription": "state of the subscription",
    "unsubscribed": "unsubscribed",
    "consent_at": "time of the consent",
    "consent_source": "source of the consent",
    "consent_ip": "IP of the consent",
    "tracking_consent": "consent to being measured",
}
TYPES = {
    FieldType.TEXT: "text",
    FieldType.NUMBER: "number",
    FieldType.DATE: "date",
    FieldType.BOOLEAN: "yes or no",
    FieldType.CHOICE: "choice",
}


def said_of(file_id: str) -> tuple[dict[str, str], dict[str, FieldType]]:
    """What was said so far of a file's columns: header to field, and header to type of the field made of it."""
    return st.session_state.get(f"mapping_{file_id}", {}), st.session_state.get(f"types_{file_id}", {})


def first_rows(words: Words, found: Inspection, rows: list[list[str]]) -> None:
    """The first rows as they were read, so that a wrong separator or encoding is seen before anything is imported."""
    if not rows:
        return
    names = [name or f"{number + 1}" for number, name in enumerate(found.columns[:MAX_COLUMNS_SHOWN])]
    unique = [name if names.index(name) == n else f"{name} ({n + 1})" for n, name in enumerate(names)]
    cells = {name: [row[n] if n < len(row) else "" for row in rows] for n, name in enumerate(unique)}
    st.caption(words.t("The first rows, as they were read"))
    st.dataframe(pl.DataFrame(cells), hide_index=True, height="content")


def columns(desk: Desk, file_id: str, found: Inspection) -> None:
    """What each column means, corrected by hand; it is remembered by its header for the account's next files."""
    words = desk.words
    mapping, types = said_of(file_id)
    with desk.store.read() as conn:
        known = fields.types(conn, desk.account_id)
        remembered = fields.meanings(conn, desk.account_id)
    with st.expander(words.t("What the columns mean"), expanded=False):
        st.caption(words.t("What you choose is remembered for the next file with the same header."))
        for column in found.columns[:MAX_COLUMNS_SHOWN]:
            held = mapping.get(column) or remembered.get(key_of(column)) or found.mapping.get(column, OWN)
            left, right = st.columns([3, 2])
            choices = [OWN, IGNORED, *FIELDS]
            chosen = left.selectbox(
                plain(column), choices, index=choices.index(held), key=f"column_{file_id}_{column}",
                format_func=lambda f: _field(words, f),
            )  # fmt: skip
            if chosen == OWN:
                _type(desk, right, file_id, column, known, types)
            if chosen != held:
                st.session_state[f"mapping_{file_id}"] = {**mapping, column: chosen}
                st.rerun()


def _type(
    desk: Desk, place: st.delta_generator.DeltaGenerator, file_id: str, column: str, known: dict[str, FieldType],
    types: dict[str, FieldType],
) -> None:  # fmt: skip
    """The type of the field that a column becomes; one that is there keeps its own."""
    words = desk.words
    if column in known:
        place.text_input(words.t("Type"), words.t(TYPES[known[column]]), disabled=True, key=f"known_{file_id}_{column}")
        return
    kind = place.selectbox(
        words.t("Type"), list(FieldType), index=list(FieldType).index(types.get(column, FieldType.TEXT)),
        key=f"type_{file_id}_{column}", format_func=lambda t: words.t(TYPES[t]),
    )  # fmt: skip
    if kind is not types.get(column, FieldType.TEXT):
        others = {name: held for name, held in types.items() if name != column}
        st.session_state[f"types_{file_id}"] = others if kind is FieldType.TEXT else {**others, column: kind}
        st.rerun()


def _field(words: Words, field: str) -> str:
    if field == OWN:
        return words.t("a field of its own")
    return words.t("left out") if field == IGNORED else words.t(COLUMN_FIELDS.get(field, field))
