"""The parts of the page that sends once more: how many did not react and why fewer get it, and the new subject."""

from __future__ import annotations

import streamlit as st

from dashboards import audiences, terms
from dashboards.draft_parts import author
from dashboards.freshness import CALM_S, cached
from dashboards.shell import Desk, boundary, go, link
from dashboards.words import plain
from sillage.campaign.again import Again, To, counted, draft_again, is_for
from sillage.domain.ids import CampaignId
from sillage.store import campaigns, segments
from sillage.store.campaigns import Campaign

WHO = {To.NON_CLICKERS: "have not clicked", To.NON_OPENERS: "have not opened"}
SHOWN = 30


def chooser(desk: Desk) -> None:
    """The campaigns that are over."""
    words = desk.words
    with desk.store.read() as conn:
        found = [c for c in campaigns.listed(conn, desk.account_id) if is_for(c)]
    if not found:
        st.info(words.t("No campaign is over yet."), icon=":material/campaign:")
    for campaign in found[:SHOWN]:
        link(plain(campaign.name), "again", icon=":material/replay:", params={"campaign": str(campaign.id)})


@cached(CALM_S)
def count(desk: Desk, campaign_id: CampaignId, to: str) -> Again:
    """How many, as of now.

    Raises: NotFound, TransientError.
    """
    with desk.store.read() as conn:
        campaign = campaigns.get(conn, desk.account_id, campaign_id)
        trees = {int(s.id): s.tree for s in segments.listed(conn, desk.account_id)}
    exclude = [trees[i] for i in campaign.exclude if i in trees]
    return audiences.ask(desk, lambda audience: counted(audience, campaign, exclude, To(to), now=desk.now()))


def told(desk: Desk, campaign: Campaign, to: To) -> None:
    """How many did not react, how many of them get it, and where the others are."""
    words, found = desk.words, count(desk, campaign.id, to.value)
    left, right = st.columns(2)
    left.metric(words.t("Did not react, as of now"), words.number(found.silent))
    right.metric(words.t("Of them, may be mailed"), words.number(found.mailable))
    if to is To.NON_OPENERS:
        st.info(
            words.t(
                "Opens are measured of those who agreed to it: %(n)s of the %(of)s whom it reached. Of the others"
                " nobody can say that they did not open, so they are not in it.",
                n=words.number(found.measurable), of=words.number(found.reached),
            ),
            icon=":material/visibility_off:",
        )  # fmt: skip
    else:
        st.caption(words.t("Of the %(of)s whom it reached.", of=words.number(found.reached)))
    for reason, number in sorted(found.left_out.items(), key=lambda item: -item[1]):
        why = terms.term(words, terms.REASONS, reason)
        st.caption(words.t("left out: %(n)s, %(reason)s", n=words.number(number), reason=why))


def form(desk: Desk, campaign: Campaign, to: To) -> None:
    """The new subject, and the draft."""
    words, found = desk.words, count(desk, campaign.id, to.value)
    with desk.store.read() as conn:
        first = campaigns.variants_of(conn, desk.account_id, campaign.id)[0].source.subject
    st.caption(words.t("The subject was: %(subject)s", subject=plain(first)))
    with boundary(words):
        subject = st.text_input(words.t("New subject"), key="again_subject")
        label = words.n("Make the draft for %(count)s person", "Make the draft for %(count)s people", found.mailable)
        if st.button(label, type="primary", icon=":material/edit_square:", key="again_make",
                     disabled=not found.mailable):  # fmt: skip
            with desk.store.write() as conn:
                made = draft_again(
                    conn, desk.settings, desk.account, campaign.id, to, subject=subject, by=author(desk), now=desk.now()
                )
            go(words.t("New campaign"), "new_campaign", {"draft": str(made.id)})
    st.caption(words.t("Who reacts before it leaves does not get it: its segment is asked again when it is planned."))
