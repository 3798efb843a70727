"""Who gets the reports by mail, and when next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from sillage.domain.contact import EmailAddress
from sillage.domain.ids import AccountId
from sillage.domain.report_time import Every, Rhythm
from sillage.store.tables import report_mails


@dataclass(frozen=True, slots=True)
class ReportMail:
    """One who gets them: where, in which language, how often, when next."""

    id: int
    account_id: AccountId
    email: str
    language: str
    rhythm: Rhythm
    due_at: datetime
    attempt: int
    error: str | None


def order(
    conn: sa.Connection, account_id: AccountId, email: EmailAddress, rhythm: Rhythm, *, language: str, timezone: str,
    now: datetime,
) -> None:  # fmt: skip
    """Send the reports to an address from now on; said again of the same address, the new time holds."""
    values = {"language": language, "hour": rhythm.hour, "weekday": rhythm.weekday, "attempt": 0, "error": None,
              "tried_at": None, "due_at": rhythm.next_after(now, timezone)}  # fmt: skip
    r = report_mails.c
    where = (r.account_id == account_id, r.email == email.identity, r.every == str(rhythm.every))
    if not conn.execute(report_mails.update().where(*where).values(**values)).rowcount:
        conn.execute(
            report_mails.insert().values(
                account_id=account_id, email=email.identity, every=str(rhythm.every), created_at=now, **values
            )
        )


def stop(conn: sa.Connection, account_id: AccountId, mail_id: int) -> None:
    """Send them there no more."""
    conn.execute(report_mails.delete().where(report_mails.c.account_id == account_id, report_mails.c.id == mail_id))


def listed(conn: sa.Connection, account_id: AccountId) -> list[ReportMail]:
    """All of an account, by address."""
    query = sa.select(report_mails).where(report_mails.c.account_id == account_id)
    return [_mail(row) for row in conn.execute(query.order_by(report_mails.c.email, report_mails.c.every))]


def due(conn: sa.Connection, *, now: datetime, retry_before: datetime, limit: int = 20) -> list[ReportMail]:
    """What is due now and was not tried lately, of all accounts: for the mailer alone."""
    r = report_mails.c
    query = sa.select(report_mails).where(r.due_at <= now, sa.or_(r.tried_at.is_(None), r.tried_at <= retry_before))
    return [_mail(row) for row in conn.execute(query.order_by(r.due_at, r.id).limit(limit))]


def settle(conn: sa.Connection, mail: ReportMail, *, next_at: datetime) -> None:
    """It was taken, or given up: the next one is due then."""
    _note(conn, mail, due_at=next_at, attempt=0, error=None, tried_at=None)


def note_failure(conn: sa.Connection, mail: ReportMail, error: str, *, now: datetime) -> None:
    """It was not taken; it stays due."""
    _note(conn, mail, attempt=mail.attempt + 1, error=error[:500], tried_at=now)


def _note(conn: sa.Connection, mail: ReportMail, **values: object) -> None:
    """Only while nobody ordered another time meanwhile."""
    r = report_mails.c
    conn.execute(
        report_mails.update()
        .where(r.account_id == mail.account_id, r.id == mail.id, r.due_at == mail.due_at)
        .values(**values)
    )


def _mail(row: sa.Row[tuple[object, ...]]) -> ReportMail:
    rhythm = Rhythm(Every(row.every), row.hour, row.weekday)
    return ReportMail(
        row.id, AccountId(row.account_id), row.email, row.language, rhythm, row.due_at, row.attempt, row.error
    )
