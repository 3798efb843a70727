"""What a person may do to a campaign, as buttons that say what they do; what can't be undone asks with the number."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import sqlalchemy as sa
import streamlit as st

from dashboards import alarms, draft_list, terms, trial_send
from dashboards.draft_parts import author
from dashboards.progress import handed_over
from dashboards.shell import Desk, link
from dashboards.words import plain
from sillage.campaign import schedule as moves
from sillage.campaign.again import is_for
from sillage.domain.campaign import CampaignState as S
from sillage.store import deliveries
from sillage.store.campaigns import Balance, Campaign
from sillage.store.incidents import Incident, PausedSlice

MAY_PAUSE = (S.SENDING, S.WAITING)
MAY_TRY = (S.DRAFT, S.APPROVAL, S.SCHEDULED)
MAY_CANCEL = (S.DRAFT, S.APPROVAL, S.SCHEDULED, S.PLANNED, S.SENDING, S.WAITING, S.PAUSED, S.HELD)


def buttons(desk: Desk, campaign: Campaign, balance: Balance) -> None:
    """Those that the campaign's state allows, side by side. Raises what the move raises: the boundary says it."""
    words, key = desk.words, f"campaign-{campaign.id}"
    left = balance.audience - handed_over(balance)
    with st.container(horizontal=True, vertical_alignment="center"):
        if campaign.state in MAY_PAUSE and st.button(
            words.t("Pause"), icon=":material/pause:", key=f"pause-{key}", help=words.t("Stops within a second.")
        ):
            _move(desk, lambda conn: moves.pause(conn, desk.account_id, campaign.id, reason=words.t("by hand")))
        if campaign.state is S.PAUSED:
            with st.popover(words.t("Resume"), icon=":material/play_arrow:", key=f"ask-resume-{key}"):
                st.write(words.n("Go on with %(name)s? %(count)s person waits for it.",
                                 "Go on with %(name)s? %(count)s people wait for it.", left,
                                 name=plain(campaign.name)))  # fmt: skip
                if st.button(words.n("Send to %(count)s person", "Send to %(count)s people", left),
                             key=f"resume-{key}", type="primary"):  # fmt: skip
                    _move(desk, lambda conn: moves.resume(conn, desk.account_id, campaign.id, now=desk.now()))
        _before(desk, campaign, key)
        if campaign.state is S.HELD and st.button(
            words.t("Send now after all"), icon=":material/send:", key=f"held-{key}"
        ):
            _move(desk, lambda conn: moves.resume(conn, desk.account_id, campaign.id))
        if campaign.state is S.CLOSED:
            _missing(desk, campaign, key)
        draft_list.of_campaign(desk, campaign)
        if is_for(campaign):
            link(words.t("Once more to who did not react"), "again", icon=":material/replay:",
                 params={"campaign": str(campaign.id)})  # fmt: skip
        if campaign.state in MAY_CANCEL:
            with st.popover(words.t("Cancel"), icon=":material/cancel:", key=f"ask-cancel-{key}"):
                st.write(_cancel_question(desk, campaign, balance, left))
                if st.button(words.t("Cancel it for good"), key=f"cancel-{key}", type="primary"):
                    _move(desk, lambda conn: moves.cancel(conn, desk.account_id, campaign.id, now=desk.now()))


def _before(desk: Desk, campaign: Campaign, key: str) -> None:
    """What may be done to one that has not left."""
    words = desk.words
    if (
        campaign.state is S.DRAFT
        and campaign.send_at is None
        and st.button(
            words.t("Send now"), icon=":material/send:", key=f"now-{key}", help=words.t("Planned within a minute.")
        )
    ):
        _move(
            desk,
            lambda conn: moves.schedule(
                conn, desk.account_id, campaign.id, send_at=desk.now(), by=author(desk), now=desk.now()
            ),
        )
    if campaign.state is S.APPROVAL:
        link(words.t("Look at it, and approve"), "approvals", icon=":material/verified:",
             params={"campaign": str(campaign.id)})  # fmt: skip
    if campaign.state in MAY_TRY:
        trial_send.of_campaign(desk, campaign)


def slices(desk: Desk, campaign: Campaign, paused: list[PausedSlice], stopped: list[Incident]) -> None:
    """Parts of a campaign that are paused at one provider, each with why and the way on."""
    words = desk.words
    for part in paused:
        provider = terms.term(words, terms.PROVIDERS, part.provider)
        st.warning(
            words.t("Paused at %(provider)s since %(moment)s: %(why)s.", provider=provider,
                    moment=words.minute(part.at), why=alarms.why_paused(words, part.why, stopped, part.provider)),
            icon=":material/pause_circle:",
        )  # fmt: skip
        label = words.t("Resume at %(provider)s", provider=provider)
        if st.button(label, icon=":material/play_arrow:", key=f"resume-slice-{campaign.id}-{part.provider}"):
            _move(desk, partial(_resume_slice, desk, campaign, part.provider))


def _resume_slice(desk: Desk, campaign: Campaign, provider: str, conn: sa.Connection) -> None:
    moves.resume_slice(conn, desk.account_id, campaign.id, provider, now=desk.now())


def _missing(desk: Desk, campaign: Campaign, key: str) -> None:
    """Offer to send to those whom a closed campaign has not reached: those in doubt only if asked."""
    words = desk.words
    with desk.store.read() as conn:
        found = deliveries.missing(conn, desk.account_id, campaign.id)
    doubtful = found.pop("in_doubt", 0)
    sure = sum(found.values())
    if not sure + doubtful:
        return
    with st.popover(words.t("Send to the missing"), icon=":material/replay:", key=f"ask-missing-{key}"):
        st.write(words.n("%(count)s person was not reached: our side failed, or their server put us off to the end.",
                         "%(count)s people were not reached: our side failed, or their servers put us off to the end.",
                         sure))  # fmt: skip
        asked = bool(doubtful) and st.checkbox(
            words.n("Also to %(count)s person in doubt, who may get it twice",
                    "Also to %(count)s people in doubt, who may get it twice", doubtful),
            key=f"doubtful-{key}", value=not sure,
        )  # fmt: skip
        count = sure + (doubtful if asked else 0)
        if count and st.button(words.n("Send to %(count)s person", "Send to %(count)s people", count),
                               key=f"missing-{key}", type="primary"):  # fmt: skip
            _move(
                desk,
                lambda conn: moves.send_to_missing(conn, desk.account_id, campaign.id, doubtful=asked, now=desk.now()),
            )


def _cancel_question(desk: Desk, campaign: Campaign, balance: Balance, left: int) -> str:
    words, name = desk.words, plain(campaign.name)
    if not balance.audience:
        return words.t("Cancel %(name)s? Nobody has got it, and nobody will. This can't be undone.", name=name)
    return words.n(
        "Cancel %(name)s? %(count)s person has not got it yet and never will. This can't be undone.",
        "Cancel %(name)s? %(count)s people have not got it yet and never will. This can't be undone.",
        left,
        name=name,
    )


def _move(desk: Desk, move: Callable[[sa.Connection], object]) -> None:
    """One move in one transaction, and the page anew."""
    with desk.store.write() as conn:
        move(conn)
    st.cache_data.clear()
    st.rerun(scope="app")
