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
from sillage.errors import TransientError
from sillage.settings import Settings
from sillage.store import signals, unmatched
from sillage.store.database import Store
from sillage.tokens import TokenKey

MAX_BYTES = 10 * 1024 * 1024
MAX_RECIPIENTS = 20
# Bounces quote what they return, with lines of any length: more than RFC 5321's 1,000 is let in.
LINE_BYTES = 64 * 1024
_IDLE_S = 120.0
_ASIDE_BYTES = 256 * 1024

log = structlog.get_logger()


class _Patient(SMTP):
    line_length_limit = LINE_BYTES


@dataclass(frozen=True, slots=True)
class _Post:
    """One mail for one of our addresses."""

    raw: bytes
    address: Address


class Inbound:
    """What happens to mail that comes in (aiosmtpd's handler)."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._secret = settings.secret.get_secret_value()
        self._key = TokenKey(self._secret)
        self._store = Store(settings.database_url)
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="inbound")

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
            taken = await loop.run_in_executor(self._threads, self._take, posts)
        except (TransientError, sa.exc.SQLAlchemyError, OSError) as exc:
            log.warning("inbound.deferred", error=str(exc))
            return "451 4.3.0 can't take it now, please try again later"
        for letter, effect in taken:
            _tell(letter, effect)
        return "250 2.0.0 taken"

    def _take(self, posts: list[_Post]) -> list[tuple[Letter, Effect]]:
        letters = [(post, open_letter(post.raw, post.address, self._key)) for post in posts]
        now = self._settings.clock.now()
        with self._store.write() as conn:
            effects = [
                (post, letter, act_on(conn, letter, occurred_at=now, secret=self._secret)) for post, letter in letters
            ]
            for post, letter, effect in effects:
                if effect in {Effect.UNMATCHED, Effect.UNRECOGNISED}:
                    self._put_aside(conn, post, letter, effect)
        return [(letter, effect) for _post, letter, effect in effects]

    def _put_aside(self, conn: sa.Connection, post: _Post, letter: Letter, effect: Effect) -> None:
        if unmatched.is_full(conn):
            raise TransientError(f"{unmatched.MAX_LISTED} returned mails wait to be looked at: look at them first")
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
        self._threads.shutdown()
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
