"""One campaign's report, alive while anything may still come: `?campaign=ID`."""

from __future__ import annotations

from functools import partial

import streamlit as st

from dashboards import (
    ab_result,
    breakdown_parts,
    controls,
    conversion_part,
    figures,
    queries,
    report_heat,
    report_out,
    report_parts,
    share_panel,
    share_part,
    verdict,
)
from dashboards.queries import Report
from dashboards.shell import Desk, as_of, live, show, slot
from dashboards.words import plain
from sillage.domain.ids import CampaignId

# Seconds between two looks: at least, and at most for those that take long. The first look of a page, by which they are
# set, may be a cold one; and the parts below, which nobody reads by the second, leave the processor to the figures.
HEAD_EVERY_S = (0.5, 3.0)
DETAILS_EVERY_S, SPLITS_EVERY_S = (3.0, 10.0), (15.0, 15.0)
HEAD_SHARE = 0.5
DETAILS_SHARE = 0.2
SMALL = 100_000
"""Recipients up to which the figures of a campaign are asked as often as may be."""


def report_page(desk: Desk) -> None:
    """The campaign of the address, or the newest."""
    words, known = desk.words, queries.overview(desk).campaigns
    if not known:
        st.title(words.t("Report"))
        st.info(words.t("There is no campaign yet."), icon=":material/campaign:")
        return
    campaign_id = _chosen(desk, [c.campaign.id for c in known], {c.campaign.id: c.campaign.name for c in known})
    head, parts = slot(260), slot(600)
    with head.container():
        seen = queries.report(desk, campaign_id)
        live(partial(_head, campaign_id=campaign_id), desk, every=_head_beat(seen))
    with parts.container():
        share_panel.action(desk, campaign_id)
        if seen.figures is not None:
            report_out.buttons(desk, campaign_id)
            took_s = queries.details(desk, campaign_id).took_s
            often, calm = _beat(seen, took_s / DETAILS_SHARE, *DETAILS_EVERY_S), _beat(seen, 0.0, *SPLITS_EVERY_S)
            live(partial(_parts, campaign_id=campaign_id), desk, every=often)
            live(partial(breakdown_parts.draw, campaign_id=campaign_id), desk, every=calm)


def _head_beat(seen: Report) -> float | None:
    wanted_s = seen.took_s / HEAD_SHARE if (seen.campaign.audience or 0) > SMALL else 0.0
    return _beat(seen, wanted_s, *HEAD_EVERY_S)


def _beat(seen: Report, wanted_s: float, at_least_s: float, at_most_s: float) -> float | None:
    return min(max(at_least_s, round(wanted_s, 1)), at_most_s) if seen.is_moving else None


def _chosen(desk: Desk, ids: list[CampaignId], names: dict[CampaignId, str]) -> CampaignId:
    """A deep link to a campaign that is not in this account says so."""
    asked = st.query_params.get("campaign", "")
    wanted = CampaignId(int(asked)) if asked.isdigit() else ids[0]
    if wanted not in names:
        queries.report(desk, wanted)  # raises NotFound in the store's words
    chosen = st.selectbox(
        desk.words.t("Campaign"), ids, index=ids.index(wanted), format_func=lambda i: names[i],
        key=f"report_campaign_{wanted}", label_visibility="collapsed",
    )  # fmt: skip
    if str(chosen) != asked:
        st.query_params["campaign"] = str(chosen)
    return chosen


def _head(desk: Desk, campaign_id: CampaignId) -> None:
    seen = queries.report(desk, campaign_id)
    words = desk.words
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title(plain(seen.campaign.name), width="content")
        figures.state_badge(words, seen.campaign.state)
    as_of(desk, seen.as_of)
    controls.buttons(desk, seen.campaign, seen.balance)
    controls.slices(desk, seen.campaign, seen.paused, seen.standing.stopped)
    if seen.figures is None:
        report_parts.without_figures(desk, seen)
        return
    st.markdown(f"#### {verdict.sentence(words, seen, queries.usual(desk, campaign_id))}")
    report_parts.advice(desk, seen)
    report_parts.balance(desk, seen.figures)
    report_parts.reactions(desk, seen.figures)


def _parts(desk: Desk, campaign_id: CampaignId) -> None:
    found = queries.details(desk, campaign_id)
    left, right = st.columns(2, gap="large")
    with left:
        report_parts.curve(desk, found)
    with right:
        report_parts.links(desk, found)
    report_heat.draw(desk, found)
    report_parts.variants(desk, found, has_verdict=ab_result.result(desk, campaign_id))
    conversion_part.conversions(desk, campaign_id)
    share_part.shared(desk, campaign_id)
    report_parts.providers(desk, found)
    report_parts.bounces(desk, found)
    report_parts.next_steps(desk, found)
    as_of(desk, found.as_of)


show(report_page)
