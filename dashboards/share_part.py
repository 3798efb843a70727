"""How often a campaign was shared, and its public version seen, by network."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboards import figures, terms
from dashboards.freshness import DETAILS_S, cached
from dashboards.shell import Desk
from dashboards.words import Words, plain
from sillage.domain.ids import CampaignId
from sillage.domain.sharing import LINK, NAMES, network_of
from sillage.errors import NotFound

_ASKED = """
select network, share_count, visit_count, machine_count from marts.main.live_shares
where account_id = ? and campaign_id = ? order by share_count desc, visit_count desc, network
"""


@cached(DETAILS_S, waits=False)
def shares(desk: Desk, campaign_id: CampaignId) -> list[dict[str, Any]]:
    """One row per network through which anything came."""
    try:
        (rows,) = desk.reader.query_campaigns(desk.account_id, [campaign_id], [_ASKED], [desk.account_id, campaign_id])
    except NotFound:
        return []
    return rows


def shared(desk: Desk, campaign_id: CampaignId) -> None:
    """Shares and visits, where there are any."""
    rows, words = shares(desk, campaign_id), desk.words
    if not rows:
        return
    st.subheader(words.t("Shared"))
    counts = {name: sum(row[name] for row in rows) for name in ("share_count", "visit_count", "machine_count")}
    told = (
        words.n("Shared once", "Shared %(count)s times", counts["share_count"]),
        words.n("one visit of the public version", "%(count)s visits of the public version", counts["visit_count"]),
    )
    st.markdown(", ".join(told) + ".", help=_meanings(words))
    figures.table(
        [words.t("Network"), words.t("Shares"), words.t("Visits")],
        [
            [network_name(words, row["network"]), words.number(row["share_count"]), words.number(row["visit_count"])]
            for row in rows
            if row["share_count"] or row["visit_count"]
        ],
    )
    if counts["machine_count"]:
        st.caption(
            words.n(
                "One more came from a machine: a preview that a network draws, or a scanner.",
                "%(count)s more came from machines: previews that networks draw, or scanners.",
                counts["machine_count"],
            )
        )


def network_name(words: Words, network: str) -> str:
    """What a network is called; the link alone is called so."""
    known = network_of(network)
    if known is not None:
        return words.t(NAMES[known])
    return words.t("by its address alone") if network == LINK else plain(network)


def _meanings(words: Words) -> str:
    return " ".join(text for name in ("share_count", "visit_count") if (text := terms.meaning(words, name)))
