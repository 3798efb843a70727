"""A scene for tests of what comes back: an account, a campaign under way, one contact who agreed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from sillage.domain.consent import Channel, Purpose
from sillage.domain.ids import AccountId, CampaignId, ContactId, VariantId
from sillage.lake.event import Event, EventType, decode
from sillage.store import accounts, consent
from sillage.store.database import Store
from sillage.store.tables import (
    campaigns,
    consents,
    contacts,
    deliveries,
    links,
    outbox,
    senders,
    suppressions,
    variants,
)
from sillage.tokens import Recipient, TokenKey, address_hash

EMAIL = "jean.dupont@gmail.example"
SHOP = "https://shop.example/a?b=c#d"
NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)


@dataclass(slots=True)
class Scene:
    """Ops with one message sent to one person."""

    store: Store
    secret: str
    account_id: AccountId
    recipient: Recipient

    @classmethod
    def set_up(cls, store: Store, secret: str, *, name: str = "Maison", **account: Any) -> Scene:
        """Make the account, its campaign, its contact and its link."""
        with store.write() as conn:
            made = accounts.create(conn, "maison", name, created_at=NOW, **account)
            (sender,) = conn.execute(
                senders.insert().values(account_id=made.id, name="M", email="n@maison.example", created_at=NOW)
            ).inserted_primary_key or (0,)
            row: dict[str, Any] = {"account_id": made.id, "name": "News", "state": "sending", "include": []}
            (campaign,) = conn.execute(
                campaigns.insert().values(created_at=NOW, sender_id=sender, **row)
            ).inserted_primary_key or (0,)
            row = {"account_id": made.id, "campaign_id": campaign, "position": 1, "name": "A", "subject": "S"}
            (variant,) = conn.execute(
                variants.insert().values(source_kind="html", source="x", **row)
            ).inserted_primary_key or (0,)
            recipient = Recipient(CampaignId(campaign), VariantId(variant), ContactId(0))
            scene = cls(store, secret, made.id, recipient)
            scene.recipient = Recipient(recipient.campaign_id, recipient.variant_id, scene.add_contact(conn, EMAIL))
        scene.add_link(1, SHOP)
        return scene

    def add_contact(self, conn: sa.Connection, email: str) -> ContactId:
        """A contact who agreed to everything a month ago."""
        (contact,) = conn.execute(
            contacts.insert().values(
                account_id=self.account_id,
                email=email,
                email_hash=address_hash(self.secret, email),
                provider="gmail",
                created_at=NOW,
                updated_at=NOW,
            )
        ).inserted_primary_key or (0,)
        consent.grant(
            conn,
            self.account_id,
            ContactId(contact),
            Channel.EMAIL,
            list(Purpose),
            occurred_at=NOW - timedelta(days=30),
            source="test",
            proof="row 2",
        )
        return ContactId(contact)

    def add_link(self, number: int, url: str) -> None:
        """One more link of the message."""
        with self.store.write() as conn:
            conn.execute(
                links.insert().values(
                    variant_id=self.recipient.variant_id,
                    number=number,
                    account_id=self.account_id,
                    campaign_id=self.recipient.campaign_id,
                    url=url,
                )
            )

    def add_delivery(self) -> None:
        """The campaign was for the person, and its message was taken."""
        with self.store.write() as conn:
            conn.execute(
                deliveries.insert().values(
                    account_id=self.account_id,
                    campaign_id=self.recipient.campaign_id,
                    contact_id=self.recipient.contact_id,
                    variant_id=self.recipient.variant_id,
                    provider="gmail",
                    state="accepted",
                    due_at=NOW,
                )
            )

    @property
    def key(self) -> TokenKey:
        """The key of the installation."""
        return TokenKey(self.secret)

    @property
    def token(self) -> str:
        """The person's token as it stands in links."""
        return self.key.sign(self.recipient)

    @property
    def mailbox_token(self) -> str:
        """The person's token as it stands in addresses."""
        return self.key.sign_for_mailbox(self.recipient)

    def events(self, *types: EventType) -> list[Event]:
        """The events in ops' outbox, in order."""
        with self.store.read() as conn:
            found = [decode(bytes(row.body)) for row in conn.execute(sa.select(outbox).order_by(outbox.c.seq))]
        return [event for event in found if not types or event.type in types]

    def consent(self) -> tuple[str | None, str | None, str | None]:
        """Current consent of the person: marketing, opens, clicks."""
        with self.store.read() as conn:
            row = conn.execute(sa.select(consents).where(consents.c.contact_id == self.recipient.contact_id)).first()
        return (row.marketing, row.open_tracking, row.click_tracking) if row else (None, None, None)

    def suppressed(self) -> str | None:
        """Why the person's address gets nothing, or None."""
        with self.store.read() as conn:
            return conn.execute(
                sa.select(suppressions.c.reason).where(suppressions.c.account_id == self.account_id)
            ).scalar()

    def forget_contact(self) -> None:
        """The person was erased."""
        with self.store.write() as conn:
            conn.execute(sa.delete(consents))
            conn.execute(sa.delete(contacts))
