"""Once more to those who did not react: `?campaign=ID`. The page says how many, asks for a subject, makes a draft."""

from __future__ import annotations

import streamlit as st

from dashboards import again_parts
from dashboards.shell import Desk, link, show, slot
from dashboards.words import plain
from sillage.campaign.again import To
from sillage.domain.ids import CampaignId
from sillage.errors import NotFound
from sillage.store import campaigns


def again_page(desk: Desk) -> None:
    """To whom, how many, with which subject."""
    words = desk.words
    st.title(words.t("Send once more"))
    asked = st.query_params.get("campaign", "")
    if not asked:
        again_parts.chooser(desk)
        return
    if not asked.isdecimal():
        raise NotFound(f"no campaign {asked!r}")
    with desk.store.read() as conn:
        campaign = campaigns.get(conn, desk.account_id, CampaignId(int(asked)))
    link(words.t("All campaigns"), "campaigns", icon=":material/arrow_back:")
    st.header(plain(campaign.name))
    to = st.segmented_control(
        words.t("To those who"), list(To), default=To.NON_CLICKERS, required=True, key="again_to",
        format_func=lambda t: words.t(again_parts.WHO[t]),
    ) or To.NON_CLICKERS  # fmt: skip
    counted = slot(160)
    with counted.container():
        again_parts.told(desk, campaign, to)
    again_parts.form(desk, campaign, to)


show(again_page)
