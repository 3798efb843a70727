"""The drafts of an account: listed, begun, made of a campaign, thrown away."""

from __future__ import annotations

import streamlit as st

from dashboards.draft_parts import author
from dashboards.shell import ASSETS, Desk, go, link
from dashboards.words import plain
from sillage.campaign.copying import copy_name
from sillage.campaign.drafting import draft_of
from sillage.campaign.form import to_draft
from sillage.domain.campaign import SourceKind
from sillage.store import drafts
from sillage.store.campaigns import Campaign
from sillage.store.drafts import DraftMail, Written

STARTER = (ASSETS / "starter.mjml").read_text("utf-8")


def chooser(desk: Desk) -> None:
    """The drafts that there are, and the ways to begin one."""
    words = desk.words
    with desk.store.read() as conn:
        found = drafts.listed(conn, desk.account_id)
    with st.container(horizontal=True):
        if st.button(words.t("Begin with an empty mail"), type="primary", icon=":material/add:", key="begin_empty"):
            begin(desk, words.t("New mail"), Written(SourceKind.MJML, STARTER))
        link(words.t("Begin with a template"), "templates", icon=":material/dashboard_customize:")
        link(words.t("Take in a mail"), "take_in", icon=":material/upload_file:")
    st.subheader(words.t("Drafts"))
    if not found:
        st.info(words.t("There is no draft yet. What you write is saved by itself."), icon=":material/draft:")
    for draft in found:
        with st.container(border=True, horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            last = words.minute(draft.saved_at) + (f" · {plain(draft.saved_by_name)}" if draft.saved_by_name else "")
            st.markdown(f"**{plain(draft.name)}**  \n{plain(draft.written.subject)}  \n:small[{last}]", width="content")
            link(words.t("Go on writing"), "editor", icon=":material/edit:", params={"draft": str(draft.id)})
            _remove(desk, draft)


def _remove(desk: Desk, draft: DraftMail) -> None:
    words = desk.words
    with st.popover(words.t("Throw away"), icon=":material/delete:", key=f"ask_remove_{draft.id}"):
        st.write(words.t("Its history goes too. Campaigns made of it keep what they took."))
        if st.button(words.t("Throw this draft away"), type="primary", key=f"remove_{draft.id}"):
            with desk.store.write() as conn:
                drafts.remove(conn, desk.account_id, draft.id)
            st.rerun()


def begin(desk: Desk, name: str, written: Written) -> None:
    """Make a draft and go to it."""
    with desk.store.write() as conn:
        made = draft_of(conn, desk.settings, desk.account_id, name, written.source, by=author(desk), now=desk.now())
    go(desk.words.t("Editor"), "editor", {"draft": str(made.id)})


def of_campaign(desk: Desk, campaign: Campaign) -> None:
    """Two buttons that make a draft of a campaign: to send another like it, or to write its content anew."""
    words, key = desk.words, f"campaign-{campaign.id}"
    copies = st.button(
        words.t("Duplicate"), icon=":material/content_copy:", key=f"copy-{key}",
        help=words.t("A new campaign with the same content, audience and test; nothing leaves before you say so."),
    )  # fmt: skip
    edits = st.button(words.t("Open its content in the editor"), icon=":material/edit_document:", key=f"edit-{key}")
    if not (copies or edits):
        return
    with desk.store.write() as conn:
        name = copy_name(conn, desk.account, campaign)
        made = to_draft(conn, desk.settings, desk.account, campaign.id, name=name, by=author(desk), now=desk.now())
    if copies:
        go(words.t("New campaign"), "new_campaign", {"draft": str(made.id)})
    else:
        go(words.t("Editor"), "editor", {"draft": str(made.id)})
