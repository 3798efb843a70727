"""Sends test mails as they are asked for, by the way that campaigns go."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from sendworker.notifier import hand_to_server
from sendworker.way import router_of
from sillage.errors import PermanentError, SillageError
from sillage.settings import Settings
from sillage.store import trial_mails
from sillage.store.database import Store

WAITS_S = (10, 60, 300, 900)
GIVE_UP_AFTER = 5

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
        error: str | None
        with self._store.read() as conn:
            due = trial_mails.due(conn, now=now)
        for mail in due:
            state, wait, error = "sent", timedelta(0), None
            try:
                # What comes back belongs to nobody's figures: an address of its own, like that of alerts.
                sender = f"tests@{self._settings.bounce_domain}"
                asyncio.run(hand_to_server(self._router, sender, mail.email, mail.message or b""))
            except (SillageError, OSError) as exc:
                is_over = isinstance(exc, PermanentError) or mail.attempt + 1 >= GIVE_UP_AFTER
                state, error = "failed" if is_over else "due", str(exc)[:500]
                wait = timedelta(seconds=WAITS_S[min(mail.attempt, len(WAITS_S) - 1)])
                log.warning("test_mail.not_sent", mail_id=mail.id, state=state, why=error)
            else:
                taken += 1
                log.info("test_mail.sent", mail_id=mail.id)
            with self._store.write() as conn:
                trial_mails.settle(conn, mail, state=state, due_at=now + wait, error=error)
        return taken
