"""What a contact brings to a message: its own columns by name, custom fields by their header."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from sillage.domain.ids import AccountId, ContactId
from sillage.store.tables import contacts

STANDARD_MERGE_FIELDS = (
    "first_name", "last_name", "company", "country", "city", "postcode", "language", "birthday", "phone",
)  # fmt: skip


def merged(email: str | None, standard: Sequence[str | None], custom: Any) -> dict[str, Any]:
    """Merge fields from a row: values of STANDARD_MERGE_FIELDS, and custom fields as either engine gives them."""
    if isinstance(custom, str | bytes):
        custom = msgspec.json.decode(custom) if custom != "{}" else {}
    fields = dict(custom or {})
    fields.update(zip(STANDARD_MERGE_FIELDS, standard, strict=True))
    fields["email"] = email
    return fields


def of_contact(conn: sa.Connection, account_id: AccountId, contact_id: ContactId) -> dict[str, Any]:
    """Merge fields of one contact; none where it is gone."""
    columns = [contacts.c.email, contacts.c.custom, *(contacts.c[name] for name in STANDARD_MERGE_FIELDS)]
    row = conn.execute(
        sa.select(*columns).where(contacts.c.account_id == account_id, contacts.c.id == contact_id)
    ).first()
    return merged(row[0], row[2:], row[1]) if row is not None else {}
