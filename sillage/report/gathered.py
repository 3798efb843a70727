"""All that a report says of a campaign, asked once: the rows that its page shows, by the very same questions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sillage.domain.ids import AccountId, CampaignId
from sillage.lake.campaign_report import parts_of
from sillage.lake.reader import Reader
from sillage.settings import Settings
from sillage.store import accounts, campaigns
from sillage.store.accounts import Account
from sillage.store.campaigns import Campaign
from sillage.store.database import Store
from sillage.store.targets import beyond_shown, shown_links

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Gathered:
    """One campaign at one moment; `whole` is None where nothing is known of it yet."""

    as_of: datetime
    account: Account
    campaign: Campaign
    whole: Row | None
    variants: list[Row]
    providers: list[Row]
    bounces: list[Row]
    links: list[Row]
    curve: list[Row]
    names: dict[int, str]
    """Of variants."""
    urls: dict[tuple[int, int], str]
    """Where links lead, by variant and number."""


def gather(
    settings: Settings, store: Store, reader: Reader, account_id: AccountId, campaign_id: CampaignId
) -> Gathered:
    """Ask for everything.

    Raises: NotFound for a campaign that the account has not; TransientError.
    """
    now = settings.clock.now()
    with store.read() as conn:
        account = accounts.by_id(conn, account_id)
        campaign = campaigns.get(conn, account_id, campaign_id)
        variants = campaigns.variants_of(conn, account_id, campaign_id)
    parts = parts_of(reader, account_id, campaign_id, campaign.audience or 0)
    whole = parts.pop("whole")
    clicked = [(row["variant_id"] or 0, row["link_number"] or 0) for row in parts["links"]]
    with store.read() as conn:
        leading = shown_links(conn, account_id, campaign_id, beyond_shown(clicked))
    urls = {(variant, number): url for variant, links in leading.items() for number, url in links.items()}
    return Gathered(
        now, account, campaign, whole[0] if whole else None, names={int(v.id): v.name for v in variants}, urls=urls,
        **parts,
    )  # fmt: skip
