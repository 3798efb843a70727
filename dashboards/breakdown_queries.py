"""A campaign by segment, device and country, and how soon it was opened: of the marts alone, as of their last build."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dashboards.freshness import CALM_S, cached, marts_as_of, of_build
from dashboards.shell import Desk
from sillage.domain.ids import CampaignId
from sillage.errors import NotFound
from sillage.store import segments

Row = dict[str, Any]
MOST = 15
"""Rows shown of a part: an account may have hundreds of segments, and the world some two hundred countries."""
_COUNTS = """sent_count, delivered_count, human_open_count, human_click_count, open_rate, click_rate, click_rate_low,
    click_rate_high, reactivity_rate, bounce_rate, unsubscribe_rate"""
_WHERE = "where account_id = ? and campaign_id = ?"
_PARTS = {
    "segments": f"select segment_id, {_COUNTS} from marts.main.fct_segment_performance {_WHERE}"
    " order by sent_count desc, segment_id",
    "countries": f"select country_code, {_COUNTS} from marts.main.fct_country_performance {_WHERE}"
    " order by sent_count desc, country_code",
    "devices": f"""
        select device, human_open_count, human_click_count, human_reaction_count, all_reaction_count, device_rate,
            device_rate_low, device_rate_high, reactivity_rate
        from marts.main.fct_device_engagement {_WHERE} order by device = '', human_reaction_count desc
        """,
    "opening": f"""
        select step_number, from_seconds, until_seconds, opener_count, within_count, human_open_count, within_rate,
            median_seconds
        from marts.main.fct_time_to_open {_WHERE} order by step_number
        """,
}


@dataclass(frozen=True, slots=True)
class Breakdown:
    """The rows of each part, the largest first (`opening` by time), and as of when they are."""

    segments: list[Row]
    countries: list[Row]
    devices: list[Row]
    opening: list[Row]
    as_of: Row | None


@of_build
def breakdown(desk: Desk, campaign_id: CampaignId) -> Breakdown:
    """One campaign's parts; all empty before a build has counted it."""
    found: dict[str, list[Row]] = {}
    for name, sql in _PARTS.items():
        try:
            found[name] = desk.reader.query_marts(sql, [desk.account_id, campaign_id])
        except NotFound:
            found[name] = []
    return Breakdown(**found, as_of=marts_as_of(desk))


@cached(CALM_S)
def segment_names(desk: Desk) -> dict[int, str]:
    """The account's segments as they are called now."""
    with desk.store.read() as conn:
        return {int(segment.id): segment.name for segment in segments.listed(conn, desk.account_id)}
