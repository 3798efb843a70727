"""Checks of a draft beside the anti-spam test: can everybody read it, do its links lead anywhere, how does it look."""

from __future__ import annotations

import streamlit as st

from dashboards import draft_preview, sample_check
from dashboards.shell import Desk, boundary
from dashboards.template_parts import WIDTHS
from dashboards.words import plain
from sillage import picture
from sillage.campaign.link_check import MAX_LINKS, Checked, LinkState, check_links
from sillage.campaign.prepare import footer_of
from sillage.content.accessibility import ADVICE, barriers
from sillage.content.inline import inlined
from sillage.content.preview import shown_links, shown_whole
from sillage.domain.campaign import MessageKind
from sillage.store.drafts import Written

STATES = {
    LinkState.ALIVE: "leads somewhere", LinkState.DEAD: "is dead", LinkState.UNSURE: "answers, but not to us",
    LinkState.SILENT: "does not answer", LinkState.REFUSED: "may not be asked from here",
}  # fmt: skip
_TALL = 2400


def checks(desk: Desk, written: Written) -> None:
    """Each in a part of its own; what can't be compiled says so once."""
    words = desk.words
    source = draft_preview.titled(desk, written)
    with boundary(words):
        footer = footer_of(desk.account, MessageKind.MARKETING)
        page, urls = shown_whole(source, footer), shown_links(source, footer)
        sample_check.tell(desk, source)
        st.subheader(words.t("Readable by everybody"))
        _barriers(desk, page)
        st.subheader(words.t("Links"))
        _links(desk, urls)
        st.subheader(words.t("In a real browser"))
        _picture(desk, written)


def _barriers(desk: Desk, page: str) -> None:
    words = desk.words
    # A sheet's colours are in the tags then, where they can be told.
    found = barriers(inlined(page))
    if not found:
        st.success(words.t("Nothing is in the way of anybody."), icon=":material/accessibility_new:")
    for rule in dict.fromkeys(one.rule for one in found):
        those = [one for one in found if one.rule == rule]
        told = {"ratio": words.decimal(those[0].ratio), "enough": words.decimal(those[0].enough)}
        where = ", ".join(one.where for one in those[:4] if one.where)
        st.markdown(f":material/warning: {words.t(ADVICE[rule], **told)}" + (f" · {plain(where)}" if where else ""))


def _links(desk: Desk, urls: list[str]) -> None:
    words = desk.words
    if not urls:
        st.caption(words.t("There is no link in it."))
        return
    untagged = [url for url in urls if "utm_" not in url]
    if untagged:
        st.markdown(
            words.n(
                "%(count)s link has no UTM tags: your site's statistics won't know that people came by this mail.",
                "%(count)s links have no UTM tags: your site's statistics won't know that people came by this mail.",
                len(untagged),
            )
        )  # fmt: skip
    held = f"links_{hash(tuple(urls))}"
    if st.button(
        words.n("Ask %(count)s link now", "Ask %(count)s links now", min(len(urls), MAX_LINKS)), key="ask_links",
        icon=":material/link:", help=words.t("Each is fetched once, from this server."),
    ):  # fmt: skip
        bar = st.progress(0.0)

        def tell(done: int, of: int) -> None:
            bar.progress(done / of, f"{words.number(done)} / {words.number(of)}")

        st.session_state[held] = check_links(urls, may_be_private=desk.settings.webhooks_may_be_private, tell=tell)
        bar.empty()
    _told(desk, st.session_state.get(held) or [])


def _told(desk: Desk, found: list[Checked]) -> None:
    words = desk.words
    if found and all(one.state is LinkState.SILENT for one in found):
        st.warning(
            words.t("No link answers: this server may have no way to the Internet."), icon=":material/cloud_off:"
        )
    for one in found:
        icon = {LinkState.ALIVE: "check_circle", LinkState.DEAD: "error"}.get(one.state, "help")
        said = f" ({one.said})" if one.said.isdecimal() else ""
        st.markdown(f":material/{icon}: {plain(one.url)} · {words.t(STATES[one.state])}{said}")


def _picture(desk: Desk, written: Written) -> None:
    words = desk.words
    if picture.browser() is None:
        st.caption(words.t("No Chromium is installed on this server, so there is no picture from a real browser."))
        return
    if st.button(words.t("Take pictures"), key="take_pictures_of", icon=":material/photo_camera:"):
        with st.spinner(words.t("Taking pictures")), st.container(horizontal=True):
            for width in (WIDTHS["desktop"], WIDTHS["phone"]):
                page = draft_preview.page_of(desk, written)
                st.image(picture.picture_of_page(page, width=width, height=_TALL), width=width)
