"""The parts of taking in a mail that was made elsewhere: where it comes from, its fields, its pictures, its styles."""

from __future__ import annotations

import streamlit as st

from dashboards import draft_preview
from dashboards.draft_parts import author
from dashboards.shell import Desk, boundary, go
from dashboards.words import plain
from sillage.campaign import drafting
from sillage.campaign.sentence import FIELDS
from sillage.content import foreign, inline, intake
from sillage.content.foreign import KEPT, Foreign
from sillage.content.intake import MAX_SOURCE, MAX_ZIP, TakenIn
from sillage.domain.campaign import SourceKind
from sillage.domain.contact import TEXT_FIELDS
from sillage.errors import BadInput
from sillage.store import drafts
from sillage.store import fields as custom_fields
from sillage.store.drafts import Written

HELD = "taken_in"
MAX_ASKED = 40
WAYS = {
    "email": "address of the contact", "unsubscribe_url": "way out", "withdraw_tracking_url": "withdraw tracking",
    "web_version_url": "view online", "legal_identity": "who sends it", "reason": "why they get it",
}  # fmt: skip


def sources(desk: Desk) -> None:
    """A file, a source that is pasted, or the address of a page."""
    words = desk.words
    file_tab, paste_tab, web_tab = st.tabs([words.t("From a file"), words.t("From a source"), words.t("From the web")])
    with file_tab, st.form("take_file"), boundary(words):
        file = st.file_uploader(
            words.t("MJML, HTML, or a ZIP with HTML and its pictures"), type=["mjml", "html", "htm", "zip", "txt"],
            key="mail_file", max_upload_size=MAX_ZIP // (1024 * 1024),
        )  # fmt: skip
        if st.form_submit_button(words.t("Read it"), type="primary") and file is not None:
            st.session_state[HELD] = intake.from_file(file.getvalue(), file.name)
    with paste_tab, st.form("take_source"), boundary(words):
        text = st.text_area(words.t("MJML or HTML"), height=260, key="mail_source")
        st.caption(words.t("What comes from Word or a web page is pasted into a text of the editor, which cleans it."))
        if st.form_submit_button(words.t("Read it"), type="primary") and text.strip():
            if len(text) > MAX_SOURCE:
                raise BadInput(
                    words.t(
                        "This has %(count)s signs, and %(most)s is the most: take its pictures out.",
                        count=words.number(len(text)), most=words.number(MAX_SOURCE),
                    ),
                    code="too_large",
                )  # fmt: skip
            st.session_state[HELD] = intake.from_file(text.encode("utf-8", "replace"), words.t("Pasted mail"))
    with web_tab, st.form("take_page"), boundary(words):
        url = st.text_input(words.t("Address of the page"), key="mail_url", placeholder="https://")
        if st.form_submit_button(words.t("Fetch it"), type="primary") and url.strip():
            with st.spinner(words.t("Fetching the page")):
                st.session_state[HELD] = drafting.fetched(desk.settings, url)


def review(desk: Desk, found: TakenIn) -> None:
    """What was read, what is to be decided, and the button that makes a draft of it."""
    words = desk.words
    st.subheader(plain(found.name))
    body, kept = foreign.readable(found.body)
    if kept:
        st.info(
            words.n(
                "%(count)s part has braces that mean nothing here, and is kept as text: %(parts)s",
                "%(count)s parts have braces that mean nothing here, and are kept as text: %(parts)s",
                len(kept), parts=plain(", ".join(list(dict.fromkeys(kept))[:8])),
            ),
            icon=":material/data_object:",
        )  # fmt: skip
    answers = _fields(desk, [one for one in foreign.found(body) if one.text not in kept][:MAX_ASKED])
    body = foreign.put(body, answers)
    inlines = copies = False
    if found.kind is SourceKind.HTML and inline.has_sheet(body):
        inlines = st.toggle(
            words.t("Put the styles into the tags"), value=True, key="take_inline",
            help=words.t("Some mail readers drop style sheets. Nothing else of the mail changes."),
        )  # fmt: skip
    outside = [u for u in intake.pictures_of(body) if u.lower().startswith(("http://", "https://"))]
    if outside:
        copies = st.toggle(
            words.n("Copy %(count)s picture from the web into the library",
                    "Copy %(count)s pictures from the web into the library", len(outside)),
            key="take_pictures",
            help=words.t("Else the mail shows them from where they are, as long as they are there."),
        )  # fmt: skip
    if inlines:
        body = inline.inlined(body)
    with boundary(words):
        if st.button(words.t("Make a draft of it"), type="primary", icon=":material/edit_document:", key="take_make"):
            _make(desk, TakenIn(found.name, found.kind, body, found.pictures), copies=copies)
    draft_preview.mail(desk, Written(found.kind, body), width=660)


def _fields(desk: Desk, found: list[Foreign]) -> dict[str, tuple[str, str]]:
    """What each field of another service means here, with what stands there where it is empty."""
    words = desk.words
    if not found:
        return {}
    st.markdown(f"**{words.t('Fields of another service')}**")
    st.caption(words.t("Say what each means here, and what stands there for people of whom it is not known."))
    with desk.store.read() as conn:
        own = sorted(custom_fields.types(conn, desk.account_id))
    named = {
        KEPT: words.t("keep it as text"), **{name: words.t(FIELDS[name]) for name in TEXT_FIELDS},
        **{name: words.t(text) for name, text in WAYS.items()}, **{name: name for name in own},
    }  # fmt: skip
    answers = {}
    for number, one in enumerate(found):
        left, middle, right = st.columns([2, 2, 2], vertical_alignment="bottom")
        left.code(one.text, language=None)
        choices = list(named)
        meaning = middle.selectbox(
            words.t("means"), choices, index=choices.index(one.meaning) if one.meaning in named else 0,
            format_func=named.__getitem__, key=f"means_{number}_{one.text}",
        )  # fmt: skip
        default = ""
        if meaning not in {KEPT, *WAYS}:
            default = right.text_input(words.t("if empty"), key=f"empty_{number}_{one.text}")
        answers[one.text] = (meaning, default)
    return answers


def _make(desk: Desk, found: TakenIn, *, copies: bool) -> None:
    words = desk.words
    missing: list[str] = []
    if copies:
        with st.spinner(words.t("Fetching the pictures")):
            found, missing = drafting.with_web_pictures(desk.settings, found)
    ready, faults = drafting.ready_pictures(found)
    with desk.store.write() as conn:
        body = drafting.keep_pictures(conn, desk.settings, desk.account_id, found.body, ready, now=desk.now())
        made = drafts.create(
            conn, desk.account_id, found.name or words.t("Taken in"), Written(found.kind, body), by=author(desk),
            now=desk.now(),
        )  # fmt: skip
    for fault in (*faults, *(words.t("%(url)s could not be had.", url=plain(url)) for url in missing)):
        st.toast(plain(fault), icon=":material/broken_image:")
    st.session_state.pop(HELD, None)
    go(words.t("Editor"), "editor", {"draft": str(made.id)})
