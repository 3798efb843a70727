"""A campaign's figures of one moment: the questions that its page, its PDF and its mail all ask."""

from __future__ import annotations

from typing import Any

from sillage.domain.ids import AccountId, CampaignId
from sillage.errors import NotFound
from sillage.lake import live
from sillage.lake.live import Source
from sillage.lake.reader import Reader

Row = dict[str, Any]

# Columns by name: to plan `select *` of a live view costs 40 ms, whatever it finds.
_RATES = ("open", "click", "reactivity", "bounce", "permanent_bounce", "unsubscribe", "complaint")
_COUNTS = (
    "audience", "accepted", "refused", "failed", "suppressed", "skipped", "in_doubt", "waiting", "sent", "delivered",
    "measurable", "human_open", "human_click", "human_reaction", "machine_open", "machine_click", "bounced",
    "permanent", "unsubscribed", "reporting", "complained", "anonymous_open", "anonymous_click",
)  # fmt: skip
_RATE_COLUMNS = tuple(f"{name}_rate{part}" for name in _RATES for part in ("", "_low", "_high"))
_FIGURES = ", ".join(("account_id", "campaign_id", *(f"{name}_count" for name in _COUNTS), *_RATE_COLUMNS))

LIVE_FIGURES = f"select {_FIGURES} from {{live_campaign}} where account_id = ? and campaign_id"

WHOLE = f"{LIVE_FIGURES} = ?"
LIVE = {
    "whole": WHOLE,
    "variants": """
        select variant_id, sent_count, delivered_count, human_click_count, open_rate, click_rate,
            click_rate_low, click_rate_high, reactivity_rate
        from {live_variant} where account_id = ? and campaign_id = ? and variant_id > 0 order by variant_id
        """,
    "providers": """
        select provider, sent_count, delivered_count, deferred_count, bounce_rate, bounce_rate_low, bounce_rate_high,
            complaint_rate
        from {live_provider} where account_id = ? and campaign_id = ? order by sent_count desc
        """,
    "bounces": """
        select bounce_class, bounce_reason, sum(bounced_count)::bigint as bounced_count,
            sum(contradicted_bounce_count)::bigint as contradicted_bounce_count
        from {live_bounces} where account_id = ? and campaign_id = ? group by all order by bounced_count desc
        """,
    "links": """
        select variant_id, link_number, clicker_count, click_rate
        from {live_links} where account_id = ? and campaign_id = ? order by clicker_count desc limit 500
        """,
    "curve": """
        select minute_at, delivered_count, human_open_count, human_click_count, bounced_count
        from {live_curve} where account_id = ? and campaign_id = ? order by minute_at
        """,
}


def parts_of(reader: Reader, account_id: AccountId, campaign_id: CampaignId, audience: int) -> dict[str, list[Row]]:
    """The rows of each part of LIVE, by its name; each empty where nothing is built yet.

    Raises: TransientError.
    """
    try:
        source = live.source_of(reader, account_id, [campaign_id], audience)
    except NotFound:
        source = Source.EVENTS
    try:
        found = live.ask_all(
            reader,
            list(LIVE.values()),
            [account_id, campaign_id],
            source,
            account_id=account_id,
            campaigns=[campaign_id],
        )
    except NotFound:
        return {name: [] for name in LIVE}
    return dict(zip(LIVE, found, strict=True))
