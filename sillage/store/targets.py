"""What the tracker has to know of every message that was sent: where its links lead, and for whom.

Read for all accounts at once, since one tracker serves them all; a signed token picks the row.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec
import sqlalchemy as sa

from sillage.domain.campaign import CampaignState
from sillage.domain.ids import AccountId, CampaignId
from sillage.store.tables import accounts, campaigns, links, public_versions, variants

MOST_SHOWN = 500
"""Links of a variant that people are shown without asking for them: a mail may have a million."""
SETTLED = (CampaignState.CLOSED, CampaignState.CANCELLED)


class Target(msgspec.Struct, frozen=True):
    """One variant: its account and campaign, what may be kept of a visitor, and its links by number."""

    variant_id: int
    campaign_id: int
    account_id: int
    account_name: str
    locale: str
    keeps_ip: bool
    keeps_agent: bool
    links: dict[int, str]
    public_key: str = ""
    """Of the public version that its readers share; empty where there is none, or it is switched off."""


def every_target(conn: sa.Connection) -> list[Target]:
    """All variants of all campaigns."""
    return _targets(conn, sa.true())


def unsettled_targets(conn: sa.Connection) -> list[Target]:
    """The variants of campaigns that are not over: those whose links may still change."""
    return _targets(conn, campaigns.c.state.not_in(SETTLED))


def target_of(conn: sa.Connection, variant_id: int) -> Target | None:
    """One variant, or None where there is no such."""
    return next(iter(_targets(conn, variants.c.id == variant_id)), None)


def shown_links(
    conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId, wanted: Collection[tuple[int, int]] = ()
) -> dict[int, dict[int, str]]:
    """Where links lead, by variant and number: the first MOST_SHOWN of each variant, and those `wanted` beside them."""
    mine = sa.select(variants.c.id).where(variants.c.account_id == account_id, variants.c.campaign_id == campaign_id)
    shown = links.c.number <= MOST_SHOWN
    if wanted:
        shown |= sa.tuple_(links.c.variant_id, links.c.number).in_(list(wanted))
    found: dict[int, dict[int, str]] = {}
    asked = sa.select(links.c.variant_id, links.c.number, links.c.url).where(
        links.c.account_id == account_id, links.c.variant_id.in_(mine), shown
    )
    for row in conn.execute(asked.order_by(links.c.variant_id, links.c.number)):
        found.setdefault(row.variant_id, {})[row.number] = row.url
    return found


def beyond_shown(clicked: Collection[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Of links by variant and number, those that `shown_links` has to be asked for."""
    return tuple((variant, number) for variant, number in clicked if number > MOST_SHOWN)


def _targets(conn: sa.Connection, where: sa.ColumnElement[bool]) -> list[Target]:
    joined = variants.join(campaigns, campaigns.c.id == variants.c.campaign_id).join(
        accounts, accounts.c.id == variants.c.account_id
    )
    shown = sa.and_(public_versions.c.campaign_id == variants.c.campaign_id, public_versions.c.is_on)
    leading: dict[int, dict[int, str]] = {}
    numbered = sa.select(links.c.variant_id, links.c.number, links.c.url).select_from(
        links.join(variants, variants.c.id == links.c.variant_id).join(
            campaigns, campaigns.c.id == variants.c.campaign_id
        )
    )
    for link in conn.execute(numbered.where(where)):
        leading.setdefault(link.variant_id, {})[link.number] = link.url
    rows = conn.execute(
        sa.select(
            variants.c.id,
            variants.c.campaign_id,
            variants.c.account_id,
            accounts.c.name,
            accounts.c.locale,
            accounts.c.keeps_ip,
            accounts.c.keeps_agent,
            public_versions.c.key,
        )
        .select_from(joined.outerjoin(public_versions, shown))
        .where(where)
    )
    return [
        Target(
            row.id,
            row.campaign_id,
            row.account_id,
            row.name,
            row.locale,
            bool(row.keeps_ip),
            bool(row.keeps_agent),
            leading.get(row.id, {}),
            row.key or "",
        )
        for row in rows
    ]
