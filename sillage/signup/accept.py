"""A sign-up comes in: by a form, or because an account asks people of an imported file to confirm."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa

from sillage.domain.contact import EmailAddress
from sillage.domain.ids import ContactId
from sillage.domain.mailbox import victim_of
from sillage.domain.signup import NETWORK_PER_HOUR, clean_name, mail_at
from sillage.errors import Refused
from sillage.store import accounts, signups, suppressions
from sillage.store.forms import Form
from sillage.tokens import address_hash, derive_key

ASKABLE = frozenset({"consent_missing", "consent_too_old"})
"""Only who said nothing, or long ago, may be asked: who left has answered."""


class Answer(StrEnum):
    """What the visitor is told. It never depends on whether the address is known."""

    CHECK_MAILBOX = "check_mailbox"
    TOO_MANY = "too_many"


def sign_up(
    conn: sa.Connection,
    secret: str,
    form: Form,
    address: EmailAddress,
    *,
    fields: Mapping[str, str],
    agrees_tracking: bool,
    network: str,
    now: datetime,
) -> Answer:
    """Note a sign-up in the caller's transaction. `network`: where it comes from, truncated to /24 or /48.

    No contact comes of it before the person confirms; what they typed is in no mail.
    """
    account = accounts.by_id(conn, form.account_id)
    marked = address_hash(secret, f"network {network}").hex() if network else ""
    if marked and signups.from_network(conn, marked, now - timedelta(hours=1)) >= NETWORK_PER_HOUR:
        return Answer.TOO_MANY
    names = {
        name: clean for name in ("first_name", "last_name") if (clean := clean_name(fields.get(name, ""))) is not None
    }
    seen_from = f", network {network}" if network and account.keeps_ip else ""
    _note(
        conn, secret, form, address, now=now, fields=names if form.asks_name else {},
        agrees_tracking=agrees_tracking and bool(form.tracking_wording),
        proof=f"form {form.name}, signed up {now:%Y-%m-%d %H:%M:%S} UTC{seen_from}", network=marked,
    )  # fmt: skip
    return Answer.CHECK_MAILBOX


def ask_contacts(
    conn: sa.Connection,
    secret: str,
    form: Form,
    people: Iterable[tuple[ContactId, str, str | None]],
    *,
    source: str,
    now: datetime,
) -> int:
    """Ask contacts to confirm, by the words of a form; how many mails will leave.

    Each of them is (contact, address, why no marketing may leave). Who left, complained or has consent is not asked.
    Raises: Refused where the account does not say who it is.
    """
    if not accounts.by_id(conn, form.account_id).may_send:
        raise Refused("the account has no legal name or postal address: say who asks first")
    asked = 0
    for contact_id, email, reason in people:
        if reason in ASKABLE:
            asked += _note(
                conn, secret, form, EmailAddress.parse(email), now=now, fields={}, agrees_tracking=False,
                proof=f"asked to confirm, {source}", network="", contact_id=contact_id,
            )  # fmt: skip
    return asked


def _note(
    conn: sa.Connection,
    secret: str,
    form: Form,
    address: EmailAddress,
    *,
    now: datetime,
    fields: Mapping[str, str],
    agrees_tracking: bool,
    proof: str,
    network: str,
    contact_id: ContactId | None = None,
) -> bool:
    mailbox = mailbox_hash(secret, address)
    signups.take_turn(conn, mailbox)
    held = address_hash(secret, address.identity)
    stopped = suppressions.reason_of(conn, form.account_id, channel="email", address_hash=held, domain=address.domain)
    due_at = mail_at(signups.earlier(conn, form.account_id, mailbox, now), suppressed=stopped, now=now)
    if due_at is None:
        return False
    signups.add(
        conn, form.account_id, form.id, email=address.identity, email_hash=held, mailbox_hash=mailbox, due_at=due_at,
        now=now, fields=fields, agrees_tracking=agrees_tracking, proof=proof, network=network, contact_id=contact_id,
    )  # fmt: skip
    return True


def mailbox_hash(secret: str, address: EmailAddress) -> bytes:
    """What sign-ups of one mailbox have in common, whatever its spelling: a keyed hash of its own, 16 bytes."""
    return address_hash(derive_key(secret, "mailboxes").hex(), victim_of(address))
