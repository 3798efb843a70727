"""What people, and servers for them, send back: unsubscribes, withdrawn tracking, complaints, bounces.

Each function is one sentence within the caller's transaction: the change of state and its event, or nothing where
the same signal came before. Ids of events are made of facts, so what slips through here (a replay after a new
consent) is still one event in the lake. A token that was signed is what scopes a call: it names the account's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from sillage.domain.bounce import BounceClass, without_person
from sillage.domain.bounce_policy import SUPPRESSION_REASONS, Follow
from sillage.domain.consent import Channel, ConsentState, Purpose
from sillage.domain.ids import AccountId, CampaignId, ContactId
from sillage.lake.event import Event, EventType, event_id
from sillage.store import bounces, consent, outbox
from sillage.store.suppressions import suppress_contact
from sillage.store.tables import (
    campaigns,
    consent_acts,
    consents,
    contact_sends,
    contacts,
    deliveries,
    suppressions,
    variants,
)
from sillage.tokens import NOBODY, Recipient, address_hash

TRACKING = (Purpose.OPEN_TRACKING, Purpose.CLICK_TRACKING)


@dataclass(frozen=True, slots=True)
class Bounce:
    """A refusal as it was classified. `diagnostic` is the server's words; addresses are taken out here."""

    bounce_class: BounceClass
    reason: str | None = None
    status: str | None = None
    smtp_code: int | None = None
    diagnostic: str | None = None
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class _Person:
    """What ops holds of a recipient; of one that was erased, nothing but the provider's default."""

    is_there: bool
    provider: str | None = None
    email: str | None = None
    email_hash: bytes | None = None


def account_of(conn: sa.Connection, recipient: Recipient) -> AccountId | None:
    """The account that sent the message a token belongs to; None where neither campaign nor contact is left."""
    found = conn.execute(
        sa.select(variants.c.account_id).where(
            variants.c.id == recipient.variant_id, variants.c.campaign_id == recipient.campaign_id
        )
    ).scalar()
    if found is None:
        found = conn.execute(sa.select(contacts.c.account_id).where(contacts.c.id == recipient.contact_id)).scalar()
    return None if found is None else AccountId(found)


def recipient_by_address(
    conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId, email: str
) -> ContactId | None:
    """The contact with an address whom a campaign of this account was for; None where there is none."""
    found = conn.execute(
        sa.select(contacts.c.id).where(
            contacts.c.account_id == account_id,
            contacts.c.email == email,
            sa.exists().where(
                deliveries.c.account_id == account_id,
                deliveries.c.campaign_id == campaign_id,
                deliveries.c.contact_id == contacts.c.id,
            )
            | sa.exists().where(contact_sends.c.account_id == account_id, contact_sends.c.contact_id == contacts.c.id),
            sa.exists().where(campaigns.c.account_id == account_id, campaigns.c.id == campaign_id),
        )
    ).scalar()
    return None if found is None else ContactId(found)


def unsubscribe(
    conn: sa.Connection, account_id: AccountId, recipient: Recipient, *, via: str, occurred_at: datetime
) -> bool:
    """Withdraw the consent to marketing; False where this campaign's unsubscribe is in force already."""
    proof = f"campaign {recipient.campaign_id}"
    return _withdrawn(
        conn, account_id, recipient, (Purpose.MARKETING,), via=via, proof=proof, occurred_at=occurred_at
    ) and _record(conn, account_id, recipient, EventType.UNSUBSCRIBED, via=via, occurred_at=occurred_at)


def withdraw_tracking(
    conn: sa.Connection, account_id: AccountId, recipient: Recipient, *, via: str, occurred_at: datetime
) -> bool:
    """Withdraw the consent to opens and clicks being measured; False where that is in force already."""
    proof = f"tracking, campaign {recipient.campaign_id}"
    if not _withdrawn(conn, account_id, recipient, TRACKING, via=via, proof=proof, occurred_at=occurred_at):
        return False
    for purpose in TRACKING:
        _record(conn, account_id, recipient, EventType.WITHDREW, via=via, occurred_at=occurred_at, purpose=purpose)
    return True


def complain(
    conn: sa.Connection, account_id: AccountId, recipient: Recipient, *, via: str, occurred_at: datetime, secret: str
) -> bool:
    """Stop all mail to a person who called a message spam; False where this campaign's complaint is known."""
    proof = f"complaint, campaign {recipient.campaign_id}"
    if not _withdrawn(conn, account_id, recipient, (Purpose.MARKETING,), via=via, proof=proof, occurred_at=occurred_at):
        return False
    if not recipient.is_test:
        _suppress(conn, account_id, recipient, reason="complaint", occurred_at=occurred_at, secret=secret)
    return _record(conn, account_id, recipient, EventType.COMPLAINED, via=via, occurred_at=occurred_at)


def bounce(
    conn: sa.Connection,
    account_id: AccountId,
    recipient: Recipient,
    bounced: Bounce,
    *,
    via: str,
    key: str,
    occurred_at: datetime,
    secret: str,
    attempt: int | None = None,
) -> bool:
    """Note a refusal, and let follow what the account's policy says: stop all mail, or keep and count.

    `key` names the report (its Message-ID): the same report twice is one event, a later report is another, so that a
    soft bounce hides no hard one. False where a report by mail says again what stopped this campaign's person before.
    """
    person = _person(conn, account_id, recipient)
    follows = bounces.policy_of(conn, account_id).of(bounced.bounce_class)
    if follows is Follow.DEACTIVATE and not recipient.is_test:
        reason = SUPPRESSION_REASONS[bounced.bounce_class]
        if via == "mail" and _is_suppressed(conn, account_id, recipient, person, reason):
            return False
        _suppress(conn, account_id, recipient, reason=reason, occurred_at=occurred_at, secret=secret)
    diagnostic = without_person(bounced.diagnostic, person.email) if bounced.diagnostic else None
    return _record(
        conn,
        account_id,
        recipient,
        EventType.BOUNCED,
        via=via,
        occurred_at=occurred_at,
        key=key,
        bounced=bounced,
        diagnostic=diagnostic,
        attempt=attempt,
    )


