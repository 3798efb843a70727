"""The tracker: opens, clicks, and the pages behind the links of a mail.

The hot paths are answered here, without a framework: a token is read, the event is made and committed, the answer
goes out. Everything else is `web.pages`. A link's target comes from the table of links alone, never from the URL.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlsplit

import structlog

from sillage.domain.judge import Act, current_rules
from sillage.lake.event import Event, EventType, encode, event_id
from sillage.settings import Settings
from sillage.store.database import Store
from sillage.store.targets import Target
from sillage.tokens import NOBODY, Recipient, TokenKey
from web.journal import Journal
from web.pages import Pages
from web.targets import Targets
from web.visitor import Visitors
from web.wishes import Wishes

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Fields = list[tuple[bytes, bytes]]

# A transparent picture of one pixel, GIF89a: 43 bytes.
PIXEL = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,"
    b"\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)
_NO_STORE: Fields = [
    (b"cache-control", b"no-store, no-cache, must-revalidate, private, max-age=0"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-robots-tag", b"noindex, nofollow"),
]
_PIXEL_HEADERS: Fields = [(b"content-type", b"image/gif"), (b"content-length", b"43"), *_NO_STORE]
_PLAIN: Fields = [
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    *_NO_STORE,
]
_TOKEN = slice(3, 39)
_AFTER_TOKEN = slice(39, None)
_SCHEMES = {"http", "https"}
_MAX_LINK_DIGITS = 5
_CACHED_LINKS = 4_096
# What may stand in a Location as it is; the rest is percent-encoded (RFC 3986 2.2, 2.3, and % itself).
_URL_SAFE = "!#$%&'()*+,/:;=?@[]~"

log = structlog.get_logger()


class Tracker:
    """One tracker process as an ASGI application. Made on the loop that serves it."""

    def __init__(self, settings: Settings) -> None:
        """Open the journal and the last known links.

        Raises: TransientError where the journal can't be opened.
        """
        self._clock = settings.clock
        self._key = TokenKey(settings.secret.get_secret_value())
        self.store = Store(settings.database_url)
        self.journal = Journal(settings.journal_dir)
        self.targets = Targets(self.store, settings.journal_dir)
        self.wishes = Wishes(self.store, self.journal)
        self._visitors = Visitors(settings.trusted_proxies, current_rules())
        self._pages = Pages(settings, self.store, self.journal, self.targets, self.wishes).app
        self._chores: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Read the links for the first time, and keep them fresh from now on."""
        await self.targets.refresh()
        self._chores = [asyncio.create_task(_for_ever(self.targets.keep_fresh, "targets"))]
        self._chores.append(asyncio.create_task(_for_ever(self.wishes.keep_trying, "wishes")))

    async def stop(self) -> None:
        """Commit what waits and give everything back."""
        for chore in self._chores:
            chore.cancel()
            with suppress(asyncio.CancelledError):
                await chore
        self.wishes.close()
        await self.journal.close()
        self.store.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._pages(scope, receive, send)
            return
        match scope["path"][:3]:
            case "/c/":
                await self._click(scope, send)
            case "/o/":
                await self._open(scope, send, via=None)
            case "/h/":
                await self._open(scope, send, via="hygiene")
            case _:
                await self._pages(scope, receive, send)

    async def _open(self, scope: Scope, send: Send, *, via: str | None) -> None:
        if not await _is_look(scope, send):
            return
        path = scope["path"]
        recipient = self._key.read(path[_TOKEN]) if path[_AFTER_TOKEN] == ".gif" else None
        if recipient is None or (via == "hygiene" and recipient.contact_id == NOBODY):
            await _refuse(send, 404, b"not found")
            return
        target = await self.targets.find(recipient.variant_id)
        if target is not None and target.campaign_id == recipient.campaign_id:
            await self._note(scope, Act.OPEN, recipient, target, via=via)
        await _answer(send, 200, _PIXEL_HEADERS, b"" if scope["method"] == "HEAD" else PIXEL)

    async def _click(self, scope: Scope, send: Send) -> None:
        if not await _is_look(scope, send):
            return
        path = scope["path"]
        recipient = self._key.read(path[_TOKEN])
        number = _link_number(path[_AFTER_TOKEN])
        target = await self.targets.find(recipient.variant_id) if recipient and number else None
        location = _location(target.links.get(number)) if target and number else None
        if recipient is None or target is None or location is None or target.campaign_id != recipient.campaign_id:
            await _refuse(send, 404, b"not found")
            return
        await self._note(scope, Act.CLICK, recipient, target, link=number)
        await _answer(send, 302, [(b"location", location), (b"content-length", b"0"), *_NO_STORE], b"")

    async def _note(
        self,
        scope: Scope,
        act: Act,
        recipient: Recipient,
        target: Target,
        *,
        link: int | None = None,
        via: str | None = None,
    ) -> None:
        """Write down what happened, with the verdict of the moment; durable when this returns, if the disk allows."""
        peer = scope.get("client")
        visitor = self._visitors.read(scope["method"], str(peer[0]) if peer else "", scope["headers"])
        verdict = self._visitors.verdict(act, visitor)
        now = self._clock.now()

        def make(stream: str, number: int) -> bytes:
            event = Event(
                id=event_id(stream, number),
                type=EventType.OPENED if act is Act.OPEN else EventType.CLICKED,
                account_id=target.account_id,
                occurred_at=now,
                recorded_at=now,
                campaign_id=recipient.campaign_id,
                variant_id=recipient.variant_id,
                contact_id=recipient.contact_id or None,
                is_test=recipient.is_test,
                link=link,
                via=via,
                is_machine=verdict.is_machine,
                rule=verdict.rule,
                rule_version=verdict.version,
                ip=_kept(recipient, target.keeps_ip, visitor.network),
                agent=_kept(recipient, target.keeps_agent, visitor.agent),
            )
            return encode(event)

        await self.journal.add(make)


def _kept(recipient: Recipient, keeps: bool, value: str) -> str | None:
    """A personal field, where the account keeps it and the event names a person."""
    return value if value and keeps and recipient.contact_id != NOBODY else None


def _link_number(text: str) -> int | None:
    """The number in `/7`, written the one way that we write it."""
    digits = text[1:]
    is_number = text[:1] == "/" and digits.isascii() and digits.isdigit() and len(digits) <= _MAX_LINK_DIGITS
    return int(digits) if is_number and digits[0] != "0" else None


@lru_cache(_CACHED_LINKS)
def _location(url: str | None) -> bytes | None:
    """A link's target as a header may carry it; None where there is none, or where it is no web address."""
    if not url or not url.isprintable() or urlsplit(url).scheme.lower() not in _SCHEMES:
        return None
    return quote(url, safe=_URL_SAFE).encode("ascii")


async def _is_look(scope: Scope, send: Send) -> bool:
    if scope["method"] in {"GET", "HEAD"}:
        return True
    await _refuse(send, 405, b"method not allowed")
    return False


async def _refuse(send: Send, status: int, words: bytes) -> None:
    await _answer(send, status, [*_PLAIN, (b"content-length", b"%d" % len(words))], words)


async def _answer(send: Send, status: int, headers: Fields, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _for_ever(chore: Callable[[], Awaitable[None]], name: str) -> None:
    """A chore that an error of its own must not end: it is logged and begun again."""
    while True:
        try:
            await chore()
        except Exception:
            log.exception("tracker.chore_failed", chore=name)
            await asyncio.sleep(1)
