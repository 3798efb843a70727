"""Sign-ups in ops: who asked, which confirmation mails are due, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from sillage.domain.ids import AccountId, ContactId
from sillage.domain.signup import VALID_FOR, WITHIN, Earlier, SignupState
from sillage.store import bulk
from sillage.store.tables import signups, workers

_PG_LOCK = 0x5112
_OPEN = (SignupState.DUE.value, SignupState.SENDING.value, SignupState.MAILED.value, SignupState.FAILED.value)


@dataclass(frozen=True, slots=True)
class Signup:
    """One sign-up. `email` is forgotten once it is confirmed or expired."""

    id: int
    account_id: AccountId
    form_id: int
    state: SignupState
    email: str | None
    email_hash: bytes
    contact_id: ContactId | None
    fields: dict[str, str]
    agrees_tracking: bool
    proof: str
    created_at: datetime
    mailed_at: datetime | None
    attempt: int


_COLUMNS = [signups.c[name] for name in Signup.__dataclass_fields__]


def take_turn(conn: sa.Connection, mailbox_hash: bytes) -> None:
    """Wait until nobody else decides about this mailbox (on SQLite writers take turns anyway)."""
    if not bulk.is_sqlite(conn):
        key = int.from_bytes(mailbox_hash[:4], "big", signed=True)
        conn.execute(sa.select(sa.func.pg_advisory_xact_lock(_PG_LOCK, key)))


def earlier(conn: sa.Connection, account_id: AccountId, mailbox_hash: bytes, now: datetime) -> list[Earlier]:
    """What came before for the same mailbox within the time that counts, over all accounts of the installation.

    The one place that looks across accounts: it protects somebody who may be a customer of none.
    """
    s = signups.c
    rows = conn.execute(
        sa.select(s.account_id, s.state, s.created_at, s.due_at, s.mailed_at).where(
            s.mailbox_hash == mailbox_hash, s.created_at > now - WITHIN - VALID_FOR
        )
    )
    return [
        Earlier(r.account_id == account_id, SignupState(r.state), r.created_at, r.due_at, r.mailed_at) for r in rows
    ]


def from_network(conn: sa.Connection, network: str, since: datetime) -> int:
    """How many sign-ups came from a network (a keyed hash of it) since a moment."""
    s = signups.c
    query = sa.select(sa.func.count()).where(s.network == network, s.created_at > since)
    return int(conn.execute(query).scalar_one())


def add(
    conn: sa.Connection,
    account_id: AccountId,
    form_id: int,
    *,
    email: str,
    email_hash: bytes,
    mailbox_hash: bytes,
    due_at: datetime,
    now: datetime,
    fields: Mapping[str, str],
    agrees_tracking: bool,
    proof: str,
    network: str = "",
    contact_id: ContactId | None = None,
) -> int:
    """Note a sign-up whose confirmation mail leaves at `due_at`."""
    done = conn.execute(
        signups.insert().values(
            account_id=account_id, form_id=form_id, state=SignupState.DUE.value, mailbox_hash=mailbox_hash,
            email=email, email_hash=email_hash, contact_id=contact_id, fields=dict(fields),
            agrees_tracking=agrees_tracking, proof=proof, network=network, created_at=now, due_at=due_at,
        )
    )  # fmt: skip
    (signup_id,) = done.inserted_primary_key or (0,)
    return int(signup_id)


def get(conn: sa.Connection, signup_id: int) -> Signup | None:
    """A sign-up that a signed token names, of whichever account."""
    row = conn.execute(sa.select(*_COLUMNS).where(signups.c.id == signup_id)).mappings().first()
    return None if row is None else _signup(row)


def _signup(row: Any) -> Signup:
    values = dict(row)
    return Signup(**{**values, "state": SignupState(values["state"]), "fields": dict(values["fields"] or {})})


def claim_due(conn: sa.Connection, *, worker_id: int, now: datetime, limit: int) -> list[Signup]:
    """Take some confirmation mails that are due: the intent, durable before any byte leaves."""
    query = (
        sa.select(*_COLUMNS)
        .where(signups.c.state == SignupState.DUE.value, signups.c.due_at <= now)
        .order_by(signups.c.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    found = [_signup(row) for row in conn.execute(query).mappings()]
    for one in found:
        conn.execute(
            signups.update()
            .where(signups.c.id == one.id)
            .values(state=SignupState.SENDING.value, worker_id=worker_id, attempt=one.attempt + 1)
        )
    return found


def settle(
    conn: sa.Connection,
    signup_id: int,
    *,
    worker_id: int,
    state: SignupState,
    now: datetime,
    reason: str | None = None,
    due_at: datetime | None = None,
) -> bool:
    """Write what became of a mail; False where the row is not this worker's any more."""
    values: dict[str, Any] = {"state": state.value, "reason": reason, "worker_id": None}
    if state is SignupState.MAILED:
        values["mailed_at"] = now
    if due_at is not None:
        values["due_at"] = due_at
    where = (signups.c.id == signup_id, signups.c.worker_id == worker_id, signups.c.state == SignupState.SENDING.value)
    return conn.execute(signups.update().where(*where).values(**values)).rowcount == 1


