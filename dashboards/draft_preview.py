"""A draft as its readers see it: on three widths, in the dark, as text, and as one contact gets it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from dashboards import contact_choice, template_parts
from dashboards.own_pictures import with_own_pictures
from dashboards.shell import Desk, boundary
from dashboards.template_parts import NAMES, WIDTHS
from sillage.campaign.audience import audience_of
from sillage.campaign.prepare import footer_of
from sillage.content.merge import segments_named
from sillage.content.message import Source
from sillage.content.preview import shown, shown_as_text
from sillage.domain.campaign import MessageKind
from sillage.store.drafts import Written
from sillage.store.merge_fields import of_contact

DARK, TEXT = "dark", "text"


def preview(desk: Desk, written: Written, *, shows_outside: bool) -> None:
    """What is chosen above stands below."""
    words = desk.words
    with st.container(horizontal=True, vertical_alignment="bottom"):
        names = {**{n: words.t(NAMES[n]) for n in WIDTHS}, DARK: words.t("in the dark"), TEXT: words.t("as text")}
        way = st.segmented_control(
            words.t("Seen on"), list(names), default="desktop", required=True, key="preview_way",
            format_func=names.__getitem__,
        )  # fmt: skip
        fields = _reader(desk, written.body)
    if way == TEXT:
        with boundary(words):
            footer = footer_of(desk.account, MessageKind.MARKETING)
            st.code(shown_as_text(titled(desk, written), footer, fields), language=None, wrap_lines=True)
        return
    mail(
        desk, written, width=WIDTHS.get(str(way), 660), fields=fields, is_dark=way == DARK, shows_outside=shows_outside
    )


def mail(
    desk: Desk, written: Written, *, width: int, fields: dict[str, Any] | None = None, is_dark: bool = False,
    shows_outside: bool = False,
) -> None:  # fmt: skip
    """The mail in a frame in which nothing runs."""
    with boundary(desk.words):
        page = page_of(desk, written, fields, is_dark=is_dark, shows_outside=shows_outside)
        template_parts.preview(page, width, desk.words.t("The mail"))


def page_of(
    desk: Desk, written: Written, fields: dict[str, Any] | None = None, *, is_dark: bool = False,
    shows_outside: bool = False,
) -> str:  # fmt: skip
    """The page of a mail, with the pictures of the library in it.

    Raises: BadInput where it can't be compiled.
    """
    footer = footer_of(desk.account, MessageKind.MARKETING)
    page = shown(titled(desk, written), footer, fields, is_dark=is_dark, shows_outside=shows_outside)
    return with_own_pictures(desk, page)


def _reader(desk: Desk, body: str) -> dict[str, Any] | None:
    """The fields of a contact who is looked for by name or address; None: nobody was chosen."""
    words = desk.words
    who = contact_choice.chosen(desk, words.t("As this contact sees it"), key="preview_contact")
    if who is None:
        return None
    with desk.store.read() as conn:
        fields = of_contact(conn, desk.account_id, who)
    if segments_named(body):
        with audience_of(desk.store, desk.account_id, desk.settings) as audience:
            fields["segments"] = [name for name, is_in in audience.segments_of(who).items() if is_in]
    return {key: value for key, value in fields.items() if value not in (None, "")}


def titled(desk: Desk, written: Written) -> Source:
    """A draft may have no subject yet, and is looked at all the same."""
    return (
        written.source if written.subject.strip() else replace(written.source, subject=desk.words.t("Without subject"))
    )
