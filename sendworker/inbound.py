"""`python -m sendworker.inbound`: the mail server for what comes back, until SIGTERM.

It says 250 only after the transaction that carries out what the mail means: whoever sends it keeps it until then.
"""

from __future__ import annotations

import asyncio
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import sqlalchemy as sa
import structlog
import uvloop
from aiosmtpd.smtp import SMTP, Envelope, Session

from sendworker.inbound_mail import Address, Effect, Letter, act_on, address_of, open_letter
from sillage import log as logging
from sillage.domain.bounce_rules import rules_with
from sillage.errors import TransientError
from sillage.settings import Settings
from sillage.store import signals, unmatched
from sillage.store.database import Store
from sillage.tokens import TokenKey

# Some servers return the whole of what they refuse, attachments and all; only the first megabytes are read.
MAX_BYTES = 32 * 1024 * 1024
# Mails carried out in one transaction: some 20 ms of ops' time.
GROUP = 100
MAX_RECIPIENTS = 20
# Bounces quote what they return, with lines of any length: more than RFC 5321's 1,000 is let in.
LINE_BYTES = 64 * 1024
_IDLE_S = 120.0
_ASIDE_BYTES = 256 * 1024

log = structlog.get_logger()


class _Patient(SMTP):
    line_length_limit = LINE_BYTES


class _FullError(TransientError):
    """The list to look at is full: nobody could find this mail again."""


@dataclass(frozen=True, slots=True)
class _Post:
    """One mail for one of our addresses."""

    raw: bytes
    address: Address


@dataclass(slots=True)
class _Waiting:
    """A mail that was read, and the sender who waits for our word."""

    posts: list[tuple[_Post, Letter]]
    taken: asyncio.Future[list[tuple[Letter, Effect]]]