def resolve_dead(conn: sa.Connection, now: datetime) -> int:
    """Mails in flight at a worker that died count as sent: who did not get one can sign up again the next day."""
    ended = sa.select(workers.c.id).where(workers.c.ended_at.is_not(None))
    return conn.execute(
        signups.update()
        .where(signups.c.state == SignupState.SENDING.value, signups.c.worker_id.in_(ended))
        .values(state=SignupState.MAILED.value, mailed_at=now, reason="in_doubt", worker_id=None)
    ).rowcount


def confirmed(conn: sa.Connection, signup_id: int, contact_id: ContactId, now: datetime) -> None:
    """The person confirmed: what was written down of them is in their contact now."""
    conn.execute(
        signups.update()
        .where(signups.c.id == signup_id)
        .values(
            state=SignupState.CONFIRMED.value, contact_id=contact_id, settled_at=now, email=None, fields={}, network=""
        )
    )  # fmt: skip


def expire(conn: sa.Connection, now: datetime, *, limit: int = 500) -> int:
    """Forget who never confirmed, and delete what is past counting; how many rows changed."""
    s = signups.c
    over = sa.select(s.id).where(s.state.in_(_OPEN), s.due_at < now - VALID_FOR).limit(limit)
    done = conn.execute(
        signups.update()
        .where(s.id.in_(over))
        .values(state=SignupState.EXPIRED.value, settled_at=now, email=None, fields={}, network="", proof="")
    ).rowcount
    old = sa.select(s.id).where(
        s.state.in_((SignupState.EXPIRED.value, SignupState.CONFIRMED.value)), s.created_at < now - WITHIN - VALID_FOR
    )
    return done + conn.execute(signups.delete().where(s.id.in_(old.limit(limit)))).rowcount


def forget(conn: sa.Connection, account_id: AccountId, email_hash: bytes) -> int:
    """Delete what an account holds of somebody's sign-ups: a part of erasing them."""
    where = (signups.c.account_id == account_id, signups.c.email_hash == email_hash)
    return conn.execute(signups.delete().where(*where)).rowcount


def counts(conn: sa.Connection, account_id: AccountId, form_id: int, since: timedelta, now: datetime) -> dict[str, int]:
    """How many sign-ups a form had lately, by state."""
    s = signups.c
    rows = conn.execute(
        sa.select(s.state, sa.func.count().label("n"))
        .where(s.account_id == account_id, s.form_id == form_id, s.created_at > now - since)
        .group_by(s.state)
    )
    return {row.state: int(row.n) for row in rows}


def has_work(conn: sa.Connection, now: datetime) -> bool:
    """Whether a confirmation mail is due, in flight, or past its time: asked twice a second, so by the index alone."""
    s = signups.c
    due = sa.select(s.id).where(s.state == SignupState.DUE.value, s.due_at <= now)
    flying = sa.select(s.id).where(s.state == SignupState.SENDING.value)
    over = sa.select(s.id).where(s.state.in_(_OPEN), s.due_at < now - VALID_FOR)
    return any(conn.execute(query.limit(1)).first() is not None for query in (due, flying, over))
