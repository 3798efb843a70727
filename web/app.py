"""The tracker: opens, clicks, and the pages behind the links of a mail.

The hot paths are answered here, without a framework: a token is read, the event is made and committed, the answer
goes out. Everything else is `web.pages`. A link's target comes from the table of links alone, never from the URL.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote_to_bytes, urlsplit

import structlog

from sillage.domain.judge import Act, current_rules
from sillage.errors import TransientError
from sillage.settings import Settings
from sillage.store.database import Store
from sillage.store.targets import Target
from sillage.tokens import NOBODY, Recipient, TokenKey
from web.answers import Answers
from web.bridge import serve
from web.http import Exchange, Listener
from web.journal import Journal
from web.pages import Pages
from web.targets import Targets
from web.visitor import Visitors
from web.wishes import Wishes

_TOKEN = slice(3, 39)
_AFTER_TOKEN = slice(39, None)
_SCHEMES = {"http", "https"}
_MAX_LINK_DIGITS = 5
_CACHED_LINKS = 4_096
# What may stand in a Location as it is; the rest is percent-encoded (RFC 3986 2.2, 2.3, and % itself).
_URL_SAFE = "!#$%&'()*+,/:;=?@[]~"

log = structlog.get_logger()


class Tracker:
    """One tracker process. Made on the loop that serves it."""

    def __init__(self, settings: Settings) -> None:
        """Open the journal and the last known links.

        Raises: TransientError where the journal can't be opened.
        """
        self.settings = settings
        self._clock = settings.clock
        self._key = TokenKey(settings.secret.get_secret_value())
        self.store = Store(settings.database_url)
        self.journal = Journal(settings.journal_dir)
        self.targets = Targets(self.store, settings.journal_dir)
        self.wishes = Wishes(self.store, self.journal)
        self._visitors = Visitors(settings.trusted_proxies, current_rules())
        self._pages = Pages(settings, self.store, self.journal, self.targets, self.wishes, self._visitors).app
        self._chores: list[asyncio.Task[None]] = []
        self._slow: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._moment, self._written = -1.0, b""
        self.answers = Answers()
        self._listener: Listener | None = None
        self.port = 0

    async def start(self) -> None:
        """Read the links for the first time, and keep them fresh from now on."""
        await self.targets.refresh()
        self._chores = [asyncio.create_task(_for_ever(self.targets.keep_fresh, "targets"))]
        self._chores.append(asyncio.create_task(_for_ever(self.wishes.keep_trying, "wishes")))

    async def listen(self, host: str, port: int, *, max_connections: int = 4_096) -> int:
        """Answer on a port; its number, where 0 asked for any.

        Raises: TransientError where the port is taken.
        """
        self._listener = Listener(self.answer, self.answers, max_connections=max_connections)
        try:
            self.port = await self._listener.listen(host, port)
        except OSError as exc:
            raise TransientError(f"port {port} of {host} can't be had: {exc.strerror}; is a tracker running?") from exc
        return self.port

    async def stop(self) -> None:
        """Answer what was asked, commit what waits and give everything back."""
        if self._listener is not None:
            await self._listener.close()
        for chore in (*self._chores, *self._slow):
            chore.cancel()
            with suppress(asyncio.CancelledError):
                await chore
        self.wishes.close()
        await self.journal.close()
        self.store.close()

    def answer(self, exchange: Exchange) -> None:
        """Answer one request: at once, after its event's commit, or after a look into ops."""
        if b"%" in exchange.path:
            # Some gateways write addresses anew and escape what needs none.
            exchange.path = unquote_to_bytes(exchange.path)
        match exchange.path[:3]:
            case b"/c/":
                self._look(exchange, Act.CLICK)
            case b"/o/" | b"/h/":
                self._look(exchange, Act.OPEN)
            case _:
                self._later(exchange, serve(self._pages, exchange, self.answers))

    def _look(self, exchange: Exchange, act: Act) -> None:
        if exchange.method not in {b"GET", b"HEAD"}:
            exchange.send(self.answers.plain(405, b"method not allowed"))
            return
        path = exchange.path
        recipient = self._key.read(path[_TOKEN])
        if recipient is None or not _is_whole(path, act, recipient):
            self._not_found(exchange)
            return
        target = self.targets.known(recipient.variant_id)
        if target is not None:
            self._note(exchange, act, recipient, target)
        else:
            self._later(exchange, self._find_and_note(exchange, act, recipient))

    async def _find_and_note(self, exchange: Exchange, act: Act, recipient: Recipient) -> None:
        """A message that is newer than what is held, or none of ours: ops knows."""
        self._note(exchange, act, recipient, await self.targets.find(recipient.variant_id))

    def _note(self, exchange: Exchange, act: Act, recipient: Recipient, target: Target | None) -> None:
        """Write down what happened, with the verdict of the moment, and answer when it is durable."""
        is_ours = target is not None and target.campaign_id == recipient.campaign_id
        link = _link_number(exchange.path[_AFTER_TOKEN]) if act is Act.CLICK else None
        if act is Act.OPEN:
            answer = self.answers.pixel if exchange.method != b"HEAD" else self.answers.pixel_head
        else:
            location = _location(target.links.get(link)) if is_ours and target and link else None
            if location is None:
                self._not_found(exchange)
                return
            answer = self.answers.redirect(location)
        if target is None or not is_ours:
            exchange.send(answer)
            return
        seen = self._visitors.see(act, exchange.method, exchange.peer, exchange.headers)
        facts = _facts(act, recipient, target, link, self._now()) + seen.verdict
        if recipient.contact_id != NOBODY:
            facts += seen.ip if target.keeps_ip else b""
            facts += seen.agent if target.keeps_agent else b""
        if exchange.path.startswith(b"/h/"):
            facts += b',"via":"hygiene"'
        self.journal.note(facts, lambda _durable: exchange.send(answer))

    def _now(self) -> bytes:
        """Business time in ISO 8601; what comes in one turn of the loop came at one moment."""
        moment = self._loop.time()
        if moment != self._moment:
            self._moment, self._written = moment, self._clock.now().isoformat().encode()
        return self._written

    def _not_found(self, exchange: Exchange) -> None:
        exchange.send(self.answers.plain(404, b"not found", has_body=exchange.method != b"HEAD"))

    def _later(self, exchange: Exchange, answering: Coroutine[Any, Any, None]) -> None:
        """Answer in a task of its own."""
        task = self._loop.create_task(self._see_through(exchange, answering))
        self._slow.add(task)
        task.add_done_callback(self._slow.discard)

    async def _see_through(self, exchange: Exchange, answering: Coroutine[Any, Any, None]) -> None:
        try:
            await answering
        except Exception:
            log.exception("web.request_failed", path=exchange.path[:3].decode("latin-1"))
            exchange.send(self.answers.plain(500, b"something went wrong"))


