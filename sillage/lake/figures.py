"""A campaign's figures as the marts hold them: one question for the command line and the demo's JSON."""

from __future__ import annotations

from typing import Any

from sillage.domain.ids import AccountId, CampaignId
from sillage.errors import NotFound
from sillage.lake.reader import Reader

_CAMPAIGN = """
select performance.*, as_of.as_of_at
from marts.main.fct_campaign_performance as performance
cross join marts.main.as_of as as_of
where performance.account_id = $1 and performance.campaign_id = $2
"""
_VARIANTS = """
select * from marts.main.fct_variant_performance
where account_id = $1 and campaign_id = $2
order by variant_position, variant_id
"""
_BALANCE = {
    "accepted": "accepted_count",
    "bounced": "refused_count",
    "failed": "failed_count",
    "suppressed": "suppressed_count",
    "skipped": "skipped_count",
    "in_doubt": "in_doubt_count",
}
_VARIANT = {
    "sent": "sent_count",
    "delivered": "delivered_count",
    "bounced": "bounced_count",
    "human_opened": "human_open_count",
    "human_clicked": "human_click_count",
    "unsubscribed": "unsubscribed_count",
    "complained": "complained_count",
    "machine_opened": "machine_open_count",
    "machine_clicked": "machine_click_count",
    "measurable": "measurable_count",
    "anonymous_opens": "anonymous_open_count",
    "anonymous_clicks": "anonymous_click_count",
    "open_rate": "open_rate",
    "click_rate": "click_rate",
    "reactivity_rate": "reactivity_rate",
    "bounce_rate": "bounce_rate",
    "unsubscribe_rate": "unsubscribe_rate",
    "complaint_rate": "complaint_rate",
    "converted": "converted_count",
    "conversions": "conversion_count",
    "conversion_rate": "conversion_rate",
}


def campaign_figures(reader: Reader, account_id: AccountId, campaign_id: CampaignId) -> dict[str, Any]:
    """The closed books and the rates of a campaign and of each variant, as of the last build.

    Shape: {"name", "audience", "waiting", "balance": {state: n}, "closed", "as_of_seq", "as_of_at", "variants":
    [{"id", "name", counts, rates from 0 to 1 or None}], and the campaign's own counts and rates under "total"}.

    Raises: NotFound where the last build knew of no recipient of it.
    """
    found = reader.query(_CAMPAIGN, [account_id, campaign_id])
    if not found:
        raise NotFound(f"the marts hold nothing of campaign {campaign_id} yet; run `sillage metrics build`")
    campaign = found[0]
    variants = reader.query(_VARIANTS, [account_id, campaign_id])
    return {
        "name": campaign["campaign_name"],
        "audience": campaign["audience_count"],
        "waiting": campaign["waiting_count"],
        "balance": _picked(campaign, _BALANCE),
        "closed": campaign["is_closed"],
        "as_of_seq": campaign["as_of_seq"],
        "as_of_at": campaign["as_of_at"].isoformat(),
        "total": _figures(campaign),
        "variants": [{"id": row["variant_id"], "name": row["variant_name"], **_figures(row)} for row in variants],
    }


def _picked(row: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    return {shown: row[column] for shown, column in names.items()}


def _figures(row: dict[str, Any]) -> dict[str, Any]:
    """Counts and rates, and money as it is written: a decimal, to the cent."""
    return {**_picked(row, _VARIANT), "revenue": str(row["revenue"])}
