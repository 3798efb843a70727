"""Addresses that get nothing, by keyed hash, so that an erased person stays out without being kept."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from sillage.domain.ids import AccountId, CampaignId, ContactId
from sillage.store.tables import contacts, suppressions


def suppress_contact(
    conn: sa.Connection,
    account_id: AccountId,
    contact_id: ContactId,
    *,
    channel: str,
    reason: str,
    campaign_id: CampaignId | None,
    now: datetime,
) -> bool:
    """Stop all mail to a contact's address; False where it was stopped before or the contact is gone."""
    column = contacts.c.email_hash if channel == "email" else contacts.c.phone_hash
    held = conn.execute(
        sa.select(column).where(contacts.c.account_id == account_id, contacts.c.id == contact_id)
    ).scalar()
    if held is None:
        return False
    insert = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    statement = insert(suppressions).values(
        account_id=account_id,
        channel=channel,
        address_hash=held,
        reason=reason,
        contact_id=contact_id,
        campaign_id=campaign_id,
        created_at=now,
    )
    # Not by rowcount, which PostgreSQL's driver does not know here.
    stopped = conn.execute(statement.on_conflict_do_nothing().returning(suppressions.c.reason))
    return stopped.first() is not None
