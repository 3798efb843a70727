"""The way to the first campaign: what is done, what comes next, and where; it goes when a campaign has left."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from dashboards import queries
from dashboards.shell import Desk, link
from sillage.domain.campaign import CampaignState
from sillage.store import campaigns, contacts, segments

_LEFT = queries.RUNNING | {CampaignState.CLOSED}


@dataclass(frozen=True, slots=True)
class Facts:
    """What an account has already."""

    has_identity: bool
    has_sender: bool
    has_contacts: bool
    has_segment: bool
    has_campaign: bool
    has_sent: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do: what, why, on which page, and whether it is done."""

    text: str
    why: str
    page: str
    is_done: bool


def steps(facts: Facts) -> list[Step]:
    """The steps in their order; none once a campaign has left."""
    if facts.has_sent:
        return []
    return [
        Step("Say who you are", "Each mail shows your legal name and postal address.", "account", facts.has_identity),
        Step("Add a sender", "The name and address that readers see.", "account", facts.has_sender),
        Step("Import your contacts", "A file of addresses, with the consent that you hold.", "contacts",
             facts.has_contacts),
        Step("Make a segment", "Whom a campaign goes to.", "segments", facts.has_segment),
        Step("Write a campaign", "Choose a template, and put your words in.", "templates", facts.has_campaign),
        Step("Send it", "Look at the anti-spam test, then schedule it.", "campaigns", facts.has_sent),
    ]  # fmt: skip


def facts_of(desk: Desk) -> Facts:
    """What there is, at this moment."""
    with desk.store.read() as conn:
        found = campaigns.listed(conn, desk.account_id)
        return Facts(
            has_identity=desk.account.may_send,
            has_sender=bool(campaigns.senders_of(conn, desk.account_id)),
            has_contacts=bool(contacts.listed(conn, desk.account_id, limit=1)),
            has_segment=bool(segments.listed(conn, desk.account_id)),
            has_campaign=bool(found),
            has_sent=any(c.state in _LEFT for c in found),
        )


def draw(desk: Desk) -> None:
    """The steps, the next one with the way to it."""
    words, found = desk.words, steps(facts_of(desk))
    if not found:
        return
    done = sum(step.is_done for step in found)
    with st.container(border=True):
        st.subheader(words.t("Your first campaign"))
        st.progress(done / len(found), text=words.t("%(done)s of %(all)s steps done", done=words.number(done),
                                                    all=words.number(len(found))))  # fmt: skip
        is_next = True
        for step in found:
            if step.is_done:
                st.markdown(f":green[:material/check_circle:] {words.t(step.text)}")
            elif is_next:
                is_next = False
                st.markdown(f":material/radio_button_unchecked: **{words.t(step.text)}**  \n{words.t(step.why)}")
                link(words.t("Do it now"), step.page, icon=":material/arrow_forward:")
            else:
                st.markdown(f":material/radio_button_unchecked: {words.t(step.text)}")
