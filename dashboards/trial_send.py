"""A test to colleagues, from wherever a mail is written: to whom, with whose data, and what became of the last ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import streamlit as st

from dashboards import queries
from dashboards.shell import Desk, boundary
from dashboards.words import plain
from sillage.campaign.trial_send import MAX_COLLEAGUES, Version, send_test, versions_of
from sillage.domain.campaign import MessageKind
from sillage.domain.ids import ContactId
from sillage.store import people, trial_mails
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
        whose = _contact(desk, key)
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


def _contact(desk: Desk, key: str) -> ContactId | None:
    words = desk.words
    asked = st.text_input(
        words.t("Filled with the data of"), key=f"trial_contact_{key}", placeholder=words.t("name or address"),
        help=words.t("Left empty, it is filled with a sample."),
    ).strip()  # fmt: skip
    if not asked:
        return None
    with desk.store.read() as conn:
        found = people.search(conn, desk.account_id, asked, limit=20)
    if not found:
        st.caption(words.t("Nobody is called so."))
        return None
    named = {contact.id: contact.email or contact.phone or str(contact.id) for contact in found}
    who = st.selectbox(words.t("Contact"), list(named), format_func=named.__getitem__, key=f"trial_who_{key}")
    return ContactId(who or found[0].id)


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
