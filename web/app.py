"""The tracker: opens, clicks, and the pages behind the links of a mail.

The hot paths are answered here, without a framework: a token is read, the event is made and committed, the answer
goes out. Everything else is `web.pages`. A link's target comes from the table of links alone, never from the URL.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import quote, unquote_to_bytes, urlsplit

import structlog

from sillage.domain.judge import current_rules
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

_METHODS = frozenset({b"GET", b"HEAD"})

log = structlog.get_logger()


class _Way(NamedTuple):
    """What the first letters of a link's path say."""

    facts: bytes
    """The first members of its event's JSON."""
    is_click: bool = False
    names_a_reader: bool = False
    """Whether it is never the link that everybody shares."""


_WAYS = {
    b"/o/": _Way(b'"type":"opened"'),
    b"/h/": _Way(b'"type":"opened","via":"hygiene"', names_a_reader=True),
    b"/c/": _Way(b'"type":"clicked"', is_click=True),
}


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
        path = exchange.path
        if b"%" in path:
            # Some gateways write addresses anew and escape what needs none.
            path = exchange.path = unquote_to_bytes(path)
        way = _WAYS.get(path[:3])
        if way is None:
            self._later(exchange, serve(self._pages, exchange, self.answers))
            return
        if exchange.method not in _METHODS:
            exchange.send(self.answers.plain(405, b"method not allowed"))
            return
        recipient = self._key.read(path[_TOKEN])
        link = _link_number(path[_AFTER_TOKEN]) if way.is_click else None
        if recipient is None or not (link or (path[_AFTER_TOKEN] == b".gif" and _is_picture(way, recipient))):
            self._not_found(exchange)
            return
        target = self.targets.known(recipient.variant_id)
        if target is not None:
            self._note(exchange, way, recipient, link, target)
        else:
            self._later(exchange, self._find_and_note(exchange, way, recipient, link))

    async def _find_and_note(self, exchange: Exchange, way: _Way, recipient: Recipient, link: int | None) -> None:
        """A message that is newer than what is held, or none of ours: ops knows."""
        self._note(exchange, way, recipient, link, await self.targets.find(recipient.variant_id))

    def _note(
        self, exchange: Exchange, way: _Way, recipient: Recipient, link: int | None, target: Target | None
    ) -> None:
        """Write down what happened, with the verdict of the moment, and answer when it is durable."""
        is_ours = target is not None and target.campaign_id == recipient.campaign_id
        if way.is_click:
            location = _location(target.links.get(link)) if is_ours and target and link else None
            if location is None:
                self._not_found(exchange)
                return
            answer = self.answers.redirect(location)
        else:
            answer = self.answers.pixel if exchange.method == b"GET" else self.answers.pixel_head
        if target is None or not is_ours:
            exchange.send(answer)
            return
        seen = self._visitors.see(exchange.method, exchange.peer, exchange.headers, is_click=way.is_click)
        # What `Event` would encode to, but for its id.
        facts = b'%s%s,"account_id":%d,"campaign_id":%d,"variant_id":%d%s%s' % (
            way.facts,
            self._now(),
            target.account_id,
            recipient.campaign_id,
            recipient.variant_id,
            b',"link":%d' % link if link else b"",
            seen.verdict,
        )
        if recipient.is_test:
            facts += b',"is_test":true'
        if recipient.contact_id != NOBODY:
            facts += b',"contact_id":%d%s%s' % (
                recipient.contact_id,
                seen.ip if target.keeps_ip else b"",
                seen.agent if target.keeps_agent else b"",
            )
        self.journal.note(facts, lambda _durable: exchange.send(answer))

    def _now(self) -> bytes:
        """Business time, as an event says it; what comes in one turn of the loop came at one moment."""
        moment = self._loop.time()
        if moment != self._moment:
            now = self._clock.now().isoformat().encode()
            self._moment, self._written = moment, b',"occurred_at":"%s","recorded_at":"%s"' % (now, now)
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


def _is_picture(way: _Way, recipient: Recipient) -> bool:
    """Whether that way leads to a picture, and for this reader."""
    return not way.is_click and not (way.names_a_reader and recipient.contact_id == NOBODY)


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
