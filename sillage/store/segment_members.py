"""Who was in a watched segment when it was last looked at, and which links put people into groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from sillage.domain.ids import AccountId, CampaignId, GroupId, SegmentId
from sillage.errors import NotFound
from sillage.store import bulk
from sillage.store.tables import campaigns, contacts, link_groups, links, segment_members, segments


@dataclass(frozen=True, slots=True)
class LinkGroup:
    """A link of a campaign, and the group that its clickers come into."""

    campaign_id: CampaignId
    url: str
    group_id: GroupId


def watch(conn: sa.Connection, account_id: AccountId, segment_id: SegmentId, *, is_watched: bool) -> None:
    """Begin or stop telling who enters and leaves a segment; what was known of its members goes."""
    conn.execute(
        segments.update()
        .where(segments.c.account_id == account_id, segments.c.id == segment_id)
        .values(is_watched=is_watched, baseline_at=None)
    )
    conn.execute(
        segment_members.delete().where(
            segment_members.c.account_id == account_id, segment_members.c.segment_id == segment_id
        )
    )


def watched(conn: sa.Connection, account_id: AccountId) -> dict[SegmentId, datetime | None]:
    """The watched segments, each with the moment since which its moves are told; None before the first look."""
    rows = conn.execute(
        sa.select(segments.c.id, segments.c.baseline_at).where(
            segments.c.account_id == account_id, segments.c.is_watched
        )
    )
    return {SegmentId(row.id): row.baseline_at for row in rows}


def members(conn: sa.Connection, account_id: AccountId, segment_id: SegmentId) -> set[int]:
    """Ids of those who were in it at the last look."""
    c = segment_members.c
    query = sa.select(c.contact_id).where(c.account_id == account_id, c.segment_id == segment_id)
    return set(conn.execute(query).scalars())


def add(conn: sa.Connection, account_id: AccountId, segment_id: SegmentId, contact_ids: Sequence[int]) -> None:
    """Note contacts that entered."""
    rows = [(segment_id, contact_id, account_id) for contact_id in contact_ids]
    bulk.insert(conn, segment_members, ("segment_id", "contact_id", "account_id"), rows)


def remove(conn: sa.Connection, account_id: AccountId, segment_id: SegmentId, contact_ids: Sequence[int]) -> None:
    """Forget contacts that left."""
    c = segment_members.c
    conn.execute(
        segment_members.delete().where(
            c.account_id == account_id, c.segment_id == segment_id, c.contact_id.in_(list(contact_ids))
        )
    )


def still_there(conn: sa.Connection, account_id: AccountId, contact_ids: Sequence[int]) -> set[int]:
    """Those of some ids that are contacts: who was erased left no segment, for there is nobody to tell it of."""
    c = contacts.c
    return set(conn.execute(sa.select(c.id).where(c.account_id == account_id, c.id.in_(list(contact_ids)))).scalars())


def set_baseline(conn: sa.Connection, account_id: AccountId, segment_id: SegmentId, *, now: datetime) -> None:
    """From now on moves are told."""
    conn.execute(
        segments.update()
        .where(segments.c.account_id == account_id, segments.c.id == segment_id)
        .values(baseline_at=now)
    )


def put_clickers_into(
    conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId, url: str, group_id: GroupId, *, now: datetime
) -> None:
    """Let a click on a link put the person into a group; said twice it is one rule.

    Raises: NotFound where the campaign has no such link.
    """
    mine = sa.select(links.c.url).join(campaigns, campaigns.c.id == links.c.campaign_id)
    if conn.execute(mine.where(campaigns.c.account_id == account_id, links.c.campaign_id == campaign_id,
                               links.c.url == url)).first() is None:  # fmt: skip
        raise NotFound(f"campaign {campaign_id} has no link to {url}")
    if LinkGroup(campaign_id, url, group_id) not in link_rules(conn, account_id):
        conn.execute(
            link_groups.insert().values(
                account_id=account_id, campaign_id=campaign_id, url=url, group_id=group_id, created_at=now
            )
        )


def urls_of(conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId) -> list[str]:
    """Where the links of a campaign lead, each once."""
    query = sa.select(links.c.url).join(campaigns, campaigns.c.id == links.c.campaign_id).distinct()
    where = (campaigns.c.account_id == account_id, links.c.campaign_id == campaign_id)
    return list(conn.execute(query.where(*where).order_by(links.c.url)).scalars())


def link_rules(conn: sa.Connection, account_id: AccountId) -> list[LinkGroup]:
    """All links of an account that put people into groups."""
    rows = conn.execute(sa.select(link_groups).where(link_groups.c.account_id == account_id).order_by(link_groups.c.id))
    return [LinkGroup(CampaignId(r.campaign_id), r.url, GroupId(r.group_id)) for r in rows]
