"""Sends the reports that are due, each once: written, handed over, and only then put off to its next time."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from sendworker.own_mail import FAULTS, Patience, hand_to_server
from sendworker.way import router_of
from sillage.errors import Refused
from sillage.export.registered import sweep
from sillage.lake.reader import Reader
from sillage.report.mail import message_of, period_of
from sillage.settings import Settings
from sillage.store import accounts, campaigns, files, report_mails
from sillage.store.database import Store
from sillage.store.report_mails import ReportMail

AGAIN_AFTER = timedelta(minutes=10)
PATIENCE = Patience(12)
SWEEP_EVERY = timedelta(hours=1)

log = structlog.get_logger()


class ReportMailer:
    """What is due, one after the other; beside it, exports whose day is over are deleted."""

    def __init__(self, settings: Settings, store: Store, reader: Reader) -> None:
        self._settings = settings
        self._store = store
        self._reader = reader
        self._router = router_of(settings)
        self._swept_at = settings.clock.now() - SWEEP_EVERY

    def tell(self) -> int:
        """Send what is due now; how many were taken.

        Raises: TransientError where ops does not answer.
        """
        now, taken = self._settings.clock.now(), 0
        self._sweep()
        with self._store.read() as conn:
            due = report_mails.due(conn, now=now, retry_before=now - AGAIN_AFTER)
        for mail in due:
            with self._store.read() as conn:
                account = accounts.by_id(conn, mail.account_id)
            next_at = mail.rhythm.next_after(self._settings.clock.now(), account.timezone)
            try:
                self._send(mail)
            except FAULTS as exc:
                is_over = PATIENCE.is_over(exc, mail.attempt)
                log.warning("report.not_sent", mail_id=mail.id, is_over=is_over, why=str(exc)[:300])
                with self._store.write() as conn:
                    report_mails.note_failure(conn, mail, str(exc), now=now)
                    if is_over:
                        report_mails.settle(conn, mail, next_at=next_at)
                continue
            with self._store.write() as conn:
                report_mails.settle(conn, mail, next_at=next_at)
            taken += 1
            log.info("report.sent", mail_id=mail.id, next_at=next_at.isoformat())
        return taken

    def _send(self, mail: ReportMail) -> None:
        told = period_of(self._settings, self._store, self._reader, mail)
        with self._store.read() as conn:
            senders = [s for s in campaigns.senders_of(conn, mail.account_id) if s.verified_at is not None]
        if not senders:
            raise Refused("the account has no verified sender to write from")
        message = message_of(self._settings, mail, told, senders[0])
        sender = f"reports@{self._settings.bounce_domain}"
        asyncio.run(hand_to_server(self._router, sender, mail.email, message))

    def _sweep(self) -> None:
        now = self._settings.clock.now()
        if now - self._swept_at < SWEEP_EVERY:
            return
        self._swept_at = now
        with self._store.read() as conn:
            every = files.accounts_with_expired(conn, now)
        for account_id in every:
            with self._store.write() as conn:
                sweep(conn, account_id, now=now)
