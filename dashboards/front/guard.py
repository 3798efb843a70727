"""The guard: nothing of the pages is served to who is not signed in, the websocket least of all."""

from __future__ import annotations

import asyncio
import re
import time
from urllib.parse import quote

import structlog
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboards.front.cookies import Cookies
from sillage.access import Door
from sillage.errors import SillageError

log = structlog.get_logger()

OPEN = re.compile(r"/sign-in|/(set-up|invitation|password)/[A-Za-z0-9_-]{1,100}")
"""Our own pages for people who are not in yet; each decides for itself."""
HEALTH = ("/_stcore/health", "/healthz")
ASKED_EVERY_S = 5.0
GRACE_S = 60.0
"""How long an open page may tell that its session ended before its websocket is closed."""
_REFUSED = 1008  # RFC 6455 7.4.1: policy violation

_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"content-security-policy", b"frame-ancestors 'self'; object-src 'none'; base-uri 'self'"),
    (b"x-frame-options", b"SAMEORIGIN"),
)


class Guard:
    """Middleware around Streamlit: who is not signed in is led to the sign-in page, or refused."""

    def __init__(self, app: ASGIApp, door: Door, cookies: Cookies) -> None:
        self._app = app
        self._door = door
        self._cookies = cookies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let pass, lead to the sign-in page, or refuse."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        if scope["type"] == "http" and (path in HEALTH or OPEN.fullmatch(path)):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        token = self._cookies.token(connection.cookies)
        if not await self._is_in(token):
            await self._refuse(scope, connection, receive, send)
        elif scope["type"] == "http":
            if _is_look(connection):
                await self._touch(token)
            await self._app(scope, receive, _with_headers(send))
        else:
            await self._touch(token)
            await self._app(scope, _Watched(self, token, receive, send), send)

    async def is_in(self, token: str) -> bool:
        """Whether a session still holds."""
        return await self._is_in(token)

    async def _is_in(self, token: str) -> bool:
        if not token:
            return False
        try:
            return await asyncio.to_thread(self._door.is_in, token)
        except SillageError:
            # Who can't be told is not let in.
            log.exception("guard.blind")
            return False

    async def _touch(self, token: str) -> None:
        try:
            await asyncio.to_thread(self._door.touch, token)
        except SillageError:
            log.exception("guard.untouched")

    async def _refuse(self, scope: Scope, connection: HTTPConnection, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            # Closed before it was accepted, which is an answer of 403.
            await receive()
            await send({"type": "websocket.close", "code": _REFUSED})
            return
        response: Response = PlainTextResponse("sign in first", 401, headers={"cache-control": "no-store"})
        if _is_look(connection):
            query = scope["query_string"].decode("latin-1")
            wanted = quote(scope["path"], safe="/") + (f"?{query}" if query else "")
            target = "/sign-in" if wanted == "/" else f"/sign-in?next={quote(wanted, safe='')}"
            response = RedirectResponse(target, 303, headers={"cache-control": "no-store"})
        await response(scope, receive, send)


class _Watched:
    """What a websocket receives, until its session has been over for a while."""

    def __init__(self, guard: Guard, token: str, receive: Receive, send: Send) -> None:
        self._guard = guard
        self._token = token
        self._receive = receive
        self._send = send
        self._asked_at = time.monotonic()
        self._over_at: float | None = None

    async def __call__(self) -> Message:
        message = await self._receive()
        now = time.monotonic()
        if message["type"] == "websocket.receive" and now - self._asked_at >= ASKED_EVERY_S:
            self._asked_at = now
            if await self._guard.is_in(self._token):
                self._over_at = None
            elif self._over_at is None:
                self._over_at = now
        if self._over_at is not None and now - self._over_at >= GRACE_S:
            await self._send({"type": "websocket.close", "code": _REFUSED})
            return {"type": "websocket.disconnect", "code": _REFUSED}
        return message


def _is_look(connection: HTTPConnection) -> bool:
    """Whether a person looks at a page, rather than a page fetching one of its parts."""
    if connection.scope.get("method") not in {"GET", "HEAD"}:
        return False
    kind = connection.headers.get("sec-fetch-dest")
    return kind == "document" if kind else "text/html" in connection.headers.get("accept", "")


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            held = {name.lower() for name, _ in message.get("headers", ())}
            more = [header for header in _HEADERS if header[0] not in held]
            message = {**message, "headers": [*message.get("headers", ()), *more]}
        await send(message)

    return sending
