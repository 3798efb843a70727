"""What everybody may see of a campaign: the page behind its public address, and how it comes to be."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from sillage.content.public import Bar, Face, public_page, without_person
from sillage.domain.ids import AccountId, CampaignId
from sillage.domain.sharing import NAMES, Network, public_address
from sillage.errors import NotFound
from sillage.i18n import catalogue, language_of
from sillage.settings import Settings
from sillage.store import accounts, campaigns, public_versions
from sillage.store.campaigns import Variant
from sillage.store.public_versions import PublicVersion


def begin(conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId, *, now: datetime) -> PublicVersion:
    """Make a campaign public, with the words of its first version; one that was public before is so again.

    Raises: NotFound.
    """
    campaign = campaigns.get(conn, account_id, campaign_id)
    first = campaigns.variants_of(conn, account_id, campaign_id)[0]
    defaults = dict(first.source.defaults)
    title = without_person(first.source.subject, defaults) or campaign.name
    description = without_person(first.source.preheader, defaults)
    return public_versions.begin(conn, account_id, campaign_id, first.id, title, description, now=now)


def render(
    conn: sa.Connection, settings: Settings, held: PublicVersion, via: Network | None = None, *, is_bare: bool = False
) -> str:
    """The page of a public version. `via` is the network that its visitor was given the address by; `is_bare`: without
    the bar above it, for a picture of it.

    Raises: BadInput, NotFound.
    """
    account = accounts.by_id(conn, held.account_id)
    language = language_of(account.locale)
    _ = catalogue(language).gettext
    names = {**NAMES, Network.EMAIL: _("E-mail")}
    bar = Bar(
        told=_("A public copy of a message from {sender}.").format(sender=account.name),
        asked=_("Share it:"),
        ways={n: (names[n], f"{public_address(settings.base_url, held.key)}/{n}") for n in Network},
    )
    image = held.image
    face = Face(
        language=language,
        site=account.name,
        title=held.title,
        description=held.description,
        address=public_address(settings.base_url, held.key, via),
        canonical=public_address(settings.base_url, held.key),
        image=settings.base_url + image.path if image else "",
        image_alt=image.alt if image else "",
        image_size=(image.width, image.height) if image else (0, 0),
        is_listed=held.is_listed,
    )
    sender = ", ".join(part for part in (account.legal_name, account.postal_address) if part)
    return public_page(_shown(conn, held).source, sender, face, None if is_bare else bar)


def _shown(conn: sa.Connection, held: PublicVersion) -> Variant:
    """Raises: NotFound."""
    for variant in campaigns.variants_of(conn, held.account_id, held.campaign_id):
        if variant.id == held.variant_id:
            return variant
    raise NotFound(f"no version {held.variant_id} of campaign {held.campaign_id}")
