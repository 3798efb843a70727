"""How people who left come back: one by one with a later proof, or by a sign-up that they confirmed themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from sillage.domain.consent import Channel, Purpose
from sillage.domain.ids import AccountId, ContactId
from sillage.errors import BadInput, Refused
from sillage.lake.event import Event, EventType, event_id
from sillage.store import consent, outbox, suppressions
from sillage.store.tables import consent_acts, contacts

MAX_PROOF = 1_000


@dataclass(frozen=True, slots=True)
class Proof:
    """That one person agreed: when, in which words, how it can be shown, and who says so."""

    agreed_at: datetime
    wording: str
    proof: str
    declared_by: str


def bring_back(
    conn: sa.Connection, account_id: AccountId, contact_id: ContactId, proof: Proof, *, channel: Channel, now: datetime
) -> None:
    """Write a consent to marketing that is proven for one person, after they had left or without any before.

    Raises: BadInput where the proof is not complete or not of the past; Refused where they left after it, or where
    they complained or were erased: then they come back by a confirmed sign-up only.
    """
    for name in ("wording", "proof", "declared_by"):
        text = getattr(proof, name)
        if not text.strip() or len(text) > MAX_PROOF:
            message = f"{name} must have 1 to {MAX_PROOF} characters: a consent that can't be shown is none"
            raise BadInput(message, code="bad_proof", field=name)
    if proof.agreed_at > now:
        raise BadInput("the consent lies in the future", code="bad_proof", field="agreed_at")
    left_at = conn.execute(
        sa.select(sa.func.max(consent_acts.c.occurred_at)).where(
            consent_acts.c.account_id == account_id,
            consent_acts.c.contact_id == contact_id,
            consent_acts.c.channel == channel,
            consent_acts.c.purpose == Purpose.MARKETING.value,
            consent_acts.c.state == "withdrawn",
        )
    ).scalar()
    if left_at is not None and proof.agreed_at <= left_at:
        raise Refused(f"this person left on {left_at:%Y-%m-%d %H:%M} UTC: the proof must be of a later moment")
    column = contacts.c.email_hash if channel is Channel.EMAIL else contacts.c.phone_hash
    mine = (contacts.c.account_id == account_id, contacts.c.id == contact_id)
    held = conn.execute(sa.select(column).where(*mine)).scalar()
    stopped = suppressions.reason_of(conn, account_id, channel=channel, address_hash=held, domain=None)
    if stopped in suppressions.FOR_GOOD:
        raise Refused(f"this address is suppressed for good ({stopped}): a confirmed sign-up alone brings it back")
    grant_return(
        conn, account_id, contact_id, channel, [Purpose.MARKETING], agreed_at=proof.agreed_at, source="one by one",
        proof=proof.proof.strip(), wording=proof.wording.strip(), declared_by=proof.declared_by.strip(), via="hand",
        now=now,
    )  # fmt: skip


def grant_return(
    conn: sa.Connection,
    account_id: AccountId,
    contact_id: ContactId,
    channel: Channel,
    purposes: list[Purpose],
    *,
    agreed_at: datetime,
    source: str,
    proof: str,
    wording: str,
    via: str,
    now: datetime,
    wording_version: str = "",
    declared_by: str | None = None,
) -> None:
    """Write a grant that brings back whoever left before it, and tell the lake, once for each purpose."""
    consent.grant(
        conn, account_id, contact_id, channel, purposes, occurred_at=agreed_at, source=source, proof=proof,
        wording=wording, wording_version=wording_version, declared_by=declared_by, is_return=True, recorded_at=now,
    )  # fmt: skip
    provider = conn.execute(
        sa.select(contacts.c.provider).where(contacts.c.account_id == account_id, contacts.c.id == contact_id)
    ).scalar()
    outbox.record(
        conn,
        [
            Event(
                id=event_id("consented", account_id, contact_id, channel, purpose, source, agreed_at.isoformat()),
                type=EventType.CONSENTED,
                account_id=account_id,
                occurred_at=agreed_at,
                recorded_at=now,
                contact_id=contact_id,
                channel=channel.value,
                provider=provider,
                via=via,
                purpose=purpose.value,
            )
            for purpose in purposes
        ],
    )
