"""What the pipelines ask of ops across accounts, or of all recipients of a campaign at once. Nothing is written."""

from collections import Counter
from collections.abc import Sequence

import sqlalchemy as sa

from sillage.domain.campaign import MessageKind
from sillage.domain.consent import ConsentState
from sillage.domain.ids import AccountId, CampaignId
from sillage.errors import NotFound
from sillage.store import accounts as accounts_store
from sillage.store.accounts import Account
from sillage.store.campaigns import Campaign
from sillage.store.consent import mailable_clause
from sillage.store.tables import accounts, campaigns, consents, contacts, deliveries


def every_account(conn: sa.Connection) -> list[Account]:
    """All accounts of the installation, by slug."""
    slugs: Sequence[str] = conn.execute(sa.select(accounts.c.slug).order_by(accounts.c.slug)).scalars().all()
    return [accounts_store.by_slug(conn, slug) for slug in slugs]


def owner_of(conn: sa.Connection, campaign_id: CampaignId) -> AccountId:
    """The account of a campaign.

    Raises: NotFound.
    """
    found = conn.execute(sa.select(campaigns.c.account_id).where(campaigns.c.id == campaign_id)).scalar()
    if found is None:
        raise NotFound(f"no campaign {campaign_id}")
    return AccountId(found)


def by_provider_and_state(
    conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId
) -> Counter[tuple[str, str]]:
    """How many delivery rows a campaign has, by (provider, state)."""
    d = deliveries.c
    rows = conn.execute(
        sa.select(d.provider, d.state, sa.func.count().label("count"))
        .where(d.account_id == account_id, d.campaign_id == campaign_id)
        .group_by(d.provider, d.state)
    )
    return Counter({(r.provider, r.state): r.count for r in rows})


def without_consent(
    conn: sa.Connection, account_id: AccountId, campaign: Campaign, allowed_bases: Sequence[str]
) -> int:
    """How many recipients of a marketing campaign had no current consent when it was planned.

    Who left since is none of them: the worker asks again before each message.
    """
    if campaign.kind is not MessageKind.MARKETING or campaign.planned_at is None:
        return 0
    d, p = deliveries.c, consents.c
    left_since = sa.and_(p.marketing == ConsentState.WITHDRAWN.value, p.marketing_at >= campaign.planned_at)
    fine = sa.func.coalesce(sa.or_(mailable_clause(campaign.planned_at, allowed_bases), left_since), sa.false())
    query = (
        sa.select(sa.func.count())
        .select_from(deliveries)
        .outerjoin(consents, sa.and_(p.contact_id == d.contact_id, p.channel == campaign.channel))
        .where(d.account_id == account_id, d.campaign_id == campaign.id, sa.not_(fine))
    )
    return int(conn.execute(query).scalar_one())


def planned_twice(conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId) -> int:
    """How many delivery rows of a campaign go to an address that another of its rows goes to."""
    d, c = deliveries.c, contacts.c
    query = (
        sa.select(sa.func.count(c.email) - sa.func.count(c.email.distinct()))
        .select_from(deliveries)
        .join(contacts, sa.and_(c.id == d.contact_id, c.account_id == d.account_id))
        .where(d.account_id == account_id, d.campaign_id == campaign_id)
    )
    return int(conn.execute(query).scalar_one())
