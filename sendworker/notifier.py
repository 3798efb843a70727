"""Tells each change of an alert once: by mail through the account's sender, and by signed webhook.

A change is one row per target, written with the change itself; it is tried again with growing pauses until it is
taken or a day has passed. Message-ID and `Sillage-Delivery` are of the change, so that what was taken by a server
whose answer got lost can be told from a second change.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr
from functools import partial

import structlog

from sendworker import webhook
from sendworker.own_mail import Patience, hand_to_server
from sendworker.way import router_of
from sillage.alarm import words
from sillage.alarm.address import webhook_key
from sillage.errors import Refused
from sillage.settings import Settings
from sillage.store import accounts, alerts, campaigns
from sillage.store.alerts import Notice
from sillage.store.database import Store

PATIENCE = Patience(24, (10, 60, 300, 1800, 3600))

# Not every server takes 8 bits (RFC 6152), and an alert must get through to any.
_SEVEN_BIT = SMTP.clone(cte_type="7bit")

log = structlog.get_logger()


class Notifier:
    """Sends what is due, one after the other."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store
        self._router = router_of(settings)

    def tell(self) -> int:
        """Tell what is due now; how many were taken.

        Raises: TransientError where ops does not answer.
        """
        now, taken = self._settings.clock.now(), 0
        with self._store.read() as conn:
            due = alerts.due_notices(conn, now=now)
        for notice in due:
            tried = PATIENCE.tried(partial(self._send, notice, now), notice.attempt, now)
            if tried.error is None:
                taken += 1
                log.info("alert.told", notice_id=notice.id, target=notice.target, change=notice.change)
            else:
                log.warning(
                    "alert.not_told", notice_id=notice.id, target=notice.target, state=tried.state, why=tried.error
                )
            with self._store.write() as conn:
                alerts.settle_notice(conn, notice, state=tried.state, due_at=tried.due_at, error=tried.error)
        return taken

    def _send(self, notice: Notice, now: datetime) -> None:
        with self._store.read() as conn:
            account = accounts.by_id(conn, notice.account_id)
            targets = alerts.targets(conn, notice.account_id)
            senders = [s for s in campaigns.senders_of(conn, notice.account_id) if s.verified_at is not None]
        delivery = f"{notice.alert_key}-{notice.change}"
        if notice.target == "webhook":
            if not targets.webhook_url or not targets.webhook_nonce:
                raise Refused("the account has no webhook any more")
            webhook.post(
                targets.webhook_url,
                {"account": account.slug, "alert": notice.alert_key, "change": notice.change, **notice.facts},
                delivery=delivery,
                key_text=webhook_key(self._settings, targets.webhook_nonce),
                timestamp=int(now.timestamp()),
                may_be_private=self._settings.webhooks_may_be_private,
            )
            return
        if not targets.email:
            raise Refused("the account has no alert address any more")
        if not senders:
            raise Refused("the account has no verified sender to write from")
        sender, facts = senders[0], notice.facts
        message = EmailMessage(policy=_SEVEN_BIT)
        message["From"] = formataddr((sender.name, sender.email))
        message["To"] = targets.email
        message["Subject"] = words.subject(facts, locale=account.locale, account=account.name)
        message["Date"] = format_datetime(now)
        message["Message-ID"] = f"<alert-{delivery}@{self._settings.bounce_domain}>"
        # RFC 3834: nobody's holiday answers it.
        message["Auto-Submitted"] = "auto-generated"
        url = f"http://{self._settings.host}:{self._settings.dashboards_port}/deliverability?account={account.slug}"
        message.set_content(words.body(facts, locale=account.locale, account=account.name, url=url))
        way = self._router
        asyncio.run(hand_to_server(way, f"alerts@{self._settings.bounce_domain}", targets.email, bytes(message)))