def autoreply(
    conn: sa.Connection, account_id: AccountId, recipient: Recipient, *, key: str, occurred_at: datetime
) -> bool:
    """Note that a program answered for a person: it changes nothing for them."""
    return _record(conn, account_id, recipient, EventType.AUTOREPLIED, via="mail", occurred_at=occurred_at, key=key)


def _withdrawn(
    conn: sa.Connection,
    account_id: AccountId,
    recipient: Recipient,
    purposes: Sequence[Purpose],
    *,
    via: str,
    proof: str,
    occurred_at: datetime,
) -> bool:
    """Withdraw purposes in the ledger; False where the same act stands there and is in force. Erased: nothing to do."""
    if recipient.contact_id == NOBODY:
        return False
    if recipient.is_test or not _person(conn, account_id, recipient).is_there:
        return True
    if _is_in_force(conn, account_id, recipient, purposes, proof):
        return False
    consent.withdraw(
        conn,
        account_id,
        recipient.contact_id,
        Channel.EMAIL,
        purposes,
        occurred_at=occurred_at,
        source=via,
        proof=proof,
    )
    return True


def _is_in_force(
    conn: sa.Connection, account_id: AccountId, recipient: Recipient, purposes: Sequence[Purpose], proof: str
) -> bool:
    now = conn.execute(
        sa.select(*(consents.c[purpose.value] for purpose in purposes)).where(
            consents.c.account_id == account_id,
            consents.c.contact_id == recipient.contact_id,
            consents.c.channel == Channel.EMAIL,
        )
    ).first()
    if now is None or any(state != ConsentState.WITHDRAWN for state in now):
        return False
    act = sa.select(consent_acts.c.id).where(
        consent_acts.c.account_id == account_id,
        consent_acts.c.contact_id == recipient.contact_id,
        consent_acts.c.purpose == purposes[0],
        consent_acts.c.state == ConsentState.WITHDRAWN,
        consent_acts.c.proof == proof,
    )
    return conn.execute(act.limit(1)).first() is not None


def _person(conn: sa.Connection, account_id: AccountId, recipient: Recipient) -> _Person:
    row = conn.execute(
        sa.select(contacts.c.provider, contacts.c.email, contacts.c.email_hash).where(
            contacts.c.account_id == account_id, contacts.c.id == recipient.contact_id
        )
    ).first()
    return _Person(False) if row is None else _Person(True, row.provider, row.email, row.email_hash)


def _is_suppressed(
    conn: sa.Connection, account_id: AccountId, recipient: Recipient, person: _Person, reason: str
) -> bool:
    row = conn.execute(
        sa.select(suppressions.c.reason).where(
            suppressions.c.account_id == account_id,
            suppressions.c.channel == Channel.EMAIL,
            suppressions.c.address_hash == person.email_hash,
            suppressions.c.reason == reason,
            suppressions.c.campaign_id == recipient.campaign_id,
        )
    ).first()
    return row is not None


def _suppress(
    conn: sa.Connection,
    account_id: AccountId,
    recipient: Recipient,
    *,
    reason: str,
    occurred_at: datetime,
    secret: str,
) -> None:
    person = _person(conn, account_id, recipient)
    if person.email is not None and person.email_hash is None:
        conn.execute(
            sa.update(contacts)
            .where(contacts.c.account_id == account_id, contacts.c.id == recipient.contact_id)
            .values(email_hash=address_hash(secret, person.email))
        )
    suppress_contact(
        conn,
        account_id,
        recipient.contact_id,
        channel=Channel.EMAIL,
        reason=reason,
        campaign_id=recipient.campaign_id,
        now=occurred_at,
    )


def _record(
    conn: sa.Connection,
    account_id: AccountId,
    recipient: Recipient,
    kind: EventType,
    *,
    via: str,
    occurred_at: datetime,
    key: str = "",
    purpose: Purpose | None = None,
    bounced: Bounce | None = None,
    diagnostic: str | None = None,
    attempt: int | None = None,
) -> bool:
    """Put the event on its way. How it reached us is no part of its id: of several ways the first counts."""
    if recipient.contact_id == NOBODY:
        return False
    facts = (recipient.campaign_id, recipient.contact_id, kind.value, key, purpose or "")
    event = Event(
        id=event_id(*facts),
        type=kind,
        account_id=account_id,
        occurred_at=occurred_at,
        recorded_at=occurred_at,
        campaign_id=recipient.campaign_id,
        variant_id=recipient.variant_id,
        contact_id=recipient.contact_id,
        provider=_person(conn, account_id, recipient).provider,
        is_test=recipient.is_test,
        via=via,
        purpose=purpose.value if purpose else None,
        bounce_class=bounced.bounce_class.value if bounced else None,
        reason=bounced.reason if bounced else None,
        status=bounced.status if bounced else None,
        smtp_code=bounced.smtp_code if bounced else None,
        rule=bounced.rule if bounced else None,
        diagnostic=diagnostic,
        attempt=attempt,
    )
    outbox.record(conn, [event])
    if kind is EventType.BOUNCED and not recipient.is_test and _person(conn, account_id, recipient).is_there:
        bounces.note(conn, [event])
    return True
