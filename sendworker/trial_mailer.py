"""Sends test mails as they are asked for, by the way that campaigns go."""

from __future__ import annotations

import asyncio
from functools import partial

import structlog

from sendworker.own_mail import Patience, hand_to_server
from sendworker.way import router_of
from sillage.settings import Settings
from sillage.store import trial_mails
from sillage.store.database import Store
from sillage.store.trial_mails import TrialMail

PATIENCE = Patience(5, (10, 60, 300, 900))

log = structlog.get_logger()


class TrialMailer:
    """What is due, one after the other: somebody waits for it."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store
        self._router = router_of(settings)

    def tell(self) -> int:
        """Send what is due now; how many were taken.

        Raises: TransientError where ops does not answer.
        """
        now, taken = self._settings.clock.now(), 0
        with self._store.read() as conn:
            due = trial_mails.due(conn, now=now)
        for mail in due:
            tried = PATIENCE.tried(partial(self._send, mail), mail.attempt, now)
            if tried.error is None:
                taken += 1
                log.info("test_mail.sent", mail_id=mail.id)
            else:
                log.warning("test_mail.not_sent", mail_id=mail.id, state=tried.state, why=tried.error)
            with self._store.write() as conn:
                trial_mails.settle(conn, mail, state=tried.state, due_at=tried.due_at, error=tried.error)
        return taken

    def _send(self, mail: TrialMail) -> None:
        # What comes back belongs to nobody's figures: an address of its own, like that of alerts.
        sender = f"tests@{self._settings.bounce_domain}"
        asyncio.run(hand_to_server(self._router, sender, mail.email, mail.message or b""))
