"""One contact: found by any part of an address or name; fields, consent, groups, segments, and all that happened."""

from __future__ import annotations

import streamlit as st

from dashboards import audiences, contact_queries, figures
from dashboards.consent_panel import consent_panel
from dashboards.contact_fields import contact_fields
from dashboards.erasure_list import erasure_list
from dashboards.shell import Desk, show
from dashboards.words import plain
from sillage.campaign import sentence
from sillage.campaign.audience import Verdict
from sillage.domain.consent import Channel, Purpose
from sillage.domain.ids import ContactId
from sillage.store import consent, erasures

SHOWN = 20


def contact_page(desk: Desk) -> None:
    """The search, then the person of the address."""
    words = desk.words
    st.title(words.t("Contact"))
    text = st.text_input(words.t("Any part of an address or name"), key="contact_search", icon=":material/search:")
    if text.strip():
        _found(desk, text)
    chosen = st.query_params.get("contact", "")
    if chosen.isdecimal():
        _person(desk, ContactId(int(chosen)))
    else:
        erasure_list(desk)


def _found(desk: Desk, text: str) -> None:
    words = desk.words
    found = contact_queries.search(desk, text)
    if not found:
        st.info(words.t("Nobody has that in an address or a name."), icon=":material/person_search:")
    for one in found[:SHOWN]:
        name = " ".join(filter(None, (one.fields["first_name"], one.fields["last_name"])))
        label = " · ".join(filter(None, (one.email or one.phone, name)))
        if st.button(plain(label), key=f"contact_take_{one.id}", type="tertiary"):
            st.query_params["contact"] = str(one.id)
            st.rerun()
    if len(found) > SHOWN:
        st.caption(words.t("More than 20 fit: say more of it."))


def _person(desk: Desk, contact_id: ContactId) -> None:
    words = desk.words
    seen = contact_queries.person(desk, contact_id)
    st.subheader(plain(seen.contact.email or seen.contact.phone or ""))
    st.caption(words.t("Contact number %(id)s, since %(moment)s", id=contact_id,
                       moment=words.minute(seen.contact.created_at)))  # fmt: skip
    left, right = st.columns([2, 3], gap="large")
    with left:
        contact_fields(desk, seen.contact)
        st.markdown(f"**{words.t('Groups')}** · {plain(', '.join(seen.groups) or words.t('none'))}")
        _acts(desk, contact_id)
    with right:
        _segments(desk, contact_id)
        consent_panel(desk, contact_id)
        st.markdown(f"**{words.t('What happened')}**")
        figures.table(
            [words.t(h) for h in ("When", "What", "Campaign", "More")],
            [[words.second(e["occurred_at"]), plain(e["type"]), plain(seen.campaigns.get(e["campaign_id"], "")),
              plain(e["more"] or "")] for e in seen.events],
            left=4,
        )  # fmt: skip


def _acts(desk: Desk, contact_id: ContactId) -> None:
    words = desk.words
    if st.button(words.t("Unsubscribe"), icon=":material/unsubscribe:", key="contact_unsubscribe"):
        with desk.store.write() as conn:
            consent.withdraw(conn, desk.account_id, contact_id, Channel.EMAIL, [Purpose.MARKETING],
                             occurred_at=desk.now(), source="page", proof="by hand")  # fmt: skip
        st.cache_data.clear()
        st.rerun()
    with st.popover(words.t("Erase"), icon=":material/delete_forever:"):
        st.write(words.t("The person goes from the contacts for good; only a hash of the address stays, which keeps"
                         " it from coming back. Totals of campaigns stay."))  # fmt: skip
        if st.button(words.t("Erase this person"), type="primary", key="contact_erase"):
            with desk.store.write() as conn:
                erasures.request(conn, desk.account_id, contact_id, by="page", now=desk.now())
            st.cache_data.clear()
            del st.query_params["contact"]
            st.rerun()


def _segments(desk: Desk, contact_id: ContactId) -> None:
    words = desk.words
    st.markdown(f"**{words.t('Segments')}**")
    saved = contact_queries.saved_segments(desk)
    for name, tree in saved.items():
        verdict = audiences.ask(desk, lambda a, tree=tree: a.why(tree, contact_id))  # type: ignore[misc]
        icon = ":material/check_circle:" if verdict.holds else ":material/do_not_disturb_on:"
        with st.expander(plain(name), icon=icon):
            st.markdown("\n".join(_lines(desk, verdict)))


def _lines(desk: Desk, verdict: Verdict, depth: int = 0) -> list[str]:
    mark = ":green[✓]" if verdict.holds else ":red[✗]"
    lines = [f"{'  ' * depth}- {mark} {plain(sentence.in_words(verdict.tree, desk.words.t))}"]
    return lines + [line for part in verdict.parts for line in _lines(desk, part, depth + 1)]


show(contact_page)
