"""Why a person may be mailed or not, the ledger that says so, and what may be done about it: one panel of a page."""

from __future__ import annotations

from datetime import UTC, datetime, time

import streamlit as st

from dashboards import figures, terms
from dashboards.shell import Desk, boundary
from dashboards.words import NOTHING, Words, plain
from sillage.domain.consent import Channel, Purpose
from sillage.domain.ids import ContactId
from sillage.store import consent, returns, standing
from sillage.store.returns import Proof
from sillage.store.standing import Explanation, LedgerLine

PURPOSES = {
    Purpose.MARKETING: "marketing",
    Purpose.OPEN_TRACKING: "measuring of opens",
    Purpose.CLICK_TRACKING: "measuring of clicks",
}
STATES = {"granted": "granted", "withdrawn": "withdrawn", "renewed": "renewed by an act"}
BASES = {
    "consent": "consent",
    "existing_customer": "existing customer",
    "professional": "professional address",
}


def consent_panel(desk: Desk, contact_id: ContactId) -> None:
    """The answer, every reason, the ledger, and the two acts by hand."""
    words = desk.words
    with desk.store.read() as conn:
        found = standing.explain(conn, desk.account_id, contact_id, Channel.EMAIL, desk.now())
    _answer(words, found)
    _tracking(words, found)
    _ledger(words, found.ledger)
    _withdraw(desk, found)
    if not found.is_mailable:
        _bring_back(desk, found)


def _answer(words: Words, found: Explanation) -> None:
    if found.is_mailable:
        st.subheader(words.t("Why may I mail this person?"))
        st.success(
            words.t(
                "On the ground of %(basis)s, since %(since)s. It lapses on %(end)s unless they act before.",
                basis=words.t(BASES.get(found.basis or "", "consent")),
                since=words.minute(found.agreed_at),
                end=words.minute(found.lapses_at),
            ),
            icon=":material/check_circle:",
        )
        return
    st.subheader(words.t("Why not?"))
    reasons = words.both(terms.term(words, terms.REASONS, reason) for reason in found.reasons)
    st.warning(words.t("No marketing leaves for this person: %(reasons)s.", reasons=reasons), icon=":material/block:")
    if found.service_reasons:
        st.caption(words.t("Nor any other message."))


def _tracking(words: Words, found: Explanation) -> None:
    said = [
        f"{words.t(PURPOSES[purpose])}: {words.t(STATES[state]) if state else words.t('nothing said')}"
        for purpose, state in (
            (Purpose.OPEN_TRACKING, found.open_tracking), (Purpose.CLICK_TRACKING, found.click_tracking),
        )
    ]  # fmt: skip
    st.caption(" · ".join(said))


def _ledger(words: Words, lines: list[LedgerLine]) -> None:
    st.markdown(f"**{words.t('The ledger of consent')}**")
    if not lines:
        st.caption(words.t("Nothing is written in it."))
        return
    headers = [words.t(h) for h in ("When", "Purpose", "What", "Source", "Words", "Proof", "Holds")]
    figures.table(headers, [_row(words, line) for line in lines], left=7)


def _row(words: Words, line: LedgerLine) -> list[str]:
    source = line.source if line.declared_by is None else f"{line.source} ({line.declared_by})"
    version = f" ({line.wording_version})" if line.wording_version else ""
    ground = "" if line.basis == "consent" else f" · {words.t(BASES[line.basis])}"
    return [
        words.minute(line.occurred_at),
        words.t(PURPOSES[line.purpose]),
        words.t(STATES[line.state]) + ground,
        plain(source or NOTHING),
        plain(line.wording + version) if line.wording else NOTHING,
        plain(line.proof or NOTHING),
        ":material/check:" if line.decides else "",
    ]


def _withdraw(desk: Desk, found: Explanation) -> None:
    words, key = desk.words, found.contact_id
    held = {line.purpose for line in found.ledger if line.decides and line.state == "granted"}
    holding = [purpose for purpose in Purpose if purpose in held]
    if not holding:
        return
    with st.popover(words.t("Withdraw a consent"), icon=":material/do_not_disturb_on:", key=f"ask-withdraw-{key}"):
        chosen = st.multiselect(
            words.t("For"), holding, default=[one for one in holding if one is Purpose.MARKETING],
            format_func=lambda one: words.t(PURPOSES[one]),
            key=f"withdraw-for-{key}-{'-'.join(holding)}",
        )  # fmt: skip
        reason = st.text_input(words.t("How they said it"), key=f"withdraw-proof-{key}")
        if st.button(words.t("Withdraw it now"), type="primary", key=f"withdraw-{key}", disabled=not chosen):
            with desk.store.write() as conn:
                consent.withdraw(
                    conn, desk.account_id, found.contact_id, Channel.EMAIL, chosen, occurred_at=desk.now(),
                    source="by hand", proof=reason.strip() or "by hand",
                )  # fmt: skip
            st.cache_data.clear()
            st.rerun()


def _bring_back(desk: Desk, found: Explanation) -> None:
    words, key = desk.words, found.contact_id
    with (
        st.expander(words.t("They agreed, and I can prove it"), icon=":material/history_edu:"),
        st.form(f"back-{key}", border=False),
        boundary(words),
    ):
        st.caption(words.t("Only with a proof that is later than their leaving, of this one person."))
        day = st.date_input(words.t("Day on which they agreed"), desk.now().date(), key=f"back-day-{key}")
        wording = st.text_area(words.t("Exact words that they agreed to"), key=f"back-words-{key}")
        proof = st.text_input(words.t("How it can be shown"), key=f"back-proof-{key}")
        declared_by = st.text_input(words.t("Who says so"), key=f"back-by-{key}")
        if st.form_submit_button(words.t("Write this consent")):
            start = datetime.combine(day, time(), tzinfo=UTC)
            now = desk.now()
            # A day is all that is known: of today it is this moment, of another day its end in the ledger's time.
            agreed_at = now if day == now.date() else start.replace(hour=23, minute=59)
            with desk.store.write() as conn:
                returns.bring_back(
                    conn, desk.account_id, found.contact_id, Proof(agreed_at, wording, proof, declared_by),
                    channel=Channel.EMAIL, now=now,
                )  # fmt: skip
            st.cache_data.clear()
            st.rerun()
