"""The clerk: confirmation mails of sign-ups, one connection for each handful, beside the campaigns.

A mail whose fate is unknown counts as sent: nobody gets two a day, and who got none signs up again the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog

from sendworker import session
from sendworker.handover import Fate, hand_over
from sendworker.routes import Router
from sendworker.session import Loss
from sillage.content.confirmation import Confirmation, render
from sillage.domain.campaign import MessageKind
from sillage.domain.contact import EmailAddress
from sillage.domain.eligibility import Standing, reasons_against
from sillage.domain.ids import CampaignId, VariantId
from sillage.domain.signup import SignupState
from sillage.errors import PermanentError
from sillage.settings import Settings
from sillage.signup import SignupKey
from sillage.store import accounts, campaigns, forms, signups, suppressions
from sillage.store.database import Store
from sillage.store.signups import Signup
from sillage.tokens import NOBODY, Recipient, TokenKey

log = structlog.get_logger()

AT_ONCE = 20
RETRY_S = (60, 300, 900, 1_800, 3_600)
GIVE_UP_AFTER = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Letter:
    """A claimed sign-up with its mail; without one where it may not leave."""

    signup: Signup
    mail: Confirmation | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a letter."""

    signup_id: int
    state: SignupState
    reason: str | None = None
    due_at: datetime | None = None


class Clerk:
    """Sends confirmation mails. Its sentences run in the thread of ops, its letters on the loop."""

    def __init__(self, settings: Settings, store: Store, worker_id: int) -> None:
        self._settings = settings
        self._store = store
        self._worker_id = worker_id
        secret = settings.secret.get_secret_value()
        self._key = SignupKey(secret)
        # Reports on these mails name nobody: they are put aside for a person to look at.
        token = TokenKey(secret).sign_for_mailbox(Recipient(CampaignId(0), VariantId(0), NOBODY))
        self._return_path = f"b-{token}@{settings.bounce_domain}"

    def claim(self) -> list[Letter]:
        """Take the mails that are due, and forget sign-ups that nobody confirmed."""
        now = self._settings.clock.now()
        with self._store.read() as conn:
            if not signups.has_work(conn, now):
                return []
        with self._store.write() as conn:
            signups.resolve_dead(conn, now)
            signups.expire(conn, now)
            found = signups.claim_due(conn, worker_id=self._worker_id, now=now, limit=AT_ONCE)
            return [self._letter(conn, one, now) for one in found]

    def _letter(self, conn: sa.Connection, one: Signup, now: datetime) -> Letter:
        try:
            form = forms.get(conn, one.account_id, one.form_id)
            account = accounts.by_id(conn, one.account_id)
            sender = campaigns.sender(conn, one.account_id, form.sender_id)
        except PermanentError as exc:
            return Letter(one, None, f"form_gone: {exc}")
        address = EmailAddress.parse(one.email or "")
        stopped = suppressions.reason_of(
            conn, one.account_id, channel="email", address_hash=one.email_hash, domain=address.domain
        )
        # Who was erased and signs up again asks for this mail.
        standing = Standing(suppressed=None if stopped == "erased" else stopped)
        reasons = reasons_against(MessageKind.SERVICE, standing, now=0, allowed_bases=())
        if reasons:
            return Letter(one, None, reasons[0])
        wordings = (form.wording, form.tracking_wording) if one.agrees_tracking else (form.wording,)
        return Letter(
            one,
            Confirmation(
                to=str(address),
                from_name=sender.name,
                from_email=sender.email,
                reply_to=sender.reply_to,
                account_name=account.name,
                identity=", ".join(part for part in (account.legal_name, account.postal_address) if part),
                locale=account.locale,
                wordings=wordings,
                link=f"{self._settings.base_url}/s/{self._key.sign(one.id)}",
                message_id=f"s-{self._key.sign(one.id)}@{self._settings.bounce_domain}",
                sent_at=now,
            ),
        )

    def settle(self, outcomes: list[Settled]) -> None:
        """Write what became of the letters."""
        now = self._settings.clock.now()
        with self._store.write() as conn:
            for one in outcomes:
                signups.settle(
                    conn, one.signup_id, worker_id=self._worker_id, state=one.state, now=now, reason=one.reason,
                    due_at=one.due_at,
                )  # fmt: skip

    async def send(self, letters: list[Letter], router: Router) -> list[Settled]:
        """Send some letters, all that go one way over one connection; what could not be tried comes again."""
        outcomes: list[Settled] = []
        ready: list[session.Letter] = []
        for one in letters:
            if one.mail is None:
                outcomes.append(Settled(one.signup.id, SignupState.FAILED, one.reason))
                continue
            try:
                ready.append(session.Letter(self._return_path, one.mail.to, render(one.mail), tag=one))
            except ValueError as exc:
                # An address that the mail's headers can't hold: it is put aside, the others go on.
                log.warning("confirmation.not_rendered", signup_id=one.signup.id, why=type(exc).__name__)
                outcomes.append(Settled(one.signup.id, SignupState.FAILED, "not_rendered"))
        return outcomes + [self._settled(letter.tag, fate) for letter, fate in await hand_over(ready, router)]

    def _settled(self, letter: Letter, fate: Fate) -> Settled:
        number = letter.signup.id
        if fate is Loss.IN_DOUBT:
            return Settled(number, SignupState.MAILED, "in_doubt")
        if isinstance(fate, Loss):
            return self._later(letter, "no_route")
        log.info("confirmation.answered", signup_id=number, code=fate.code)
        if fate.is_positive:
            return Settled(number, SignupState.MAILED)
        said = f"{fate.code} {fate.status or ''}".strip()
        return self._later(letter, said) if fate.is_transient else Settled(number, SignupState.FAILED, said)

    def _later(self, letter: Letter, reason: str) -> Settled:
        now = self._settings.clock.now()
        if now - letter.signup.created_at > GIVE_UP_AFTER and letter.signup.attempt >= len(RETRY_S):
            return Settled(letter.signup.id, SignupState.FAILED, reason)
        wait = RETRY_S[min(letter.signup.attempt, len(RETRY_S) - 1)]
        return Settled(letter.signup.id, SignupState.DUE, reason, now + timedelta(seconds=wait))
