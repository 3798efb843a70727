"""Mails of a campaign that go to colleagues for a look: a queue of their own, beside all figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from sillage.domain.ids import AccountId, ContactId
from sillage.store.tables import trial_mails

KEPT_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class TrialMail:
    """One mail to one colleague. `message` is there until it is settled, where it was asked for."""

    id: int
    account_id: AccountId
    email: str
    label: str
    state: str
    attempt: int
    created_at: datetime
    error: str | None
    message: bytes | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be put into the queue."""

    email: str
    label: str
    message: bytes


def add(
    conn: sa.Connection, account_id: AccountId, mails: Sequence[Wanted], *, contact_id: ContactId | None, by: str,
    now: datetime,
) -> None:  # fmt: skip
    """Queue mails, to be sent at once."""
    conn.execute(
        trial_mails.insert(),
        [
            {"account_id": account_id, "email": m.email, "label": m.label[:300], "contact_id": contact_id,
             "asked_by": by[:200], "message": m.message, "created_at": now, "due_at": now}
            for m in mails
        ],
    )  # fmt: skip


def listed(conn: sa.Connection, account_id: AccountId, limit: int = 20) -> list[TrialMail]:
    """The last mails of an account, the newest first, without their messages."""
    t = trial_mails.c
    columns = (t.id, t.account_id, t.email, t.label, t.state, t.attempt, t.created_at, t.error)
    query = sa.select(*columns).where(t.account_id == account_id).order_by(t.id.desc()).limit(limit)
    return [TrialMail(**row) for row in conn.execute(query).mappings()]


def due(conn: sa.Connection, *, now: datetime, limit: int = 20) -> list[TrialMail]:
    """What is to be sent now, of all accounts: for the mailer alone."""
    t = trial_mails.c
    columns = (t.id, t.account_id, t.email, t.label, t.state, t.attempt, t.created_at, t.error, t.message)
    query = sa.select(*columns).where(t.state == "due", t.due_at <= now, t.message.is_not(None))
    return [TrialMail(**row) for row in conn.execute(query.order_by(t.due_at, t.id).limit(limit)).mappings()]


def settle(conn: sa.Connection, mail: TrialMail, *, state: str, due_at: datetime, error: str | None) -> None:
    """What became of a try; the message goes with the last one."""
    values: dict[str, object] = {"state": state, "attempt": mail.attempt + 1, "due_at": due_at, "error": error}
    if state != "due":
        values["message"] = None
    t = trial_mails.c
    conn.execute(trial_mails.update().where(t.account_id == mail.account_id, t.id == mail.id).values(**values))


def forget(conn: sa.Connection, *, now: datetime) -> None:
    """Let go what is older than a week."""
    conn.execute(trial_mails.delete().where(trial_mails.c.created_at < now - KEPT_FOR))
