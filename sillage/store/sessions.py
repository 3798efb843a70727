"""Browsers that are signed in, one-time links, and tries that came to nothing. Secrets come in as hashes only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from sillage.domain.ids import AccountId
from sillage.domain.sign_in import FORGOTTEN_AFTER, SESSION_IDLE, LinkPurpose, Role
from sillage.errors import NotFound
from sillage.store.tables import one_time_links, sessions, sign_in_tries


@dataclass(frozen=True, slots=True)
class Session:
    """One browser of one user."""

    user_id: int
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class OneTimeLink:
    """A link that can be followed once."""

    token_hash: bytes
    purpose: LinkPurpose
    account_id: AccountId | None
    user_id: int | None
    email: str
    role: Role | None
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None

    def is_open(self, now: datetime) -> bool:
        """Whether it can still be followed."""
        return self.used_at is None and now < self.expires_at


_SESSION = [sessions.c[name] for name in Session.__dataclass_fields__]
_LINK = [one_time_links.c[name] for name in OneTimeLink.__dataclass_fields__]


def begin(conn: sa.Connection, token_hash: bytes, user_id: int, *, now: datetime, expires_at: datetime) -> None:
    """Sign a browser in; what is long over goes."""
    conn.execute(
        sessions.delete().where(sa.or_(sessions.c.expires_at <= now, sessions.c.seen_at <= now - SESSION_IDLE))
    )
    conn.execute(
        sessions.insert().values(
            token_hash=token_hash, user_id=user_id, created_at=now, seen_at=now, expires_at=expires_at
        )
    )


def find(conn: sa.Connection, token_hash: bytes) -> Session | None:
    """The session of a cookie, whether it still holds or not."""
    row = conn.execute(sa.select(*_SESSION).where(sessions.c.token_hash == token_hash)).mappings().first()
    return None if row is None else Session(**row)


def seen(conn: sa.Connection, token_hash: bytes, *, now: datetime) -> None:
    """Note that a session is in use."""
    conn.execute(sessions.update().where(sessions.c.token_hash == token_hash).values(seen_at=now))


def end(conn: sa.Connection, token_hash: bytes) -> None:
    """Sign one browser out."""
    conn.execute(sessions.delete().where(sessions.c.token_hash == token_hash))


def end_all(conn: sa.Connection, user_id: int) -> None:
    """Sign all browsers of a user out."""
    conn.execute(sessions.delete().where(sessions.c.user_id == user_id))


def add_link(
    conn: sa.Connection,
    token_hash: bytes,
    purpose: LinkPurpose,
    *,
    now: datetime,
    expires_at: datetime,
    account_id: AccountId | None = None,
    user_id: int | None = None,
    email: str = "",
    role: Role | None = None,
) -> None:
    """Make a link; an older one for the same thing and person no longer leads anywhere."""
    same = sa.and_(
        one_time_links.c.purpose == purpose.value,
        one_time_links.c.account_id.is_not_distinct_from(account_id),
        one_time_links.c.user_id.is_not_distinct_from(user_id),
        one_time_links.c.email == email,
    )
    conn.execute(one_time_links.delete().where(sa.or_(same, one_time_links.c.expires_at <= now)))
    conn.execute(
        one_time_links.insert().values(
            token_hash=token_hash, purpose=purpose.value, account_id=account_id, user_id=user_id, email=email,
            role=role.value if role else None, created_at=now, expires_at=expires_at,
        )
    )  # fmt: skip


def link(conn: sa.Connection, token_hash: bytes) -> OneTimeLink | None:
    """The link of a token, followed or not."""
    row = conn.execute(sa.select(*_LINK).where(one_time_links.c.token_hash == token_hash)).mappings().first()
    return None if row is None else _link(row)


def use_link(conn: sa.Connection, token_hash: bytes, *, now: datetime) -> bool:
    """Take a link for good; False where somebody was faster, or it is over."""
    done = conn.execute(
        one_time_links.update()
        .where(
            one_time_links.c.token_hash == token_hash,
            one_time_links.c.used_at.is_(None),
            one_time_links.c.expires_at > now,
        )
        .values(used_at=now)
    )
    return done.rowcount == 1


def invitations(conn: sa.Connection, account_id: AccountId, *, now: datetime) -> list[OneTimeLink]:
    """Invitations into an account that nobody has followed yet."""
    found = conn.execute(
        sa.select(*_LINK)
        .where(
            one_time_links.c.account_id == account_id,
            one_time_links.c.purpose == LinkPurpose.INVITATION.value,
            one_time_links.c.used_at.is_(None),
            one_time_links.c.expires_at > now,
        )
        .order_by(one_time_links.c.created_at)
    )
    return [_link(row) for row in found.mappings()]


def withdraw(conn: sa.Connection, account_id: AccountId, token_hash: bytes) -> None:
    """Take an invitation back.

    Raises: NotFound.
    """
    done = conn.execute(
        one_time_links.delete().where(
            one_time_links.c.account_id == account_id,
            one_time_links.c.token_hash == token_hash,
            one_time_links.c.used_at.is_(None),
        )
    )
    if done.rowcount == 0:
        raise NotFound("no such invitation")


def tries(conn: sa.Connection, key: bytes, *, now: datetime) -> tuple[int, datetime | None]:
    """How many vain tries there were, and when the last one was; old ones are forgotten."""
    row = conn.execute(
        sa.select(sign_in_tries.c.count.label("tries"), sign_in_tries.c.last_at).where(sign_in_tries.c.key == key)
    ).first()
    if row is None or now - row.last_at > FORGOTTEN_AFTER:
        return 0, None
    return int(row.tries), row.last_at


def note_try(conn: sa.Connection, key: bytes, *, now: datetime) -> None:
    """Count a try before its password is looked at, so that many at once can't be more than one by one."""
    conn.execute(sign_in_tries.delete().where(sign_in_tries.c.last_at < now - FORGOTTEN_AFTER))
    dialect = sqlite if conn.dialect.name == "sqlite" else postgresql
    insert = dialect.insert(sign_in_tries).values(key=key, count=1, last_at=now)
    conn.execute(
        insert.on_conflict_do_update(
            index_elements=["key"], set_={"count": sign_in_tries.c.count + 1, "last_at": insert.excluded.last_at}
        )
    )


def forget_tries(conn: sa.Connection, keys: list[bytes]) -> None:
    """Begin to count anew."""
    conn.execute(sign_in_tries.delete().where(sign_in_tries.c.key.in_(keys)))


def _link(row: sa.RowMapping) -> OneTimeLink:
    return OneTimeLink(
        **{**row, "purpose": LinkPurpose(row["purpose"]), "role": Role(row["role"]) if row["role"] else None}
    )
