"""A test to colleagues, from wherever a mail is written: to whom, with whose data, and what became of the last ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import streamlit as st

from dashboards import contact_choice, queries
from dashboards.shell import Desk, boundary
from dashboards.words import plain
from sillage.campaign.trial_send import MAX_COLLEAGUES, Version, send_test, versions_of
from sillage.domain.campaign import MessageKind
from sillage.store import trial_mails
from sillage.store.campaigns import Campaign, Sender

STATES = {"due": "on its way", "sent": "taken by the server", "failed": "refused by the server"}
_BETWEEN = re.compile(r"[\s,;]+")
SHOWN = 5

Versions = Callable[[Sender], Sequence[Version]]


def popover(
    desk: Desk, key: str, kind: MessageKind, versions: Versions, *, sender: Sender | None = None,
    chooses_sender: bool = True,
) -> None:  # fmt: skip
    """A button that opens the form. `versions` are made for the sender that is chosen; `sender` is the first choice."""
    words = desk.words
    with st.popover(words.t("Send a test"), icon=":material/outgoing_mail:", key=f"trial_{key}"), boundary(words):
        senders = queries.senders(desk)
        if not senders:
            st.info(words.t("A campaign needs a sender, and there is none yet."), icon=":material/badge:")
            return
        st.caption(
            words.t(
                "It leaves as a campaign does, marked [Test] in its subject. It counts in no figure, and its links"
                " lead straight to their targets."
            )
        )
        typed = st.text_area(
            words.t("To these colleagues"), key=f"trial_to_{key}", height=90,
            value=desk.member.email if desk.member else "",
            help=words.t("Up to %(count)s addresses, each on a line.", count=words.number(MAX_COLLEAGUES)),
        )  # fmt: skip
        chosen = _sender(desk, key, senders, sender) if chooses_sender else senders[0]
        whose = contact_choice.chosen(
            desk, words.t("Filled with the data of"), key=f"trial_contact_{key}",
            told=words.t("Left empty, it is filled with a sample."),
        )  # fmt: skip
        if st.button(words.t("Send the test"), type="primary", key=f"trial_go_{key}", icon=":material/send:"):
            count = send_test(
                desk.store, desk.settings, desk.account, kind, versions(chosen),
                [part for part in _BETWEEN.split(typed) if part], contact_id=whose,
                by=desk.member.email if desk.member else "",
            )  # fmt: skip
            st.success(
                words.n("%(count)s test mail is on its way.", "%(count)s test mails are on their way.", count),
                icon=":material/check_circle:",
            )
        _last(desk)


def _sender(desk: Desk, key: str, senders: list[Sender], first: Sender | None) -> Sender:
    known = [s.id for s in senders]
    return st.selectbox(
        desk.words.t("Sender"), senders, key=f"trial_sender_{key}",
        index=known.index(first.id) if first is not None and first.id in known else 0,
        format_func=lambda s: f"{s.name} <{s.email}>",
    )  # fmt: skip


def of_campaign(desk: Desk, campaign: Campaign) -> None:
    """The same for a campaign that has not left yet; each of its versions comes from its own sender."""

    def versions(_chosen: Sender) -> list[Version]:
        with desk.store.read() as conn:
            return versions_of(conn, desk.account_id, campaign)

    popover(desk, f"campaign_{campaign.id}", campaign.kind, versions, chooses_sender=False)


def _last(desk: Desk) -> None:
    """What became of the last ones."""
    words = desk.words
    with desk.store.read() as conn:
        found = trial_mails.listed(conn, desk.account_id, SHOWN)
    if found:
        st.caption(f"**{words.t('The last ones')}**")
    for mail in found:
        why = f": {plain(mail.error)}" if mail.error else ""
        told = words.t(STATES[mail.state])
        st.caption(f"{words.since(mail.created_at, desk.now())} · {plain(mail.email)} · {told}{why}")
