"""One person of an account: found by any part of an address or name, changed by hand, erased."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sillage.domain.contact import TEXT_FIELDS, has_control_character
from sillage.domain.ids import AccountId, ContactId
from sillage.errors import BadInput, NotFound
from sillage.lake.event import Event, EventType, event_id
from sillage.store import bounces, outbox, signups, undoing
from sillage.store import contacts as store_contacts
from sillage.store.contacts import Contact, visible
from sillage.store.suppressions import suppress_contact
from sillage.store.tables import (
    consent_acts,
    consents,
    contact_sends,
    contacts,
    group_members,
    groups,
    seen_segments,
    segment_members,
    suppressions,
    trial_mails,
)

_IDS_AT_ONCE = 5_000
SEARCHED = ("email", "phone", "first_name", "last_name", "company")
MAX_VALUE = 2_000


def search(conn: sa.Connection, account_id: AccountId, text: str, *, limit: int = 50) -> list[Contact]:
    """Contacts with a text anywhere in address, phone number, name or company, without case; by id.

    Of several words each must be found. It ends with the first `limit` that fit; where none does, ops is read once.
    """
    found = search_ids(conn, account_id, text, limit=limit)
    return [store_contacts.get(conn, account_id, ContactId(i)) for i in found]


def search_ids(conn: sa.Connection, account_id: AccountId, text: str, *, limit: int) -> list[int]:
    """The ids of the same contacts."""
    found = _searched(text)
    if found is None:
        return []
    found = found.where(contacts.c.account_id == account_id)
    return list(conn.execute(found.order_by(contacts.c.id).limit(limit)).scalars())


def search_among(conn: sa.Connection, account_id: AccountId, text: str, ids: Sequence[int]) -> list[int]:
    """Those of these contacts that fit a search, in the order given."""
    found = _searched(text)
    if found is None:
        return []
    # As a sum the account is no key: SQLite would go through all its contacts instead of looking these up by number.
    found = found.where(contacts.c.account_id + 0 == account_id)
    fitting: set[int] = set()
    for start in range(0, len(ids), _IDS_AT_ONCE):
        fitting.update(conn.execute(found.where(contacts.c.id.in_(ids[start : start + _IDS_AT_ONCE]))).scalars())
    return [i for i in ids if i in fitting]


def _searched(text: str) -> sa.Select[int] | None:
    """Contacts of whatever account that fit a search; None for a search that says nothing."""
    words = text.split()[:5]
    if not words:
        return None
    clauses = [sa.or_(*(contacts.c[name].icontains(word, autoescape=True) for name in SEARCHED)) for word in words]
    return sa.select(contacts.c.id).where(*clauses, visible())


def groups_of(conn: sa.Connection, account_id: AccountId, contact_id: ContactId) -> list[str]:
    """The names of the static groups that a contact is in."""
    joined = group_members.join(groups, groups.c.id == group_members.c.group_id)
    query = sa.select(groups.c.name).select_from(joined).where(
        group_members.c.account_id == account_id, group_members.c.contact_id == contact_id
    )  # fmt: skip
    return [str(row.name) for row in conn.execute(query.order_by(groups.c.name))]


def change(
    conn: sa.Connection, account_id: AccountId, contact_id: ContactId, values: Mapping[str, str], *, now: datetime
) -> None:
    """Change text fields and custom fields by name; an empty text empties the field.

    Raises: NotFound; BadInput for a value that is too long or holds a control character.
    """
    held = store_contacts.get(conn, account_id, contact_id)
    fields: dict[str, Any] = {}
    custom = dict(held.custom)
    for name, said in values.items():
        value = said.strip()
        if len(value) > MAX_VALUE or has_control_character(value):
            raise BadInput(f"field {name!r}: at most {MAX_VALUE} characters, on one line", code="bad_value", field=name)
        if name in TEXT_FIELDS:
            fields[name] = value or None
        elif name not in held.custom or str(held.custom[name]) != value:
            # What is unchanged keeps its type; what a hand wrote is text.
            custom[name] = value
    conn.execute(
        contacts.update()
        .where(contacts.c.account_id == account_id, contacts.c.id == contact_id)
        .values(**fields, custom={k: v for k, v in custom.items() if v != ""}, updated_at=now)
    )


def erase(conn: sa.Connection, account_id: AccountId, contact_id: ContactId, *, now: datetime) -> None:
    """Take a person out of ops: what stays is the keyed hash of each address, so that nobody brings it back.

    A part of an erasure, which `erasures.request` begins. Rows of deliveries and totals stay, under a number that is
    nobody's.

    Raises: NotFound.
    """
    store_contacts.get(conn, account_id, contact_id)
    row = conn.execute(
        sa.select(contacts.c.email, contacts.c.email_hash, contacts.c.phone_hash).where(
            contacts.c.account_id == account_id, contacts.c.id == contact_id
        )
    ).one()
    for channel, hashed in (("email", row.email_hash), ("whatsapp", row.phone_hash)):
        if hashed is None:
            continue
        suppress_contact(conn, account_id, contact_id, channel=channel, reason="erased", campaign_id=None, now=now)
        conn.execute(
            suppressions.update()
            .where(
                suppressions.c.account_id == account_id,
                suppressions.c.channel == channel,
                suppressions.c.address_hash == hashed,
            )
            .values(reason="erased", contact_id=None, campaign_id=None)
        )
    bounces.forget(conn, account_id, contact_id)
    undoing.forget_contact(conn, int(account_id), int(contact_id))
    if row.email_hash is not None:
        signups.forget(conn, account_id, bytes(row.email_hash))
    conn.execute(trial_mails.delete().where(trial_mails.c.account_id == account_id, trial_mails.c.email == row.email))
    for table in (group_members, segment_members, seen_segments, consents, consent_acts, contact_sends, trial_mails):
        conn.execute(table.delete().where(table.c.account_id == account_id, table.c.contact_id == contact_id))
    gone = conn.execute(
        contacts.delete().where(contacts.c.account_id == account_id, contacts.c.id == contact_id)
    ).rowcount
    if gone != 1:
        raise NotFound(f"no contact {contact_id}")
    event = Event(
        id=event_id("erased", account_id, contact_id),
        type=EventType.ERASED,
        account_id=int(account_id),
        contact_id=int(contact_id),
        occurred_at=now,
        recorded_at=now,
    )
    outbox.record(conn, [event])
