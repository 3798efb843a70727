"""The public version of a campaign's message: its address, how it shows itself, and whether it is there at all."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from sillage.domain.ids import AccountId, CampaignId, VariantId
from sillage.errors import BadInput, NotFound
from sillage.store import images
from sillage.store.images import LibraryImage
from sillage.store.tables import public_versions, variants

MAX_TITLE, MAX_DESCRIPTION = 120, 300
"""Longer ones are cut by every network."""
_KEY = re.compile(r"[A-Za-z0-9_-]{22}")


@dataclass(frozen=True, slots=True)
class PublicVersion:
    """What everybody may see of a campaign. `image` is what networks show beside its words."""

    campaign_id: CampaignId
    account_id: AccountId
    variant_id: VariantId
    key: str
    is_on: bool
    is_listed: bool
    title: str
    description: str
    image: LibraryImage | None


def of_campaign(conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId) -> PublicVersion | None:
    """A campaign's, on or off; None where it never had one."""
    mine = public_versions.c.account_id == account_id
    row = conn.execute(sa.select(public_versions).where(mine, public_versions.c.campaign_id == campaign_id)).first()
    return None if row is None else _version(conn, row)


def by_key(conn: sa.Connection, key: str) -> PublicVersion | None:
    """The one of an address, on or off: the key says whose it is."""
    if not _KEY.fullmatch(key):
        return None
    row = conn.execute(sa.select(public_versions).where(public_versions.c.key == key)).first()
    return None if row is None else _version(conn, row)


def begin(
    conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId, variant_id: VariantId, title: str,
    description: str, *, now: datetime,
) -> PublicVersion:  # fmt: skip
    """Make a campaign's public version, or switch on the one that it had.

    Raises: NotFound where the account has no such campaign; BadInput without a title.
    """
    held = of_campaign(conn, account_id, campaign_id)
    if held is None:
        _check_variant(conn, account_id, campaign_id, variant_id)
        conn.execute(
            public_versions.insert().values(
                campaign_id=campaign_id, account_id=account_id, key=secrets.token_urlsafe(16), variant_id=variant_id,
                is_on=True, created_at=now, **_words(title, description),
            )
        )  # fmt: skip
    else:
        switch(conn, account_id, campaign_id, is_on=True)
    return _there(conn, account_id, campaign_id)


def switch(conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId, *, is_on: bool) -> None:
    """Show it to everybody who has its address, or to nobody any more; the address stays the same.

    Raises: NotFound where it never had one.
    """
    _there(conn, account_id, campaign_id)
    mine = (public_versions.c.account_id == account_id) & (public_versions.c.campaign_id == campaign_id)
    conn.execute(public_versions.update().where(mine).values(is_on=is_on))


def change(
    conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId, *, variant_id: VariantId, title: str,
    description: str, image_id: int | None, is_listed: bool,
) -> PublicVersion:  # fmt: skip
    """Change how it shows itself.

    Raises: NotFound where campaign, variant or picture is not the account's; BadInput without a title.
    """
    _there(conn, account_id, campaign_id)
    _check_variant(conn, account_id, campaign_id, variant_id)
    if image_id is not None:
        images.get(conn, account_id, image_id)
    mine = (public_versions.c.account_id == account_id) & (public_versions.c.campaign_id == campaign_id)
    conn.execute(
        public_versions.update()
        .where(mine)
        .values(variant_id=variant_id, image_id=image_id, is_listed=is_listed, **_words(title, description))
    )
    return _there(conn, account_id, campaign_id)


def _words(title: str, description: str) -> dict[str, str]:
    held = " ".join(title.split())[:MAX_TITLE]
    if not held:
        raise BadInput("a public version needs a title", code="no_title", field="title")
    return {"title": held, "description": " ".join(description.split())[:MAX_DESCRIPTION]}


def _there(conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId) -> PublicVersion:
    held = of_campaign(conn, account_id, campaign_id)
    if held is None:
        raise NotFound(f"campaign {campaign_id} has no public version")
    return held


def _check_variant(conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId, variant_id: VariantId) -> None:
    found = sa.select(variants.c.id).where(
        variants.c.account_id == account_id, variants.c.campaign_id == campaign_id, variants.c.id == variant_id
    )
    if conn.execute(found).first() is None:
        raise NotFound(f"no version {variant_id} of campaign {campaign_id}")


def _version(conn: sa.Connection, row: sa.Row[tuple[object, ...]]) -> PublicVersion:
    image = images.get(conn, AccountId(row.account_id), row.image_id) if row.image_id else None
    return PublicVersion(
        CampaignId(row.campaign_id), AccountId(row.account_id), VariantId(row.variant_id), row.key, bool(row.is_on),
        bool(row.is_listed), row.title, row.description, image,
    )  # fmt: skip
