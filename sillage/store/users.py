"""Users and the accounts that they work in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from sillage.domain.ids import AccountId
from sillage.domain.sign_in import Role
from sillage.errors import BadInput, NotFound, Refused
from sillage.store.tables import accounts, memberships, users


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may sign in."""

    id: int
    email: str
    name: str
    language: str
    password_hash: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Membership:
    """One user in one account."""

    account_id: AccountId
    slug: str
    account_name: str
    user_id: int
    email: str
    name: str
    role: Role
    created_at: datetime


_USER = [users.c[name] for name in User.__dataclass_fields__]
_MEMBERSHIP = sa.select(
    memberships.c.account_id, accounts.c.slug, accounts.c.name.label("account_name"), memberships.c.user_id,
    users.c.email, users.c.name, memberships.c.role, memberships.c.created_at,
).select_from(memberships.join(users, users.c.id == memberships.c.user_id).join(accounts))  # fmt: skip


def add(
    conn: sa.Connection, *, email: str, name: str, language: str, password_hash: str, now: datetime
) -> User:  # fmt: skip
    """Make a user; `email` is normalised.

    Raises: BadInput where the address has one already.
    """
    if by_email(conn, email) is not None:
        raise BadInput(f"there is a user {email} already; let them sign in", code="user_taken", field="email")
    done = conn.execute(
        users.insert().values(
            email=email, name=name, language=language, password_hash=password_hash, password_at=now, created_at=now
        )
    )
    (user_id,) = done.inserted_primary_key or (0,)
    return by_id(conn, int(user_id))


def by_id(conn: sa.Connection, user_id: int) -> User:
    """Raises: NotFound."""
    row = conn.execute(sa.select(*_USER).where(users.c.id == user_id)).mappings().first()
    if row is None:
        raise NotFound(f"no user {user_id}")
    return User(**row)


def by_email(conn: sa.Connection, email: str) -> User | None:
    """The user of a normalised address."""
    row = conn.execute(sa.select(*_USER).where(users.c.email == email)).mappings().first()
    return None if row is None else User(**row)


def are_there(conn: sa.Connection) -> bool:
    """Whether anybody can sign in at all."""
    return conn.execute(sa.select(users.c.id).limit(1)).first() is not None


def listed(conn: sa.Connection) -> list[User]:
    """All users of the installation, for its operator."""
    return [User(**row) for row in conn.execute(sa.select(*_USER).order_by(users.c.email)).mappings()]


def set_password(conn: sa.Connection, user_id: int, password_hash: str, *, now: datetime) -> None:
    """Put another password in the place of the old one."""
    conn.execute(users.update().where(users.c.id == user_id).values(password_hash=password_hash, password_at=now))


def set_language(conn: sa.Connection, user_id: int, language: str) -> None:
    """The language in which a user reads the pages."""
    conn.execute(users.update().where(users.c.id == user_id).values(language=language))


def set_name(conn: sa.Connection, user_id: int, name: str) -> None:
    """How a user is called."""
    conn.execute(users.update().where(users.c.id == user_id).values(name=name))


def join(conn: sa.Connection, account_id: AccountId, user_id: int, role: Role, *, now: datetime) -> None:
    """Let a user into an account; who is in it already stays what they are."""
    held = sa.select(memberships.c.role).where(memberships.c.account_id == account_id, memberships.c.user_id == user_id)
    if conn.execute(held).first() is None:
        conn.execute(
            memberships.insert().values(account_id=account_id, user_id=user_id, role=role.value, created_at=now)
        )


def leave(conn: sa.Connection, account_id: AccountId, user_id: int) -> None:
    """Let a user no longer into an account.

    Raises: NotFound; Refused where nobody would own it any more.
    """
    found = {m.user_id: m for m in members_of(conn, account_id)}
    if user_id not in found:
        raise NotFound(f"no member {user_id}")
    owners = [m for m in found.values() if m.role is Role.OWNER]
    if found[user_id].role is Role.OWNER and len(owners) == 1:
        raise Refused("the last owner of an account can't leave it; make another owner first")
    conn.execute(memberships.delete().where(memberships.c.account_id == account_id, memberships.c.user_id == user_id))


def members_of(conn: sa.Connection, account_id: AccountId) -> list[Membership]:
    """Who works in an account, owners first."""
    found = conn.execute(
        _MEMBERSHIP.where(memberships.c.account_id == account_id).order_by(memberships.c.role.desc(), users.c.email)
    )
    return [_membership(row) for row in found.mappings()]


def accounts_of(conn: sa.Connection, user_id: int) -> list[Membership]:
    """The accounts that a user works in, by name."""
    found = conn.execute(_MEMBERSHIP.where(memberships.c.user_id == user_id).order_by(accounts.c.name, accounts.c.id))
    return [_membership(row) for row in found.mappings()]


def accounts_without_owner(conn: sa.Connection) -> list[AccountId]:
    """Accounts that nobody owns, as those made on the command line before anybody could sign in."""
    owned = sa.select(memberships.c.account_id).where(memberships.c.role == Role.OWNER.value)
    found = conn.execute(sa.select(accounts.c.id).where(accounts.c.id.not_in(owned)).order_by(accounts.c.id))
    return list(map(AccountId, found.scalars()))


def _membership(row: sa.RowMapping) -> Membership:
    return Membership(**{**row, "role": Role(row["role"])})
