"""Public pages to sign up by. A form's words never change: close it and make another, so that a proof stays one."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from sillage.domain.ids import AccountId, GroupId
from sillage.errors import BadInput, NotFound
from sillage.store.tables import forms, senders

MAX_WORDING = 1_000


@dataclass(frozen=True, slots=True)
class Form:
    """A page to sign up by."""

    id: int
    account_id: AccountId
    key: str
    name: str
    sender_id: int
    group_id: GroupId | None
    wording: str
    wording_version: str
    tracking_wording: str
    """What is asked beside, with a box of its own; empty: nothing is."""
    asks_name: bool
    is_open: bool


_COLUMNS = [forms.c[name] for name in Form.__dataclass_fields__]


def create(
    conn: sa.Connection,
    account_id: AccountId,
    name: str,
    *,
    sender_id: int,
    wording: str,
    wording_version: str,
    now: datetime,
    tracking_wording: str = "",
    group_id: GroupId | None = None,
    asks_name: bool = False,
) -> Form:
    """Make a form.

    Raises: BadInput where its name is taken, a word is missing, or its sender is not verified.
    """
    for field, text in (("name", name), ("wording", wording), ("wording_version", wording_version)):
        if not text.strip() or len(text) > MAX_WORDING:
            raise BadInput(f"{field} must have 1 to {MAX_WORDING} characters", code="bad_form", field=field)
    if conn.execute(
        sa.select(forms.c.id).where(forms.c.account_id == account_id, forms.c.name == name.strip())
    ).first():
        raise BadInput(f"there is a form {name!r} already; choose another name", code="bad_form", field="name")
    verified = sa.select(senders.c.verified_at).where(senders.c.account_id == account_id, senders.c.id == sender_id)
    if conn.execute(verified).scalar() is None:
        raise BadInput("the sender of its mails must be one of the account's, and verified", code="bad_form")
    key = secrets.token_urlsafe(12)
    conn.execute(
        forms.insert().values(
            account_id=account_id, key=key, name=name.strip(), sender_id=sender_id, group_id=group_id,
            wording=wording.strip(), wording_version=wording_version.strip(), tracking_wording=tracking_wording.strip(),
            asks_name=asks_name, created_at=now,
        )
    )  # fmt: skip
    return by_key(conn, key)


def by_key(conn: sa.Connection, key: str) -> Form:
    """The form behind a public address.

    Raises: NotFound where there is none or it is closed.
    """
    row = conn.execute(sa.select(*_COLUMNS).where(forms.c.key == key, forms.c.is_open)).mappings().first()
    if row is None:
        raise NotFound("there is no such form")
    return Form(**row)


def get(conn: sa.Connection, account_id: AccountId, form_id: int) -> Form:
    """Raises: NotFound."""
    row = (
        conn.execute(sa.select(*_COLUMNS).where(forms.c.account_id == account_id, forms.c.id == form_id))
        .mappings()
        .first()
    )
    if row is None:
        raise NotFound("there is no such form")
    return Form(**row)


def listed(conn: sa.Connection, account_id: AccountId) -> list[Form]:
    """All forms of an account, by name."""
    rows = conn.execute(sa.select(*_COLUMNS).where(forms.c.account_id == account_id).order_by(forms.c.name))
    return [Form(**row) for row in rows.mappings()]


def close(conn: sa.Connection, account_id: AccountId, form_id: int) -> None:
    """Take a form off the web; who signed up already may still confirm.

    Raises: NotFound.
    """
    where = (forms.c.account_id == account_id, forms.c.id == form_id)
    if conn.execute(forms.update().where(*where).values(is_open=False)).rowcount == 0:
        raise NotFound("there is no such form")
