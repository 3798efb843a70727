"""The parts of the page of the editor: the draft that is open, saving it, what others did meanwhile, its history."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import streamlit as st

from dashboards import draft_preview, trial_send
from dashboards.mail_editor import mail_editor, told, uploaded
from dashboards.shell import Desk, boundary, go, live
from dashboards.words import plain
from sillage.campaign.trial_send import Version
from sillage.content.images import picture_of
from sillage.domain.campaign import MessageKind, SourceKind
from sillage.errors import BadInput
from sillage.store import drafts, images, templates
from sillage.store.drafts import DraftMail, Written

WATCHED_EVERY_S = 4.0
SOURCE_HEIGHT = 560


@dataclass(slots=True)
class Open:
    """A draft as this window holds it, made from `version`."""

    id: int
    version: int
    written: Written
    opened: int = 0
    is_late: bool = False
    """Whether somebody else's save was first: what is written here is kept aside until one of the two is chosen."""
    image_fault: str = ""
    has_images: bool = False
    """Whether the pictures of the library are sent to the editor."""
    shows_outside: bool = False
    fault: str = ""
    """Why the editor can't keep what it was opened on; the source is shown in its place until it changes."""

    @property
    def token(self) -> str:
        """Another one opens the editor anew."""
        return f"{self.id}-{self.opened}"


def author(desk: Desk) -> int | None:
    """Who saves."""
    return desk.member.user_id if desk.member else None


def held(desk: Desk, draft_id: int) -> Open:
    """The draft of the address, as this window began it or went on with it.

    Raises: NotFound.
    """
    key = f"draft_{draft_id}"
    found = st.session_state.get(key)
    with desk.store.read() as conn:
        draft = drafts.get(conn, desk.account_id, draft_id)
    if not isinstance(found, Open):
        found = _opened(draft, 0)
        st.session_state[key] = found
    with boundary(desk.words):
        if (body := told(found.token)) is not None:
            keep(desk, found, replace(found.written, body=body))
    return found


def _opened(draft: DraftMail, number: int) -> Open:
    return Open(draft.id, draft.version, draft.written, number)


def keep(desk: Desk, room: Open, written: Written) -> None:
    """Save what is written; where another save was first, it is kept aside and the page says so."""
    if written == room.written:
        return
    with desk.store.write() as conn:
        saved = drafts.save(
            conn, desk.account_id, room.id, written, version=room.version, by=author(desk), now=desk.now()
        )
    room.written = written
    room.is_late = saved.is_aside
    if not saved.is_aside:
        room.version = saved.draft.version


def head(desk: Desk, room: Open, draft: DraftMail) -> None:
    """Name, subject and preheader; each is saved when it is left."""
    words = desk.words
    name = st.text_input(words.t("Name"), draft.name, key=f"name_{room.id}", help=words.t("Only you see it."))
    if name.strip() and name.strip() != draft.name:
        with desk.store.write() as conn:
            drafts.rename(conn, desk.account_id, room.id, name)
    left, right = st.columns(2)
    subject = left.text_input(
        words.t("Subject"), room.written.subject, key=f"subject_{room.token}",
        help=words.t("Merge fields stand in double braces, with a default: {{ first_name | default: 'friend' }}"),
    )  # fmt: skip
    preheader = right.text_input(
        words.t("Preheader"), room.written.preheader, key=f"preheader_{room.token}",
        help=words.t("What the inbox shows behind the subject."),
    )  # fmt: skip
    with boundary(words):
        keep(desk, room, replace(room.written, subject=subject, preheader=preheader))


def design(desk: Desk, room: Open, *, shows_outside: bool) -> None:
    """The editor; a source that it can't keep is shown as a source, with the reason."""
    words = desk.words
    if room.written.kind is not SourceKind.MJML:
        st.info(
            words.t("This mail is written in HTML, which is kept as it is: change it in its source."),
            icon=":material/code:",
        )
        source(desk, room)
        return
    if room.fault:
        st.warning(
            words.t("This can't be changed by drag and drop, and stays as it is: %(why)s", why=plain(room.fault)),
            icon=":material/code:",
        )
        source(desk, room)
        return
    if shows_outside != room.shows_outside:
        # The policy of the canvas is set when it is made.
        room.shows_outside = shows_outside
        room.opened += 1
    # The body as it is now: the editor goes on with what it holds, and one that was off the page begins with this.
    edited = mail_editor(
        desk, room.token, room.written.body, has_images=room.has_images, image_fault=room.image_fault,
        shows_outside=shows_outside,
    )  # fmt: skip
    if edited.fault:
        room.fault = edited.fault
        st.rerun()
    if edited.source is not None:
        with boundary(words):
            keep(desk, room, replace(room.written, body=edited.source))
    if edited.wants_images and not room.has_images:
        room.has_images = True
        st.rerun()
    if edited.upload:
        _take_in(desk, room, edited.upload)


