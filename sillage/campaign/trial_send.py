"""A look at a campaign in real mailboxes: its versions to a few colleagues, by the way that campaigns go.

It is no campaign: no delivery, no event, no consent and no frequency is touched. Links lead straight to their targets,
there is no pixel, and the ways out lead to a page that says what they would do.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from sillage.campaign.audience import audience_of
from sillage.campaign.prepare import envelope_of, footer_of, refuse_unready, signing_keys
from sillage.content.merge import segments_named
from sillage.content.message import Compiled, Source, compile_variant
from sillage.content.segments import Person
from sillage.domain.campaign import MessageKind, Pixel
from sillage.domain.contact import EmailAddress
from sillage.domain.ids import AccountId, CampaignId, ContactId, VariantId
from sillage.errors import BadInput, Refused
from sillage.settings import Settings
from sillage.store import campaigns, contacts, quotas, suppressions, trial_mails
from sillage.store.accounts import Account
from sillage.store.campaigns import Campaign, Sender
from sillage.store.database import Store
from sillage.store.merge_fields import of_contact
from sillage.store.quotas import Slot
from sillage.store.seen_segments import FIELD as SEGMENTS
from sillage.store.trial_mails import Wanted
from sillage.tokens import Recipient, TokenKey, address_hash

MAX_COLLEAGUES = 10
MAX_AN_HOUR = 100
"""Mails of one account: enough for ten colleagues and five versions twice, too few to mail a list past consent."""
SAMPLE = {
    "first_name": "Camille", "last_name": "Martin", "company": "Exemple SA", "country": "FR", "city": "Brest",
    "postcode": "29200", "language": "fr", "birthday": "1990-05-17", "phone": "+33123456789",
    "email": "camille.martin@example.com",
}  # fmt: skip
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Version:
    """One version of what is looked at: its name where there are several, who it comes from, what it says."""

    name: str
    sender: Sender
    source: Source


def versions_of(conn: sa.Connection, account_id: AccountId, campaign: Campaign) -> list[Version]:
    """The versions of a campaign."""
    found = campaigns.variants_of(conn, account_id, campaign.id)
    return [
        Version(v.name, campaigns.sender(conn, account_id, v.sender_id or campaign.sender_id), v.source) for v in found
    ]


def colleagues(texts: Sequence[str]) -> list[EmailAddress]:
    """Addresses out of what was typed, each once.

    Raises: BadInput where one is none, or there are none or too many.
    """
    found: dict[str, EmailAddress] = {}
    for text in texts:
        try:
            address = EmailAddress.parse(text)
        except BadInput as exc:
            raise BadInput(f"{text[:100]!r}: {exc}", code=exc.code, field="to") from exc
        found.setdefault(address.identity, address)
    if not 1 <= len(found) <= MAX_COLLEAGUES:
        raise BadInput(
            f"a test goes to 1 to {MAX_COLLEAGUES} addresses, and there are {len(found)}", code="bad_number", field="to"
        )
    return list(found.values())


def send_test(
    store: Store, settings: Settings, account: Account, kind: MessageKind, versions: Sequence[Version],
    to: Sequence[str], *, contact_id: ContactId | None, by: str,
) -> int:  # fmt: skip
    """Queue each version for each colleague, filled with a contact's data or, without one, with a sample. How many.

    Raises: BadInput where an address is none or a version can't be compiled or filled; Refused where somebody's
    address gets nothing, or too many were asked for in an hour; NotFound.
    """
    addresses, now = colleagues(to), settings.clock.now()
    with store.read() as conn:
        _refuse_suppressed(conn, settings, account.id, addresses)
        compiled = [(v, _compiled(conn, settings, account, kind, v, is_only=len(versions) == 1)) for v in versions]
        fields: dict[str, Any] | None = None
        if contact_id is not None:
            contacts.get(conn, account.id, contact_id)
            fields = of_contact(conn, account.id, contact_id)
    if fields is not None and contact_id is not None and _asks_for_segments(versions):
        with audience_of(store, account.id, settings) as audience:
            fields[SEGMENTS] = [name for name, is_in in audience.segments_of(contact_id).items() if is_in]
    wanted = [
        Wanted(
            str(address), message.subject_of(fields or _sample(message)), _filled(settings, message, address, fields)
        )
        for address in addresses
        for _, message in compiled
    ]
    with store.write() as conn:
        _count(conn, account.id, len(wanted), now)
        trial_mails.forget(conn, now=now)
        trial_mails.add(conn, account.id, wanted, contact_id=contact_id, by=by, now=now)
    return len(wanted)


def _refuse_suppressed(
    conn: sa.Connection, settings: Settings, account_id: AccountId, addresses: Sequence[EmailAddress]
) -> None:
    secret, refused = settings.secret.get_secret_value(), []
    for address in addresses:
        reason = suppressions.reason_of(
            conn, account_id, channel="email", address_hash=address_hash(secret, address.identity),
            domain=address.identity.rpartition("@")[2],
        )  # fmt: skip
        if reason is not None:
            refused.append(f"{address} ({reason})")
    if refused:
        raise Refused(f"nothing goes to {', '.join(refused)}: on the list of suppressed addresses. Take it out")


def _compiled(
    conn: sa.Connection, settings: Settings, account: Account, kind: MessageKind, version: Version, *, is_only: bool
) -> Compiled:
    keys = signing_keys(conn, settings, account.id, version.sender)
    refuse_unready(settings, version.sender, signs=bool(keys))
    envelope = envelope_of(settings, account, version.sender, CampaignId(0), VariantId(0))
    mark = "[Test]" if is_only else f"[Test {version.name}]"
    if not version.source.subject.strip():
        raise BadInput("the subject is empty", code="empty_subject", field="subject")
    source = replace(version.source, subject=f"{mark} {version.source.subject}")
    return compile_variant(source, replace(envelope, is_measured=False), footer_of(account, kind), keys)


def _filled(settings: Settings, message: Compiled, address: EmailAddress, fields: dict[str, Any] | None) -> bytes:
    """Each with a token of nobody's, and another one each time: a server drops what has a Message-ID it knows."""
    key = TokenKey(settings.secret.get_secret_value())
    token = Recipient(CampaignId(0), VariantId(0), ContactId(1 + secrets.randbelow(2**39)), is_test=True)
    person = Person(
        address=str(address),
        fields=fields if fields is not None else _sample(message),
        token=key.sign(token),
        mailbox_token=key.sign_for_mailbox(token),
        anonymous_token="",
        pixel=Pixel.ANONYMOUS,
        sent_at=settings.clock.now(),
    )
    return message.fill(person)


def _sample(message: Compiled) -> dict[str, Any]:
    """Somebody who has a value in each field; of fields that only the account knows, their name or their default."""
    own = {name: message.defaults.get(name) or name for name in message.all_fields if name not in SAMPLE}
    return {**own, **SAMPLE}


def _asks_for_segments(versions: Sequence[Version]) -> bool:
    texts = [(v.source.body, v.source.subject, v.source.preheader, v.source.text or "") for v in versions]
    return bool(segments_named(*(text for four in texts for text in four)))


def _count(conn: sa.Connection, account_id: AccountId, number: int, now: datetime) -> None:
    """Raises: Refused where the account has had its hour's worth."""
    hour = int((now - _EPOCH) / timedelta(hours=1))
    slot = Slot(f"test-mails:{account_id}", hour, _EPOCH + timedelta(hours=hour + 1))
    used = quotas.used(conn, [slot])[slot]
    if used + number > MAX_AN_HOUR:
        raise Refused(
            f"{MAX_AN_HOUR} test mails an hour are the most, and {used} have gone: wait until {slot.ends_at:%H:%M} UTC"
        )
    quotas.add(conn, [(slot, number)])
