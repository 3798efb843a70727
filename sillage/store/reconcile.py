"""Bring a restored ops up to what the lake saw of it afterwards: hand-overs, and people who said no."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from sillage.domain.consent import Channel, Purpose
from sillage.domain.delivery import DeliveryState
from sillage.domain.ids import AccountId, CampaignId, ContactId
from sillage.store import consent
from sillage.store.suppressions import suppress_contact
from sillage.store.tables import contacts, deliveries

_OPEN = (DeliveryState.DUE, DeliveryState.HELD, DeliveryState.SENDING, DeliveryState.IN_DOUBT)


@dataclass(frozen=True, slots=True)
class HandedOver:
    """Where the lake saw a recipient end."""

    account_id: AccountId
    campaign_id: CampaignId
    contact_id: ContactId
    state: DeliveryState
    attempt: int
    reason: str | None


def apply(conn: sa.Connection, found: Sequence[HandedOver]) -> int:
    """Settle deliveries that are still open here and are not in the lake; how many."""
    if not found:
        return 0
    d = deliveries.c
    statement = (
        deliveries.update()
        .where(
            d.account_id == sa.bindparam("owner"),
            d.campaign_id == sa.bindparam("of"),
            d.contact_id == sa.bindparam("who"),
            d.state.in_([state.value for state in _OPEN]),
        )
        .values(state=sa.bindparam("now"), attempt=sa.bindparam("tries"), reason=sa.bindparam("why"), worker_id=None)
    )
    changed = 0
    for one in found:
        done = conn.execute(
            statement,
            {"owner": one.account_id, "of": one.campaign_id, "who": one.contact_id, "now": one.state.value,
             "tries": one.attempt, "why": one.reason},
        )  # fmt: skip
        changed += done.rowcount
    return changed


def withdraw(
    conn: sa.Connection,
    account_id: AccountId,
    contact_id: ContactId,
    purposes: Sequence[Purpose],
    *,
    occurred_at: datetime,
    proof: str,
) -> bool:
    """Somebody said no after the backup: it stands again. False where the contact is not there any more."""
    there = sa.select(contacts.c.id).where(contacts.c.account_id == account_id, contacts.c.id == contact_id)
    if conn.execute(there).first() is None:
        return False
    consent.withdraw(
        conn, account_id, contact_id, Channel.EMAIL, purposes, occurred_at=occurred_at, source="restore", proof=proof
    )
    return True


def suppress(
    conn: sa.Connection, account_id: AccountId, contact_id: ContactId, *, reason: str, occurred_at: datetime
) -> bool:
    """Somebody complained, or an address was gone for good, after the backup."""
    return suppress_contact(
        conn, account_id, contact_id, channel="email", reason=reason, campaign_id=None, now=occurred_at
    )