def source(desk: Desk, room: Open) -> None:
    """What the mail is written in, to be changed by hand."""
    words = desk.words
    with st.form(f"source_{room.token}"), boundary(words):
        body = st.text_area(words.t("Source"), room.written.body, height=SOURCE_HEIGHT, key=f"body_{room.token}")
        if st.form_submit_button(words.t("Take over the source"), type="primary"):
            keep(desk, room, replace(room.written, body=body))
            anew(room)
            st.rerun()


def anew(room: Open) -> None:
    """Open the editor on what is written now."""
    room.opened += 1
    room.fault = ""


def _take_in(desk: Desk, room: Open, upload: Any) -> None:
    name, alt, raw = uploaded(upload)
    room.image_fault = ""
    try:
        picture = picture_of(raw, name)
        with desk.store.write() as conn:
            images.keep(conn, desk.settings, desk.account_id, name, picture, alt=alt, now=desk.now())
    except BadInput as exc:
        room.image_fault = str(exc)
    st.rerun()


def watch(desk: Desk, room: Open) -> None:
    """Say it soon where somebody else saved the same draft, and let one of the two be chosen."""
    live(partial(_others, room=room), desk, every=WATCHED_EVERY_S)


def _others(desk: Desk, room: Open) -> None:
    words = desk.words
    with desk.store.read() as conn:
        now = drafts.get(conn, desk.account_id, room.id)
    if now.version == room.version:
        return
    who = plain(now.saved_by_name) or words.t("somebody")
    moment = words.since(now.saved_at, desk.now())
    if not room.is_late and now.written == room.written:
        room.version = now.version
        return
    st.warning(
        words.t(
            "%(who)s saved this draft at %(moment)s. What you write is kept aside, in the history, until you choose.",
            who=who, moment=moment,
        ),
        icon=":material/group:",
    )  # fmt: skip
    with st.container(horizontal=True):
        if st.button(words.t("Go on with theirs"), key=f"theirs_{room.id}", icon=":material/download:"):
            _put(desk, room, room.written, is_mine=False)
        if st.button(words.t("Put mine in its place"), key=f"mine_{room.id}", icon=":material/publish:"):
            _put(desk, room, room.written, is_mine=True)


def _put(desk: Desk, room: Open, mine: Written, *, is_mine: bool) -> None:
    """Choose one of two; the other one stays in the history."""
    with desk.store.write() as conn:
        now = drafts.get(conn, desk.account_id, room.id)
        aside = drafts.save(
            conn, desk.account_id, room.id, mine, version=now.version if is_mine else room.version, by=author(desk),
            now=desk.now(),
        )  # fmt: skip
    st.session_state[f"draft_{room.id}"] = _opened(aside.draft, room.opened + 1)
    st.rerun(scope="app")


def history(desk: Desk, room: Open) -> None:
    """The states that are kept; each can be looked at, and be put in the place of what is there."""
    words = desk.words
    with desk.store.read() as conn:
        found = drafts.history(conn, desk.account_id, room.id)
    st.caption(words.n("%(count)s state is kept.", "The last %(count)s states are kept.", len(found)))
    named = {}
    for v in found:
        aside = words.t("kept aside") if v.is_aside else ""
        told = (words.second(v.saved_at), v.saved_by_name, v.written.subject[:60], aside)
        named[v.id] = " · ".join(part for part in told if part)
    chosen = st.selectbox(words.t("State"), list(named), format_func=named.__getitem__, key=f"state_{room.token}")
    if chosen is None:
        return
    with desk.store.read() as conn:
        state = drafts.state(conn, desk.account_id, room.id, chosen)
    if st.button(words.t("Go back to this state"), key=f"restore_{room.token}", icon=":material/restore:"):
        keep(desk, room, state.written)
        anew(room)
        st.rerun()
    draft_preview.mail(desk, state.written, width=660)


def ways_on(desk: Desk, room: Open) -> None:
    """What comes after writing."""
    words = desk.words
    if st.button(words.t("Use it in a campaign"), type="primary", icon=":material/send:", key=f"use_{room.id}"):
        go(words.t("New campaign"), "new_campaign", {"draft": str(room.id)})
    trial_send.popover(
        desk, f"draft_{room.id}", MessageKind.MARKETING,
        lambda sender: [Version("A", sender, room.written.source)],
    )  # fmt: skip
    with st.popover(words.t("Save as a template"), icon=":material/dashboard_customize:"), boundary(words):
        name = st.text_input(words.t("Name of the template"), key=f"template_name_{room.id}")
        if st.button(words.t("Save as a template"), type="primary", key=f"template_save_{room.id}"):
            with desk.store.write() as conn:
                templates.save(conn, desk.account_id, name, room.written.source, now=desk.now())
            st.toast(words.t("%(name)s is among your templates.", name=plain(name)))
