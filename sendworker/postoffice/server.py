"""The mail server of all providers: takes mail for anybody and answers as each person's mailbox would."""

from __future__ import annotations

import asyncio
import logging
import re
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, AnyStr

from aiosmtpd.smtp import SMTP, Envelope, Session

from sendworker.postoffice.clock import BusinessClock
from sendworker.postoffice.entries import Arrival, Refusal
from sendworker.postoffice.errands import plan
from sendworker.postoffice.ledger import Ledger
from sendworker.postoffice.letter import Head, read_head
from sendworker.postoffice.log import Seldom
from sendworker.postoffice.model import Nature
from sendworker.postoffice.people import Person, Stage
from sendworker.postoffice.providers import Mailboxes

MAX_SIZE = 25 * 1024 * 1024
MAX_RECIPIENTS = 100
"""RFC 5321 4.5.3.1.8: a server takes 100 recipients in one transaction."""
MAX_LINE = 998
CHUNK = 1 << 30
PAUSED = "421 4.3.2 The post office is closed for the moment"
ALONE = "452 4.5.3 Too many recipients: this one needs a transaction of its own"
INTERNATIONAL = "553 5.6.7 An international address needs SMTPUTF8, and UTF-8"
GREYLISTED = "451 4.7.1 Greylisted, please come back later"

_PLAIN_PATH = re.compile(r"<([A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+)>(?: +(.*))?")
_END = b"\r\n.\r\n"


