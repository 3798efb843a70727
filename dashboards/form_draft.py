"""The form of a new campaign survives a reload: what it holds is kept in a draft, which the address names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import streamlit as st

from dashboards.draft_parts import author
from dashboards.shell import Desk, link
from sillage.domain.ab_test import Criterion, Decide, Otherwise
from sillage.domain.campaign import MessageKind, SourceKind
from sillage.store import drafts
from sillage.store.campaigns import Sender
from sillage.store.drafts import Written

_KEPT = re.compile(
    r"(name|kind|when|include|exclude|(subject|preheader|language|source)_[A-Z]|default_[A-Z]_.{1,200}"
    r"|versions|way|share(_[A-Z])?|after_[A-Z]|criterion|lift_[a-z]{1,40}|hours|decide|otherwise|hold_out"
    r"|test_size)"
)
_ONE_OF: dict[str, type[Criterion | Decide | Otherwise | MessageKind]] = {
    "kind": MessageKind, "criterion": Criterion, "decide": Decide, "otherwise": Otherwise,
}  # fmt: skip
_SENDER = re.compile(r"sender(_[A-Z])?")
"""The campaign's sender, and that of a version of its own: kept by number."""
_LONGEST = 1_000_000


def begin(desk: Desk, senders: Sequence[Sender], segments: Sequence[str]) -> None:
    """Put the draft of the address into the form, once: its content, and what the form held when it was left.

    Raises: NotFound.
    """
    asked = st.query_params.get("draft", "")
    held = st.session_state
    held.setdefault("kind", MessageKind.MARKETING)
    held.setdefault("when", "draft")
    if not asked.isdecimal():
        # Another form: what the last one was kept in is not its draft.
        for key in ("form_draft", "form_version", "form_kept"):
            held.pop(key, None)
        return
    if held.get("form_draft") == asked:
        return
    with desk.store.read() as conn:
        draft = drafts.get(conn, desk.account_id, int(asked))
    _restore(draft.form, senders, segments)
    _put(draft.written)
    held["form_draft"], held["form_version"], held["form_kept"] = asked, draft.version, _form()


def _restore(form: Mapping[str, Any], senders: Sequence[Sender], segments: Sequence[str]) -> None:
    """What the form held, as its widgets want it."""
    held = st.session_state
    held.update({key: value for key, value in form.items() if _KEPT.fullmatch(key)})
    held.update({key: kind(form[key]) for key, kind in _ONE_OF.items() if key in form})
    # What is gone since can't be chosen any more.
    for key in ("include", "exclude"):
        held[key] = [name for name in held.get(key) or [] if name in segments]
    known = {sender.id: sender for sender in senders}
    held.update({key: known[value] for key, value in form.items() if _SENDER.fullmatch(key) and value in known})
    if isinstance(at := form.get("at"), str):
        held["at"] = datetime.fromisoformat(at)


def ways(desk: Desk) -> None:
    """Where the content may come from, and where it is written with ease."""
    words = desk.words
    with st.container(horizontal=True):
        link(words.t("Begin with a template"), "templates", icon=":material/dashboard_customize:")
        if draft := st.session_state.get("form_draft"):
            link(words.t("Open in the editor"), "editor", icon=":material/edit_document:", params={"draft": draft})


def _put(written: Written) -> None:
    held = st.session_state
    held["subject_A"], held["preheader_A"], held["source_A"] = written.subject, written.preheader, written.body
    held["language_A"] = written.kind.value.upper()


def keep(desk: Desk) -> None:
    """Keep what the form holds; a form in which something was written gets a draft of its own.

    Raises: BadInput.
    """
    held = st.session_state
    form = _form()
    written = Written(
        SourceKind(str(held.get("language_A", "MJML")).lower()), str(held.get("source_A", "")),
        str(held.get("subject_A", "")), str(held.get("preheader_A", "")),
    )  # fmt: skip
    mark = held.get("form_draft")
    if held.get("form_kept") == form:
        return
    if not mark:
        if not (str(held.get("name", "")).strip() or written.subject.strip()):
            return
        with desk.store.write() as conn:
            made = drafts.create(
                conn, desk.account_id, str(held.get("name") or written.subject), written, by=author(desk),
                now=desk.now(), form=form,
            )  # fmt: skip
        held["form_draft"], held["form_version"] = str(made.id), made.version
        st.query_params["draft"] = str(made.id)
    else:
        with desk.store.write() as conn:
            saved = drafts.save(
                conn, desk.account_id, int(mark), written, version=held["form_version"], by=author(desk),
                now=desk.now(),
            )  # fmt: skip
            drafts.keep_form(conn, desk.account_id, int(mark), form)
        if not saved.is_aside:
            held["form_version"] = saved.draft.version
    held["form_kept"] = form


def _form() -> dict[str, Any]:
    """What of the form is kept, as plain data; the content of version A is the draft's own."""
    held = st.session_state
    found: dict[str, Any] = {
        str(key): value
        for key, value in held.items()
        if _KEPT.fullmatch(str(key)) and isinstance(value, str | int | float | bool | list) and _is_short(value)
    }
    for key, value in held.items():
        if _SENDER.fullmatch(str(key)) and isinstance(value, Sender):
            found[str(key)] = value.id
    if isinstance(at := held.get("at"), datetime):
        found["at"] = at.isoformat()
    return found


def _is_short(value: object) -> bool:
    return not isinstance(value, str) or len(value) <= _LONGEST
