"""The sidebar below the navigation: which account, which language, who is signed in, where help is."""

from __future__ import annotations

from html import escape

import streamlit as st

from dashboards.front.forms import NAMES
from dashboards.shell import installation, signed_in, signed_out
from dashboards.words import Words, plain
from sillage.access import SignedIn
from sillage.domain.sign_in import Role
from sillage.i18n import LANGUAGES
from sillage.settings import Settings
from sillage.store import users

WATCHED_EVERY_S = 20
ROLES = {Role.OWNER: "owner", Role.MEMBER: "member"}


def sidebar(words: Words, found: SignedIn) -> None:
    """Everything that is not navigation."""
    if len(found.memberships) > 1:
        _account(words, found)
    _help(words, installation()[0])
    _language(words, found)
    links = [("/me", words.t("Password")), ("/sign-out", words.t("Sign out"))]
    # Links of markdown would open another window; these are pages outside Streamlit.
    ways = " · ".join(
        f'<a href="{href}" target="_self" style="color:inherit">{escape(label)}</a>' for href, label in links
    )
    st.html(f'<p style="font-size:0.875rem">{escape(found.user.name)}<br>{ways}</p>')


def watch(words: Words) -> None:
    """Say it soon where a session ended elsewhere, even on a page where nothing moves."""

    def look() -> None:
        if signed_in() is None:
            signed_out(words)

    st.fragment(look, run_every=WATCHED_EVERY_S)()


def _account(words: Words, found: SignedIn) -> None:
    slugs = [m.slug for m in found.memberships]
    names = {m.slug: m.account_name for m in found.memberships}
    asked = st.query_params.get("account") or st.session_state.get("account")
    held = asked if asked in slugs else slugs[0]
    taken = st.selectbox(
        words.t("Account"), slugs, index=slugs.index(held), format_func=names.__getitem__, key=f"account_of_{held}"
    )
    if taken != held:
        st.session_state["account"] = st.query_params["account"] = taken
        st.rerun()
    if st.query_params.get("account") != held and asked in {None, held}:
        # The address says which account, so that it can be passed on to somebody who works in several.
        st.query_params["account"] = held


def _language(words: Words, found: SignedIn) -> None:
    taken = st.segmented_control(
        words.t("Language"), LANGUAGES, format_func=NAMES.__getitem__, default=words.language, required=True,
        key=f"language_from_{words.language}", label_visibility="collapsed",
    )  # fmt: skip
    if taken and taken != words.language:
        with installation()[1].write() as conn:
            users.set_language(conn, found.user.id, taken)
        st.query_params.pop("lang", None)
        st.rerun()


def _help(words: Words, settings: Settings) -> None:
    """What the operator says of help; nothing where they said nothing."""
    lines = [
        (":material/schedule:", plain(settings.help_hours)),
        (":material/call:", plain(settings.help_phone)),
        (":material/mail:", plain(settings.help_email)),
    ]
    told = [f"{icon} {text}" for icon, text in lines if text]
    if not told and not settings.help_link:
        return
    with st.popover(words.t("Help"), icon=":material/help:", width="stretch"):
        for line in told:
            st.markdown(line)
        if settings.help_link:
            st.link_button(words.t("Open the help pages"), settings.help_link, icon=":material/open_in_new:")
