"""Contacts: who they are. What they agreed to is in sillage.store.consent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from sillage.domain.contact import TEXT_FIELDS, EmailAddress
from sillage.domain.ids import AccountId, ContactId
from sillage.errors import NotFound
from sillage.store import bulk
from sillage.store.columns import to_micros
from sillage.store.tables import contacts, imports

_PLAIN = frozenset({"email", "phone", *TEXT_FIELDS})
NEW_COLUMNS = (
    "id", "account_id", "email", "email_hash", "phone", "phone_hash", "provider", *TEXT_FIELDS, "custom", "source",
    "import_id", "created_at", "updated_at",
)  # fmt: skip
"""Values of a new contact, in the order that `insert_many` takes; moments as microseconds, `custom` as JSON text."""


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


def ids_by_email(conn: sa.Connection, account_id: AccountId, emails: Iterable[str]) -> dict[str, ContactId]:
    """Who has these addresses, contacts of open imports among them."""
    sql = "select email, id from contacts where account_id = {p} and email {in}"
    return {str(row[0]): ContactId(row[1]) for row in bulk.select_among(conn, sql, (account_id,), emails)}


def emails_of(conn: sa.Connection, account_id: AccountId, contact_ids: Iterable[ContactId]) -> dict[ContactId, str]:
    """The addresses of some contacts; those without one are left out."""
    sql = f"select id, email from contacts where email is not null and {bulk.BY_NUMBER}"
    rows = bulk.select_among(conn, sql, (account_id,), contact_ids, bulk.NUMBER)
    return {ContactId(row[0]): str(row[1]) for row in rows}


def change_address(
    conn: sa.Connection,
    account_id: AccountId,
    contact_id: ContactId,
    old: str,
    new: str,
    new_hash: bytes,
    *,
    provider: str,
    now: datetime,
) -> bool:
    """Give a contact another address that nobody has; False where the old one is theirs no more."""
    done = conn.execute(
        contacts.update()
        .where(contacts.c.account_id == account_id, contacts.c.id == contact_id, contacts.c.email == old)
        .values(email=new, email_hash=new_hash, provider=provider, updated_at=now)
    )
    return done.rowcount == 1


def fields_of(
    conn: sa.Connection, account_id: AccountId, contact_ids: Iterable[int], names: Sequence[str]
) -> list[tuple[Any, ...]]:
    """(id, values of fields by name …) of those of some contacts that there are; a custom field by its header."""
    plain = [name for name in names if name in _PLAIN]
    rest = [name for name in names if name not in _PLAIN]
    chosen = ", ".join(["id", *plain, *(["custom"] if rest else [])])
    sql = f"select {chosen} from contacts where {bulk.BY_NUMBER}"
    rows = bulk.select_among(conn, sql, (account_id,), contact_ids, bulk.NUMBER)
    if not rest:
        return [tuple(row) for row in rows]
    found = []
    for row in rows:
        custom = json.loads(row[-1]) if isinstance(row[-1], str) else row[-1] or {}
        values = {**dict(zip(plain, row[1:-1], strict=True)), **{name: _shown(custom.get(name)) for name in rest}}
        found.append((row[0], *(values[name] for name in names)))
    return found


def page(conn: sa.Connection, account_id: AccountId, *, after: int, limit: int) -> list[tuple[Any, ...]]:
    """(id, provider, source, created_at, updated_at) of contacts that one may see, by id, from behind one on."""
    c = contacts.c
    query = sa.select(c.id, c.provider, c.source, c.created_at, c.updated_at).where(
        c.account_id == account_id, c.id > after, visible()
    )
    return [tuple(row) for row in conn.execute(query.order_by(c.id).limit(limit))]


def _shown(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def created_by_day(conn: sa.Connection, account_id: AccountId, *, since: datetime) -> dict[date, int]:
    """How many contacts that one may see came on each day (UTC) since a moment."""
    sql = (
        "select created_at / 86400000000, count(*) from contacts where account_id = {p} and created_at >= {p}"
        " and (import_id is null or import_id in (select id from imports where state = 'sealed')) group by 1 order by 1"
    ).replace("{p}", bulk.placeholder(conn))
    rows = conn.exec_driver_sql(sql, (int(account_id), to_micros(since)))
    return {date(1970, 1, 1) + timedelta(days=int(row[0])): int(row[1]) for row in rows}
