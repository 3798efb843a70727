"""Versions that are no test (fixed shares, or segments of their own), compared once their campaign is over."""

from __future__ import annotations

from typing import Any

from sillage.domain.ab_compare import compare
from sillage.domain.ab_test import Criterion
from sillage.domain.ab_verdict import Count
from sillage.domain.campaign import CampaignState
from sillage.errors import Refused
from sillage.lake.reader import Reader
from sillage.store.campaigns import Campaign, Variant

_COUNTS = """
select variant_id, delivered_count, human_click_count from marts.main.live_variant
where account_id = ? and campaign_id = {id} and variant_id > 0
"""


def compared(reader: Reader, campaign: Campaign, variants: list[Variant]) -> dict[str, Any]:
    """By clicks, as plain data.

    Raises: Refused while the campaign runs: whoever looks again and again finds a winner by chance.
    """
    if campaign.state not in {CampaignState.CLOSED, CampaignState.CANCELLED}:
        raise Refused(
            f"campaign {campaign.name!r} has no test, and it still runs: its versions are compared at the end"
        )
    rows = reader.query(_COUNTS.format(id=int(campaign.id)), [campaign.account_id])
    names = {int(v.id): v.name for v in variants}
    counts = {int(r["variant_id"]): Count(r["delivered_count"], r["human_click_count"]) for r in rows}
    found = compare(counts)
    return {
        "campaign": campaign.name,
        "criterion": Criterion.CLICKS.value,
        "variants": [
            {"name": names.get(arm, str(arm)), "people": count.people, "reacted": count.reacted, "rate": count.rate}
            for arm, count in sorted(counts.items())
        ],
        "first": names.get(found.first),
        "second": names.get(found.second),
        "lift": found.lift,
        "lift_low": found.interval[0] if found.lift is not None else None,
        "lift_high": found.interval[1] if found.lift is not None else None,
        "winner": names.get(found.verdict.winner or 0),
    }


def as_text(told: dict[str, Any]) -> str:
    """The same for people to read."""
    lines = [f"{told['campaign']}: {told['criterion']}"]
    for row in told["variants"]:
        rate = "-" if row["rate"] is None else f"{row['rate']:.2%}"
        lines.append(f"  {row['name']}: {row['reacted']:,} of {row['people']:,}, {rate}")
    if told["lift"] is not None:
        lines.append(
            f"{told['first']} against {told['second']}: {told['lift']:+.2%}"
            f" ({told['lift_low']:+.2%} to {told['lift_high']:+.2%})"
        )
    lines.append(f"{told['winner']} is ahead beyond chance" if told["winner"] else "nobody is ahead beyond chance")
    return "\n".join(lines)
