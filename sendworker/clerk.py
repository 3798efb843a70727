"""The clerk: confirmation mails of sign-ups, one connection for each handful, beside the campaigns.

A mail whose fate is unknown counts as sent: nobody gets two a day, and who got none signs up again the next.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog

from sendworker import session
from sendworker.reply import Reply, SessionError
from sendworker.routes import NoRouteError, Router
from sendworker.session import Loss
from sendworker.smtp import Connection, Hop
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
        by_pool: dict[str, list[Letter]] = {}
        for one in letters:
            if one.mail is None:
                outcomes.append(Settled(one.signup.id, SignupState.FAILED, one.reason))
            else:
                by_pool.setdefault(router.pool_of(one.mail.to), []).append(one)
        for pool, mine in by_pool.items():
            outcomes += await self._send_pool(pool, mine, router)
        return outcomes

    async def _send_pool(self, pool: str, letters: list[Letter], router: Router) -> list[Settled]:
        walk = _Round(letters, self._return_path, self._later)
        try:
            for hop in await router.hops(pool):
                if await walk.over(hop, router):
                    break
        except NoRouteError as exc:
            walk.refuse_all(exc.reply)
        except SessionError as exc:
            log.info("confirmation.no_route", why=str(exc))
        return walk.done()

    def _later(self, letter: Letter, reason: str) -> Settled:
        now = self._settings.clock.now()
        if now - letter.signup.created_at > GIVE_UP_AFTER and letter.signup.attempt >= len(RETRY_S):
            return Settled(letter.signup.id, SignupState.FAILED, reason)
        wait = RETRY_S[min(letter.signup.attempt, len(RETRY_S) - 1)]
        return Settled(letter.signup.id, SignupState.DUE, reason, now + timedelta(seconds=wait))


class _Round:
    """The courier of some letters: gives them to a session one by one, and notes what became of each."""

    def __init__(self, letters: list[Letter], return_path: str, later: Callable[[Letter, str], Settled]) -> None:
        self._waiting = deque(letters)
        self._return_path = return_path
        self._later = later
        self._settled: list[Settled] = []
        self._on_the_way = 0
        self._is_over = asyncio.Event()

    async def over(self, hop: Hop, router: Router) -> bool:
        """Hand all over to one server; False where it could not be reached."""
        try:
            connection = await Connection.open(hop, self, limit=len(self._waiting), ended=lambda _: self._is_over.set())
        except SessionError as exc:
            router.tried(hop, worked=False)
            log.info("confirmation.no_route", hop=str(hop), why=str(exc))
            return False
        router.tried(hop, worked=True)
        self._look()
        await self._is_over.wait()
        await connection.quit()
        return True

    def done(self) -> list[Settled]:
        """What became of every letter; those that nobody took are due again later."""
        return [*self._settled, *(self._later(letter, "no_route") for letter in self._waiting)]

    def refuse_all(self, reply: Reply) -> None:
        """The domain takes no mail at all."""
        while self._waiting:
            self._settled.append(self._verdict(self._waiting.popleft(), reply))

    def next_letter(self) -> session.Letter | None:
        """The next letter that can be written."""
        while self._waiting:
            letter = self._waiting.popleft()
            if letter.mail is None:
                continue
            try:
                message = render(letter.mail)
            except ValueError as exc:
                # An address that the mail's headers can't hold: it is put aside, the others go on.
                log.warning("confirmation.not_rendered", signup_id=letter.signup.id, why=type(exc).__name__)
                self._settled.append(Settled(letter.signup.id, SignupState.FAILED, "not_rendered"))
                continue
            self._on_the_way += 1
            return session.Letter(self._return_path, letter.mail.to, message, tag=letter)
        return None

    def replied(self, letter: session.Letter, reply: Reply) -> None:
        """The server decided."""
        log.info("confirmation.answered", signup_id=letter.tag.signup.id, code=reply.code)
        self._note(self._verdict(letter.tag, reply))

    def lost(self, letter: session.Letter, loss: Loss, why: str) -> None:
        """The session broke under it."""
        log.info("confirmation.session_broke", why=why, loss=loss.name)
        if loss is Loss.IN_DOUBT:
            self._note(Settled(letter.tag.signup.id, SignupState.MAILED, "in_doubt"))
        else:
            self._note(self._later(letter.tag, "no_route"))

    def _verdict(self, letter: Letter, reply: Reply) -> Settled:
        if reply.is_positive:
            return Settled(letter.signup.id, SignupState.MAILED)
        said = f"{reply.code} {reply.status or ''}".strip()
        return self._later(letter, said) if reply.is_transient else Settled(letter.signup.id, SignupState.FAILED, said)

    def _note(self, settled: Settled) -> None:
        self._settled.append(settled)
        self._on_the_way -= 1
        # The session asks for the next letter before it comes to rest.
        asyncio.get_running_loop().call_soon(self._look)

    def _look(self) -> None:
        if not self._waiting and self._on_the_way == 0:
            self._is_over.set()
