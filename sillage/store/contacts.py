"""Contacts: who they are. What they agreed to is in sillage.store.consent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from sillage.domain.contact import TEXT_FIELDS, EmailAddress
from sillage.domain.ids import AccountId, ContactId
from sillage.errors import NotFound
from sillage.store import bulk
from sillage.store.tables import contacts, imports

# SQLite takes 32,766 values in a statement, PostgreSQL 65,535.
_ASKED_AT_ONCE = 10_000
_HELD_COLUMNS = ("id", "email", "phone", "provider", *TEXT_FIELDS, "custom", "import_id")
_HELD = f"select {', '.join(_HELD_COLUMNS)} from contacts where account_id = {{p}} and "
NEW_COLUMNS = (
    "id", "account_id", "email", "email_hash", "phone", "phone_hash", "provider", *TEXT_FIELDS, "custom", "source",
    "import_id", "created_at", "updated_at",
)  # fmt: skip
"""Values of a new contact, in the order that `insert_many` takes; moments as microseconds, `custom` as JSON text."""
_CHANGE = (
    f"update contacts set phone = {{p}}, phone_hash = coalesce({{p}}, phone_hash), provider = {{p}}, "
    f"{', '.join(f'{name} = {{p}}' for name in TEXT_FIELDS)}, custom = {{p}}, import_id = {{p}}, updated_at = {{p}} "
    "where id = {p} and account_id = {p}"
)


@dataclass(frozen=True, slots=True)
class Contact:
    """A person, within one account."""

    id: ContactId
    email: str | None
    phone: str | None
    provider: str
    fields: dict[str, str | None]
    """Values of TEXT_FIELDS."""
    custom: dict[str, Any]
    source: str
    created_at: datetime
    updated_at: datetime


class Held(NamedTuple):
    """A contact as an import finds it. `fields` are in the order of TEXT_FIELDS, `custom` is JSON text."""

    id: int
    email: str | None
    phone: str | None
    provider: str
    fields: tuple[str | None, ...]
    custom: str
    import_id: int | None


def visible() -> sa.ColumnElement[bool]:
    """Contacts that one may see: those that no import made, and those of imports that are sealed."""
    sealed = sa.select(imports.c.id).where(imports.c.state == "sealed")
    return sa.or_(contacts.c.import_id.is_(None), contacts.c.import_id.in_(sealed))


def get(conn: sa.Connection, account_id: AccountId, contact_id: ContactId) -> Contact:
    """Raises: NotFound."""
    return _one(conn, account_id, contacts.c.id == contact_id, f"no contact {contact_id}")


def by_address(conn: sa.Connection, account_id: AccountId, address: EmailAddress) -> Contact:
    """The contact with an address.

    Raises: NotFound.
    """
    return _one(conn, account_id, contacts.c.email == address.identity, "no contact with that address")


def _one(conn: sa.Connection, account_id: AccountId, where: sa.ColumnElement[bool], missing: str) -> Contact:
    row = conn.execute(sa.select(contacts).where(contacts.c.account_id == account_id, where, visible())).first()
    if row is None:
        raise NotFound(missing)
    return _contact(row)


def _contact(row: Any) -> Contact:
    return Contact(
        ContactId(row.id),
        row.email,
        row.phone,
        row.provider,
        {name: getattr(row, name) for name in TEXT_FIELDS},
        dict(row.custom or {}),
        row.source,
        row.created_at,
        row.updated_at,
    )


def count(conn: sa.Connection, account_id: AccountId) -> int:
    """How many contacts one may see."""
    query = sa.select(sa.func.count()).select_from(contacts).where(contacts.c.account_id == account_id, visible())
    return int(conn.execute(query).scalar_one())


def listed(conn: sa.Connection, account_id: AccountId, *, limit: int, after: int = 0) -> list[Contact]:
    """Contacts that one may see, in the order in which they came, from behind an id on."""
    query = (
        sa.select(contacts)
        .where(contacts.c.account_id == account_id, contacts.c.id > after, visible())
        .order_by(contacts.c.id)
        .limit(limit)
    )
    return [_contact(row) for row in conn.execute(query)]


def merge_fields_of(conn: sa.Connection, account_id: AccountId, contact_id: ContactId) -> dict[str, Any]:
    """What a message may say of a contact: standard fields by name, custom ones by header; nothing where it is gone."""
    row = conn.execute(
        sa.select(contacts).where(contacts.c.account_id == account_id, contacts.c.id == contact_id)
    ).first()
    if row is None:
        return {}
    found = _contact(row)
    return {**found.custom, **found.fields, "phone": found.phone, "email": found.email}


def held_by_email(conn: sa.Connection, account_id: AccountId, emails: Iterable[str]) -> dict[str, Held]:
    """Contacts with these addresses, those of open imports among them."""
    rows = bulk.select_among(conn, _HELD + "email {in}", (account_id,), emails)
    return {str(row[1]): _held(row) for row in rows}


def held_by_phone(conn: sa.Connection, account_id: AccountId, phones: Iterable[str]) -> dict[str, Held]:
    """Contacts with these numbers, those of open imports among them."""
    rows = bulk.select_among(conn, _HELD + "phone {in}", (account_id,), phones)
    return {str(row[2]): _held(row) for row in rows}


def _held(row: Sequence[Any]) -> Held:
    custom = row[-2]
    text = custom if isinstance(custom, str) else json.dumps(custom, ensure_ascii=False, separators=(",", ":"))
    return Held(row[0], row[1], row[2], row[3], tuple(row[4:-2]), text, row[-1])


def reserve_ids(conn: sa.Connection, number: int) -> range | list[int]:
    """Ids for new contacts, which nobody else gets (on SQLite until the transaction ends, and it is the only one)."""
    if bulk.is_sqlite(conn):
        last = conn.exec_driver_sql("select seq from sqlite_sequence where name = 'contacts'").scalar() or 0
        return range(int(last) + 1, int(last) + 1 + number)
    rows = conn.exec_driver_sql(
        "select nextval(pg_get_serial_sequence('contacts', 'id')) from generate_series(1, %s)", (number,)
    )
    return sorted(int(row[0]) for row in rows)


def insert_many(conn: sa.Connection, rows: Sequence[Sequence[Any]]) -> None:
    """Insert contacts, as values of NEW_COLUMNS.

    Raises: an integrity error of SQLAlchemy or psycopg where an address or a number is taken.
    """
    bulk.insert(conn, contacts, NEW_COLUMNS, rows)


def change_many(conn: sa.Connection, account_id: AccountId, rows: Sequence[Sequence[Any]]) -> None:
    """Change contacts; a hash of None stays.

    Each row: (phone, phone_hash, provider, *TEXT_FIELDS, custom, import_id, updated_at, id).
    """
    bulk.execute(conn, _CHANGE, [(*row, account_id) for row in rows])


def emails_of(conn: sa.Connection, account_id: AccountId, ids: list[ContactId]) -> dict[int, str]:
    """Addresses of some contacts of an account, by id; those who are gone or have none are left out."""
    found: dict[int, str] = {}
    for start in range(0, len(ids), _ASKED_AT_ONCE):
        query = sa.select(contacts.c.id, contacts.c.email).where(
            contacts.c.account_id == account_id, contacts.c.id.in_(ids[start : start + _ASKED_AT_ONCE])
        )
        found |= {row.id: row.email for row in conn.execute(query) if row.email}
    return found
