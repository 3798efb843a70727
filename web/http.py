"""HTTP/1.1 on a socket: requests read, bounded in size, time and number; answers written in their order.

A server of our own, since the answer to a pixel waits for a commit that hundreds share: without a task for each
request, one process answers twice as many. The grammar is llhttp's (httptools), in its strict mode; what we add is
limits. Only what a mail's links need is spoken: no upgrade, no streaming, bodies of forms.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

import httptools
import structlog

from web.answers import Answers

MAX_HEAD_BYTES = 16 * 1024
MAX_BODY_BYTES = 128 * 1024
MAX_PIPELINED = 32
"""Requests of one connection that may wait for the answer to the one before; then it is read no further."""
MESSAGE_S = 15.0
"""The longest that a request may take to arrive (a client that trickles its headers holds a place, no more)."""
IDLE_S = 75.0
"""The longest that a connection stays open between requests, or with an answer that its client does not read."""
DRAIN_S = 5.0
TICK_S = 1.0
_DRAIN_STEP_S = 0.01

log = structlog.get_logger()


class Exchange:
    """One request and its way back. `path` has no query; header names are in lower case."""

    __slots__ = ("_connection", "body", "headers", "keeps_alive", "method", "path", "query")

    def __init__(
        self,
        connection: Connection,
        method: bytes,
        url: bytes,
        headers: list[tuple[bytes, bytes]],
        body: bytes,
        *,
        keeps_alive: bool,
    ) -> None:
        self._connection = connection
        self.method = method
        if not url.startswith(b"/"):
            url = _origin_form(url)
        self.path, _, self.query = url.partition(b"?")
        self.headers = headers
        self.body = body
        self.keeps_alive = keeps_alive

    @property
    def peer(self) -> str:
        """The address at the other end of the socket; empty where there is none."""
        return self._connection.peer

    def send(self, answer: bytes) -> None:
        """Answer, once. Whoever has hung up gets nothing."""
        self._connection.answer(self, answer)


Handle = Callable[[Exchange], None]


class Listener:
    """All connections of one port."""

    def __init__(self, handle: Handle, answers: Answers, *, max_connections: int) -> None:
        """Serve with `handle`, which must answer each exchange once, at once or later."""
        self._handle = handle
        self.answers = answers
        self._max_connections = max_connections
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._ticking: asyncio.TimerHandle | None = None
        self.is_closing = False

    async def listen(self, host: str, port: int, *, backlog: int = 2_048) -> int:
        """Take connections; the port, where 0 asked for any.

        Raises: OSError where the port is taken.
        """
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self, loop), host, port, backlog=backlog)
        self._tick()
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Take no more, let what is under way be answered, and hang up."""
        self.is_closing = True
        if self._server is not None:
            self._server.close()
        if self._ticking is not None:
            self._ticking.cancel()
        await _until(lambda: not any(connection.is_busy for connection in self._connections))
        for connection in list(self._connections):
            connection.hang_up()
        await _until(lambda: not self._connections)
        for connection in list(self._connections):
            connection.hang_up(at_once=True)

    def admit(self, connection: Connection) -> bool:
        """Whether there is room for one more."""
        if len(self._connections) >= self._max_connections or self.is_closing:
            return False
        self._connections.add(connection)
        return True

    def leave(self, connection: Connection) -> None:
        """A connection is over."""
        self._connections.discard(connection)

    def handle(self, exchange: Exchange) -> None:
        """Pass a request on; an error of ours is an answer as well."""
        try:
            self._handle(exchange)
        except Exception:
            log.exception("web.request_failed", path=exchange.path[:3].decode("latin-1"))
            exchange.send(self.answers.plain(500, b"something went wrong"))

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        self.answers.tick()
        now = loop.time()
        for connection in list(self._connections):
            connection.check_time(now)
        self._ticking = loop.call_later(TICK_S, self._tick)


