"""What the values of custom fields are, and what headers mean: said once, kept for the account's next files."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

import sqlalchemy as sa

from sillage.domain.field import MAX_CHOICES, FieldType
from sillage.domain.ids import AccountId
from sillage.store import bulk
from sillage.store.columns import to_micros
from sillage.store.tables import column_meanings, custom_fields


def types(conn: sa.Connection, account_id: AccountId) -> dict[str, FieldType]:
    """The types of an account's custom fields, by name."""
    query = sa.select(custom_fields.c.name, custom_fields.c.type).where(custom_fields.c.account_id == account_id)
    return {row.name: FieldType(row.type) for row in conn.execute(query)}


def create(conn: sa.Connection, account_id: AccountId, wanted: Mapping[str, FieldType], *, now: datetime) -> None:
    """Make custom fields; one that is there keeps its type."""
    bulk.execute(
        conn,
        "insert into custom_fields (account_id, name, type, created_at) values ({p}, {p}, {p}, {p}) "
        "on conflict (account_id, name) do nothing",
        [(account_id, name, kind.value, to_micros(now)) for name, kind in wanted.items()],
    )


def add_choices(conn: sa.Connection, account_id: AccountId, name: str, values: Collection[str]) -> None:
    """Add to the values of a field of type choice; beyond MAX_CHOICES it keeps those that it has."""
    where = (custom_fields.c.account_id == account_id, custom_fields.c.name == name)
    held = conn.execute(sa.select(custom_fields.c.choices).where(*where)).scalar()
    if held is None:
        return
    both = sorted({*held, *values})
    if both != held and len(both) <= MAX_CHOICES:
        conn.execute(custom_fields.update().where(*where).values(choices=both))


def meanings(conn: sa.Connection, account_id: AccountId) -> dict[str, str]:
    """What the account's people said that headers mean: header (without case and accents) → field."""
    query = sa.select(column_meanings.c.header, column_meanings.c.field)
    return {row.header: row.field for row in conn.execute(query.where(column_meanings.c.account_id == account_id))}


def remember(conn: sa.Connection, account_id: AccountId, said: Mapping[str, str]) -> None:
    """Keep what headers mean; what was said last holds."""
    bulk.execute(
        conn,
        "insert into column_meanings (account_id, header, field) values ({p}, {p}, {p}) "
        "on conflict (account_id, header) do update set field = excluded.field",
        [(account_id, header, field) for header, field in said.items()],
    )