def _is_whole(path: bytes, act: Act, recipient: Recipient) -> bool:
    """Whether what stands after the token is written the one way that we write it."""
    if act is Act.CLICK:
        return _link_number(path[_AFTER_TOKEN]) is not None
    return path[_AFTER_TOKEN] == b".gif" and not (path.startswith(b"/h/") and recipient.contact_id == NOBODY)


def _facts(act: Act, recipient: Recipient, target: Target, link: int | None, now: bytes) -> bytes:
    """The event as members of its JSON, without its id and what the visitor adds: what `Event` would encode to."""
    facts = b'"type":"%s","account_id":%d,"occurred_at":"%s","recorded_at":"%s","campaign_id":%d,"variant_id":%d' % (
        b"opened" if act is Act.OPEN else b"clicked",
        target.account_id,
        now,
        now,
        recipient.campaign_id,
        recipient.variant_id,
    )
    if recipient.contact_id != NOBODY:
        facts += b',"contact_id":%d' % recipient.contact_id
    if recipient.is_test:
        facts += b',"is_test":true'
    return facts + b',"link":%d' % link if link else facts


def _link_number(text: bytes) -> int | None:
    """The number in `/7`, written the one way that we write it."""
    digits = text[1:]
    is_number = text[:1] == b"/" and digits.isdigit() and len(digits) <= _MAX_LINK_DIGITS
    return int(digits) if is_number and not digits.startswith(b"0") else None


@lru_cache(_CACHED_LINKS)
def _location(url: str | None) -> bytes | None:
    """A link's target as a header may carry it; None where there is none, or where it is no web address."""
    if not url or not url.isprintable() or urlsplit(url).scheme.lower() not in _SCHEMES:
        return None
    return quote(url, safe=_URL_SAFE).encode("ascii")


async def _for_ever(chore: Callable[[], Awaitable[None]], name: str) -> None:
    """A chore that an error of its own must not end: it is logged and begun again."""
    while True:
        try:
            await chore()
        except Exception:
            log.exception("tracker.chore_failed", chore=name)
            await asyncio.sleep(1)
