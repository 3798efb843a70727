"""The other end: the link of a confirmation mail, and what its button does."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
from datetime import datetime

import sqlalchemy as sa

from sillage.domain.consent import Channel, Purpose
from sillage.domain.contact import TEXT_FIELDS, EmailAddress
from sillage.domain.ids import ContactId
from sillage.domain.provider import OTHER, by_domain
from sillage.domain.signup import VALID_FOR, SignupState
from sillage.errors import NotFound
from sillage.store import contacts, forms, groups, signups, suppressions
from sillage.store.forms import Form
from sillage.store.returns import grant_return
from sillage.store.signups import Signup
from sillage.store.tables import contacts as contacts_table
from sillage.tokens import derive_key

_ID = struct.Struct(">Q")
_MAC_BYTES = 13
_LENGTH = 28
LIFTED = frozenset({"complaint", "erased", "npai", "hard_bounce"})
"""Who presses the button of a mail that reached them is there, and wants it."""


class SignupKey:
    """Signs the links of confirmation mails: 28 URL-safe characters, of no use anywhere else."""

    def __init__(self, secret: str) -> None:
        self._key = derive_key(secret, "sign-ups")

    def sign(self, signup_id: int) -> str:
        """The token of a sign-up."""
        payload = _ID.pack(signup_id)
        return base64.urlsafe_b64encode(payload + self._mac(payload)).decode("ascii")

    def read(self, token: str) -> int | None:
        """The sign-up of a token, or None where it was not signed by us."""
        if len(token) != _LENGTH:
            return None
        try:
            raw = base64.b64decode(token, altchars=b"-_", validate=True)
        except ValueError:
            return None
        payload, mac = raw[: _ID.size], raw[_ID.size :]
        return int(_ID.unpack(payload)[0]) if hmac.compare_digest(mac, self._mac(payload)) else None

    def _mac(self, payload: bytes) -> bytes:
        return hashlib.blake2b(payload, key=self._key, digest_size=_MAC_BYTES).digest()


def find(conn: sa.Connection, signup_id: int, now: datetime) -> tuple[Signup, Form]:
    """A sign-up that may be confirmed, or was.

    Raises: NotFound where its time is over or nothing is left of it.
    """
    found = signups.get(conn, signup_id)
    if found is None or found.state is SignupState.EXPIRED or now >= (found.mailed_at or found.created_at) + VALID_FOR:
        raise NotFound("that sign-up is over: sign up again")
    return found, forms.get(conn, found.account_id, found.form_id)


def confirm(conn: sa.Connection, signup_id: int, *, now: datetime, seen_from: str = "") -> ContactId:
    """Make the contact, or find it, and write its consent; pressing the button again changes nothing.

    It is the person's own act: whoever left or complained before is back by it.
    Raises: NotFound where the time is over.
    """
    found, form = find(conn, signup_id, now)
    if found.state is SignupState.CONFIRMED and found.contact_id is not None:
        return found.contact_id
    contact_id = _contact(conn, found, now)
    suppressions.lift(conn, found.account_id, Channel.EMAIL, found.email_hash, LIFTED)
    proof = f"{found.proof}, confirmed {now:%Y-%m-%d %H:%M:%S} UTC{f', network {seen_from}' if seen_from else ''}"
    asked = [([Purpose.MARKETING], form.wording)]
    if found.agrees_tracking:
        asked.append(([Purpose.OPEN_TRACKING, Purpose.CLICK_TRACKING], form.tracking_wording))
    for purposes, wording in asked:
        grant_return(
            conn, found.account_id, contact_id, Channel.EMAIL, purposes, agreed_at=now, source=f"form {form.name}",
            proof=proof, wording=wording, wording_version=form.wording_version, via="double_opt_in", now=now,
        )  # fmt: skip
    if form.group_id is not None:
        groups.add_members(conn, found.account_id, form.group_id, [contact_id], now=now)
    signups.confirmed(conn, signup_id, contact_id, now)
    return contact_id


def _contact(conn: sa.Connection, found: Signup, now: datetime) -> ContactId:
    """The contact of that address; a field that it has stays, an empty one is filled."""
    address = EmailAddress.parse(found.email or "")
    held = contacts.ids_by_email(conn, found.account_id, [address.identity]).get(address.identity)
    table = contacts_table
    if held is None:
        done = conn.execute(
            table.insert().values(
                account_id=found.account_id, email=address.identity, email_hash=found.email_hash,
                provider=by_domain().get(address.domain, OTHER), source="form", created_at=now, updated_at=now,
                custom={}, **found.fields,
            )
        )  # fmt: skip
        (made,) = done.inserted_primary_key or (0,)
        return ContactId(int(made))
    old = conn.execute(sa.select(*[table.c[name] for name in TEXT_FIELDS]).where(table.c.id == held)).mappings().one()
    new = {name: value for name, value in found.fields.items() if not old.get(name)}
    # It is theirs now, and goes with no import that may be taken back.
    conn.execute(
        table.update()
        .where(table.c.account_id == found.account_id, table.c.id == held)
        .values(import_id=None, email_hash=found.email_hash, updated_at=now, **new)
    )
    return held