class Server(SMTP):
    """aiosmtpd's protocol with a quicker way to read DATA, and with 421 said as RFC 5321 3.8 wants: then closed."""

    # The stream holds back the sender from here on; commands have their own, far smaller limit.
    line_length_limit = 1 << 17

    def __init__(self, handler: Mailroom, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            handler,
            data_size_limit=MAX_SIZE,
            enable_SMTPUTF8=True,
            hostname="postoffice.example",
            ident="ESMTP",
            timeout=300,
            loop=loop,
        )
        self._when_lost: Callable[[Server], None] | None = None

    def when_lost(self, callback: Callable[[Server], None]) -> None:
        """Have somebody told when the connection is gone."""
        self._when_lost = callback

    def hang_up(self) -> None:
        """End the connection."""
        if self.transport is not None:
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone."""
        super().connection_lost(error)
        if self._when_lost is not None:
            self._when_lost(self)

    async def push(self, status: AnyStr) -> None:
        """Send a reply; after 421 the connection is closed."""
        await super().push(status)
        if status[:3] in {"421", b"421"}:
            self.hang_up()

    def _getaddr(self, arg: str) -> Any:
        # A plain address is nearly all there is, and the library's parser takes longer than all the rest.
        if found := _PLAIN_PATH.fullmatch(arg):
            return found[1], found[2] or ""
        return super()._getaddr(arg)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 - the library's name
        """Take a message: read in large pieces instead of line by line; it ends at CRLF . CRLF and nowhere else."""
        if await self.check_helo_needed() or await self.check_auth_needed("DATA"):
            return
        envelope = self.envelope
        if envelope is None or not envelope.rcpt_tos:
            await self.push("503 5.5.1 Error: need RCPT command")
            return
        if arg:
            await self.push("501 5.5.4 Syntax: DATA")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        content = await self._read_content()
        if content is None:
            status = "552 5.3.4 Error: too much mail data"
        elif max(map(len, content.split(b"\r\n"))) > MAX_LINE:
            status = "500 5.6.0 Line too long (RFC 5321 4.5.3.1.6)"
        else:
            status = await self.event_handler.take(envelope, content)
        self._set_post_data_state()  # type: ignore[no-untyped-call]  # aiosmtpd types it not
        await self.push(status)

    async def _read_content(self) -> bytes | None:
        """The message without its end and with dots taken back, None where it is too large."""
        # As if a line had ended before it, so that a dot in the first line is one like any other.
        taken, is_too_large = bytearray(b"\r\n"), False
        while True:
            piece = await self._reader.read(CHUNK)
            if not piece:
                raise ConnectionResetError
            start = max(0, len(taken) - len(_END) + 1)
            taken += piece
            end = taken.find(_END, start)
            if end >= 0:
                rest = taken[end + len(_END) :]
                if rest:
                    # Commands that came with the end of the message: they are read next, and before anything later.
                    self._reader.feed_data(bytes(rest))
                break
            if len(taken) > MAX_SIZE + 2:
                is_too_large = True
                del taken[: -len(_END)]
        if is_too_large or end > MAX_SIZE:
            return None
        # The CRLF before the dot ends the last line (RFC 5321 4.1.1.4); that of an empty message is our own.
        content = bytes(memoryview(taken)[: end + 2])
        return content.replace(b"\r\n.", b"\r\n")[2:]


@dataclass(frozen=True, slots=True)
class Rules:
    """How the mailboxes are set up. `greylist_seconds`: of business time, 0 is none."""

    refuse_at: Stage = Stage.DATA
    greylist_seconds: float = 0.0
    seed: int = 0
    delay_scale: float = 1.0
    quickest: float = 0.0


@dataclass(frozen=True, slots=True)
class _No:
    reason: str
    reply: str
    stage: Stage


class Mailroom:
    """aiosmtpd's handler: what each mailbox answers, written to the ledger before it is said."""

    def __init__(
        self,
        ledger: Ledger,
        nature: Nature,
        boxes: Mailboxes,
        clock: BusinessClock,
        rules: Rules,
        tell: Callable[[], None],
    ) -> None:
        self._ledger, self._nature, self._boxes = ledger, nature, boxes
        self._clock, self._rules, self._tell = clock, rules, tell
        self._failures = Seldom()
        self.is_paused = False

    async def handle_MAIL(  # noqa: N802 - the library's name
        self, _server: Server, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Start a transaction, unless the office is closed."""
        if self.is_paused:
            return PAUSED
        if not _is_allowed(address, envelope):
            return INTERNATIONAL
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Sender OK"

    async def handle_RCPT(  # noqa: N802
        self, _server: Server, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Answer for one recipient."""
        if "@" not in address:
            return "553 5.1.3 An address needs a domain"
        if not _is_allowed(address, envelope):
            return INTERNATIONAL
        if len(envelope.rcpt_tos) >= MAX_RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        no = self._verdict(address, self._person(address))
        if no is not None and no.stage is Stage.SESSION:
            return await self._refuse(no, address, envelope, None)
        # DATA has one answer for all recipients: whom it would be refused for gets a transaction of their own.
        if envelope.rcpt_tos and (no is not None or self._is_refused_later(envelope.rcpt_tos[0])):
            return await self._refuse(_No("alone", ALONE, Stage.SESSION), address, envelope, None)
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Recipient OK"

    async def take(self, envelope: Envelope, content: bytes) -> str:
        """Answer for the message: taken, with all that follows planned, or refused."""
        head = read_head(content)
        first = envelope.rcpt_tos[0]
        no = self._verdict(first, self._person(first))
        if no is not None:
            return await self._refuse(no, first, envelope, head)
        now, wall = self._clock.now(), time.time()
        sender = _sender(envelope)
        arrivals = [
            self._arrival(address, sender, head, content, now, wall)
            # Somebody who is named twice has one mailbox (RFC 5321 leaves it open; mailboxes deliver once).
            for address in dict.fromkeys(envelope.rcpt_tos)
        ]
        try:
            await self._ledger.accept(arrivals, self._clock)
        except sqlite3.Error as exc:
            return self._failed(exc)
        if any(arrival.planned for arrival in arrivals):
            self._tell()
        return "250 2.0.0 OK: taken"

    async def handle_exception(self, error: Exception) -> str:
        """What a fault of ours looks like from outside: temporary, and said in the log."""
        self._failures.log("postoffice.fault", level="error", reason=repr(error))
        return "451 4.3.0 Local error in processing"

    def _arrival(self, address: str, sender: str, head: Head, raw: bytes, now: float, wall: float) -> Arrival:
        person = self._person(address, head.campaign or "")
        rules = self._rules
        acts = plan(person, address.lower(), rules.seed, rules.delay_scale, rules.quickest) if person.acts else []
        planned = tuple(acts)
        return Arrival(address, sender, head, raw, now, wall, planned)

    def _person(self, address: str, occasion: str = "") -> Person:
        is_company = self._boxes.provider(address) is self._boxes.other
        return self._nature.of(address, is_company=is_company, occasion=occasion)

    def _verdict(self, address: str, person: Person) -> _No | None:
        """What a mailbox has against a mail now, None where it takes it."""
        if self._rules.greylist_seconds:
            since = self._ledger.greylisted_since(address.lower())
            if since is None or self._clock.now() < since + self._rules.greylist_seconds:
                return _No("greylisted", GREYLISTED, self._rules.refuse_at)
        if person.defer and self._ledger.deferrals(address.lower()) < person.defer:
            reply = person.defer_reply or self._boxes.provider(address).defer
            return _No("deferred", reply, self._rules.refuse_at)
        if person.bounce is not None and person.bounce.stage is not Stage.MAIL:
            stage = Stage.DATA if person.bounce.stage is Stage.DATA else self._rules.refuse_at
            return _No("refused", person.bounce.reply, stage)
        return None

    def _is_refused_later(self, address: str) -> bool:
        return self._verdict(address, self._person(address)) is not None

    async def _refuse(self, no: _No, address: str, envelope: Envelope, head: Head | None) -> str:
        refusal = Refusal(
            recipient=address,
            mail_from=_sender(envelope),
            stage="rcpt" if head is None else "data",
            reason=no.reason,
            reply=no.reply,
            head=head,
            refused_at=self._clock.now(),
            refused_wall=time.time(),
        )
        try:
            await self._ledger.refuse(refusal)
        except sqlite3.Error as exc:
            return self._failed(exc)
        return no.reply

    def _failed(self, error: sqlite3.Error) -> str:
        self._failures.log("postoffice.ledger_failed", level="error", reason=str(error))
        return "452 4.3.1 Insufficient system storage"


def _is_allowed(address: str, envelope: Envelope) -> bool:
    # The library passes octets that are no UTF-8 on as lone surrogates.
    is_text = not any("\ud800" <= c <= "\udfff" for c in address)
    return address.isascii() or (envelope.smtp_utf8 and is_text)


def _sender(envelope: Envelope) -> str:
    return "" if envelope.mail_from == "<>" else str(envelope.mail_from)


def be_quiet() -> None:
    """Turn off the library's line for each command."""
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)