class Inbound:
    """What happens to mail that comes in (aiosmtpd's handler).

    Mails are read in threads; all that were read while one transaction ran are carried out in the next, so a burst of
    returned mail takes few turns of ops. Each sender hears 250 after the commit that holds its mail.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._secret = settings.secret.get_secret_value()
        self._key = TokenKey(self._secret)
        self._rules = rules_with(settings.own_bounce_rules)
        self._store = Store(settings.database_url)
        self._readers = ThreadPoolExecutor(2, thread_name_prefix="inbound-read")
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="inbound-write")
        self._waiting: list[_Waiting] = []
        self._is_writing = False
        self._written: set[asyncio.Task[None]] = set()

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take mail for our own addresses with a token of our own, and no other."""
        if address_of(address, self._settings.bounce_domain, self._key) is None:
            log.info("inbound.refused", reason="no such mailbox")
            return "550 5.1.1 no such mailbox here"
        if len(envelope.rcpt_tos) >= MAX_RECIPIENTS:
            return "452 4.5.3 too many recipients"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Say 250 after the commit, 451 where ops can't take it now."""
        raw = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        known = (address_of(text, self._settings.bounce_domain, self._key) for text in envelope.rcpt_tos)
        posts = [_Post(raw, address) for address in dict.fromkeys(known) if address]
        loop = asyncio.get_running_loop()
        try:
            read = await loop.run_in_executor(self._readers, self._read, posts)
            waiting = _Waiting(read, loop.create_future())
            self._waiting.append(waiting)
            self._write_soon(loop)
            taken = await waiting.taken
        except (TransientError, sa.exc.SQLAlchemyError, OSError) as exc:
            log.warning("inbound.deferred", error=str(exc))
            return "451 4.3.0 can't take it now, please try again later"
        for letter, effect in taken:
            _tell(letter, effect)
        return "250 2.0.0 taken"

    def _read(self, posts: list[_Post]) -> list[tuple[_Post, Letter]]:
        return [(post, open_letter(post.raw, post.address, self._key, self._rules)) for post in posts]

    def _write_soon(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._is_writing:
            self._is_writing = True
            task = loop.create_task(self._write_all(loop))
            self._written.add(task)
            task.add_done_callback(self._written.discard)

    async def _write_all(self, loop: asyncio.AbstractEventLoop) -> None:
        """Carry out what waits, group by group, until nothing does."""
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:GROUP], self._waiting[GROUP:]
                outcomes = await loop.run_in_executor(self._writer, self._take, group)
                for waiting, outcome in zip(group, outcomes, strict=True):
                    if waiting.taken.cancelled():
                        continue
                    if isinstance(outcome, BaseException):
                        waiting.taken.set_exception(outcome)
                    else:
                        waiting.taken.set_result(outcome)
        finally:
            self._is_writing = False

    def _take(self, group: list[_Waiting]) -> list[list[tuple[Letter, Effect]] | Exception]:
        """What became of each mail of a group. One that fails takes no other with it: then each has its own turn.

        Where ops itself is down there is nothing to try one by one.
        """
        try:
            return list(self._carry_out(group))
        except (TransientError, sa.exc.SQLAlchemyError, OSError) as exc:
            is_down = isinstance(exc, TransientError) and not isinstance(exc, _FullError)
            if is_down or len(group) == 1:
                return [exc] * len(group)
            return [outcome for one in group for outcome in self._take([one])]

    def _carry_out(self, group: list[_Waiting]) -> list[list[tuple[Letter, Effect]]]:
        now = self._settings.clock.now()
        done: list[list[tuple[Letter, Effect]]] = []
        with self._store.write() as conn:
            for waiting in group:
                effects = [
                    (post, letter, act_on(conn, letter, occurred_at=now, secret=self._secret))
                    for post, letter in waiting.posts
                ]
                for post, letter, effect in effects:
                    if effect in {Effect.UNMATCHED, Effect.UNRECOGNISED}:
                        self._put_aside(conn, post, letter, effect)
                done.append([(letter, effect) for _post, letter, effect in effects])
        return done

    def _put_aside(self, conn: sa.Connection, post: _Post, letter: Letter, effect: Effect) -> None:
        if unmatched.is_full(conn):
            raise _FullError(f"{unmatched.MAX_LISTED} returned mails wait to be looked at: look at them first")
        unmatched.put_aside(
            conn,
            signals.account_of(conn, letter.recipient) if letter.recipient else None,
            post.raw[:_ASIDE_BYTES],
            folder=self._settings.files_dir / "unmatched",
            kind=letter.reports[0].kind if letter.reports else "not_bounce",
            reason=effect,
            received_at=self._settings.clock.now(),
        )

    def close(self) -> None:
        """Finish what is under way, and give ops back."""
        self._readers.shutdown()
        self._writer.shutdown()
        self._store.close()


def _tell(letter: Letter, effect: Effect) -> None:
    first = letter.reports[0] if letter.reports else None
    log.info(
        "inbound.taken",
        effect=effect.value,
        box=letter.address.box.value,
        kind=first.kind.value if first else None,
        bounce_class=first.bounce_class.value if first and first.bounce_class else None,
        rule=first.rule if first else None,
        campaign_id=letter.recipient.campaign_id if letter.recipient else None,
        contact_id=letter.recipient.contact_id if letter.recipient else None,
    )


def protocol(inbound: Inbound, hostname: str) -> SMTP:
    """One connection's protocol: no TLS of our own, no login, bounded in size and patience."""
    return _Patient(
        inbound,
        data_size_limit=MAX_BYTES,
        enable_SMTPUTF8=True,
        hostname=hostname,
        ident="Sillage",
        timeout=_IDLE_S,
    )


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; what was answered with 250 is committed."""
    loop = asyncio.get_running_loop()
    inbound = Inbound(settings)
    server = await loop.create_server(
        lambda: protocol(inbound, settings.bounce_domain), host=settings.host, port=settings.inbound_port
    )
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    log.info("inbound.listening", address=settings.host, port=settings.inbound_port, domain=settings.bounce_domain)
    await stopped.wait()
    server.close()
    await loop.run_in_executor(None, inbound.close)
    log.info("inbound.stopped")


def main() -> None:
    """Run the server with the settings of the environment."""
    logging.configure("inbound")
    uvloop.run(serve(Settings.load()))


if __name__ == "__main__":
    main()