class Connection(asyncio.Protocol):
    """One connection. Its requests are handled one at a time."""

    def __init__(self, listener: Listener, loop: asyncio.AbstractEventLoop) -> None:
        self._listener = listener
        self._loop = loop
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._waiting: deque[Exchange] = deque()
        self._current: Exchange | None = None
        self._is_advancing = self._is_choked = self._is_paused = self._is_last = False
        self._unread = 0
        self._in_body = self._has_ended = False
        self._since = loop.time()
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._body_bytes = 0
        self.peer = ""

    @property
    def is_busy(self) -> bool:
        """Whether an answer is due."""
        return self._current is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, where there is room."""
        self._transport = transport  # type: ignore[assignment]  # a stream's transport, as `create_server` makes it
        peer = transport.get_extra_info("peername")
        self.peer = str(peer[0]) if peer else ""
        if not self._listener.admit(self):
            self._refuse(503, b"too many connections")

    def connection_lost(self, exc: Exception | None) -> None:
        """The other side is gone; what it asked for is still written down."""
        del exc
        self._transport = None
        self._waiting.clear()
        self._listener.leave(self)

    def pause_writing(self) -> None:
        """The client does not read: it is asked nothing more until it does."""
        self._is_choked = True
        self._since = self._loop.time()
        self._read(is_on=False)

    def resume_writing(self) -> None:
        """It reads again."""
        self._is_choked = False
        self._advance()

    def data_received(self, data: bytes) -> None:
        """Read what came; a request that is complete is handled at once, or after the one before."""
        if self._transport is None or self._is_last:
            return
        if not self._unread:
            self._since = self._loop.time()
        self._unread += len(data)
        self._has_ended = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # RFC 9110 7.8: an upgrade may be ignored. What follows is another protocol, so this was the last.
            self._is_last = True
            self._end_if_done()
        except httptools.HttpParserError:
            self._refuse(400, b"bad request")
        if self._has_ended:
            self._unread = 0
        elif self._unread > (MAX_HEAD_BYTES if not self._in_body else MAX_HEAD_BYTES + 2 * MAX_BODY_BYTES):
            self._refuse(413 if self._in_body else 431, b"too large")

    def on_message_begin(self) -> None:
        """The parser's: a request begins."""
        self._url = b""
        self._headers = []
        self._in_body = False

    def on_url(self, url: bytes) -> None:
        """The parser's: the target, perhaps in pieces."""
        self._url += url

    def on_header(self, name: bytes, value: bytes | None) -> None:
        """The parser's: one field."""
        self._headers.append((name.lower(), value or b""))

    def on_headers_complete(self) -> None:
        """The parser's: a client that asks first whether it may send its body may."""
        self._in_body = True
        if self._transport is not None and self._current is None and self._asks_first():
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """The parser's: a piece of the body."""
        self._body_bytes += len(body)
        if self._body_bytes <= MAX_BODY_BYTES:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """The parser's: a request is whole."""
        self._has_ended = True
        self._in_body = False
        if self._transport is None or self._is_last:
            return
        parser = self._parser
        keeps = parser.should_keep_alive() and parser.get_http_version() == "1.1"
        body = b""
        if self._body_bytes:
            body, is_too_large = b"".join(self._body), self._body_bytes > MAX_BODY_BYTES
            self._body, self._body_bytes = [], 0
            if is_too_large:
                self._refuse(413, b"too large")
                return
        exchange = Exchange(self, parser.get_method(), self._url, self._headers, body, keeps_alive=keeps)
        if self._current is None and not self._waiting and not self._is_choked:
            self._current = exchange
            self._listener.handle(exchange)
            return
        self._waiting.append(exchange)
        if len(self._waiting) >= MAX_PIPELINED:
            self._read(is_on=False)

    def answer(self, exchange: Exchange, answer: bytes) -> None:
        """Write the answer to the present request, and turn to the next."""
        if self._transport is None or exchange is not self._current:
            return
        self._current = None
        if not exchange.keeps_alive or self._listener.is_closing:
            self._is_last = True
            answer = answer.replace(b"\r\n", b"\r\nconnection: close\r\n", 1)
        self._transport.write(answer)
        self._since = self._loop.time()
        if self._is_last:
            self._end_if_done()
        elif self._waiting:
            self._advance()

    def check_time(self, now: float) -> None:
        """Hang up on who takes too long: with a request, with the next one, or with reading an answer."""
        if self._transport is None or (self._current is not None and not self._is_choked):
            return
        if self._unread and not self._is_choked:
            if now - self._since > MESSAGE_S:
                self._refuse(408, b"too slow")
        elif now - self._since > IDLE_S:
            self._transport.abort()

    def hang_up(self, *, at_once: bool = False) -> None:
        """Close, after what is written, or without it."""
        if self._transport is not None:
            (self._transport.abort if at_once else self._transport.close)()

    def _advance(self) -> None:
        """Handle what waits, as far as answers come at once. A loop: a thousand in a row must not nest."""
        if self._is_advancing:
            return
        self._is_advancing = True
        try:
            while self._waiting and self._current is None and not self._is_choked and not self._is_last:
                self._current = self._waiting.popleft()
                self._listener.handle(self._current)
        finally:
            self._is_advancing = False
        if len(self._waiting) < MAX_PIPELINED and not self._is_choked:
            self._read(is_on=True)

    def _read(self, *, is_on: bool) -> None:
        if self._transport is None or self._transport.is_closing() or is_on is not self._is_paused:
            return
        self._is_paused = not is_on
        if is_on:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def _refuse(self, status: int, words: bytes) -> None:
        """Say why, and hang up. A request that is still being answered is lost to its client, not to us."""
        if self._transport is None or self._transport.is_closing():
            return
        self._is_last = True
        self._waiting.clear()
        self._current = None
        answer = self._listener.answers.plain(status, words)
        self._transport.write(answer.replace(b"\r\n", b"\r\nconnection: close\r\n", 1))
        self._transport.close()

    def _end_if_done(self) -> None:
        if self._current is None and self._transport is not None:
            self._transport.close()

    def _asks_first(self) -> bool:
        return any(name == b"expect" and value.lower() == b"100-continue" for name, value in self._headers)


async def _until(is_so: Callable[[], bool]) -> None:
    """Wait for that, but not for ever."""
    for _ in range(int(DRAIN_S / _DRAIN_STEP_S)):
        if is_so():
            return
        await asyncio.sleep(_DRAIN_STEP_S)


def _origin_form(url: bytes) -> bytes:
    """The path of `http://host/path` (RFC 9112 3.2.2 lets a client write it so); of anything else, nothing of ours."""
    try:
        parsed = httptools.parse_url(url)
    except httptools.HttpParserInvalidURLError:
        return b"*"
    path = bytes(parsed.path or b"/")
    return path + b"?" + bytes(parsed.query) if parsed.query else path
