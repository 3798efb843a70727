"""The web version of a message: what its recipient got, filled with what we know of them now."""

from __future__ import annotations

import sqlalchemy as sa

from sillage.campaign.prepare import prepare
from sillage.content.public import speaking, with_own_files
from sillage.content.segments import Person
from sillage.domain.campaign import Pixel
from sillage.domain.ids import AccountId
from sillage.i18n import language_of
from sillage.settings import Settings
from sillage.store import accounts, campaigns, seen_segments
from sillage.store.merge_fields import of_contact
from sillage.store.tables import campaigns as campaigns_table
from sillage.tokens import Recipient, TokenKey


def render(conn: sa.Connection, settings: Settings, recipient: Recipient) -> str | None:
    """The HTML of a recipient's message without an open pixel, or None where the campaign is gone.

    An erased or unknown contact gets the message with its defaults.
    """
    account_id = conn.execute(
        sa.select(campaigns_table.c.account_id).where(campaigns_table.c.id == recipient.campaign_id)
    ).scalar()
    if account_id is None:
        return None
    campaign = campaigns.get(conn, AccountId(account_id), recipient.campaign_id)
    variant = next(
        (v for v in campaigns.variants_of(conn, campaign.account_id, campaign.id) if v.id == recipient.variant_id),
        None,
    )
    if variant is None:
        return None
    key = TokenKey(settings.secret.get_secret_value())
    fields = of_contact(conn, campaign.account_id, recipient.contact_id)
    if seen := seen_segments.of(conn, campaign.id, [recipient.contact_id]).get(recipient.contact_id):
        fields[seen_segments.FIELD] = seen
    person = Person(
        address="",
        fields=fields,
        token=key.sign(recipient),
        mailbox_token="",
        anonymous_token="",
        pixel=Pixel.ANONYMOUS,
        sent_at=settings.clock.now(),
    )
    page = prepare(conn, settings, campaign, variant).fill_html(person, settings.base_url)
    language = language_of(accounts.by_id(conn, campaign.account_id).locale)
    return speaking(with_own_files(page, variant.source.files), language)
