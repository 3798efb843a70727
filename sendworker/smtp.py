"""An SMTP client connection on asyncio, strict about replies (RFC 5321), pipelined where the server offers it.

A 4xx or 5xx reply is a value. Only a broken session raises, and says whether the message may have been taken.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from sillage.errors import TransientError

MAX_REPLY_LINE = 4096
"""Longest reply line that we read: RFC 5321 4.5.3.1.5 says 512, real servers say more."""
MAX_REPLY_LINES = 100

GREETING_TIMEOUT_S = 300.0
COMMAND_TIMEOUT_S = 300.0
DATA_END_TIMEOUT_S = 600.0
"""RFC 5321 4.5.3.2: five minutes for a command, ten for the final dot."""


class SessionError(TransientError):
    """The session broke. `in_doubt`: all of the message had left, so it may have been taken."""

    def __init__(self, message: str, *, in_doubt: bool = False, code: int | None = None) -> None:
        super().__init__(message)
        self.in_doubt = in_doubt
        self.code = code
        """What the server said when it would not have us: 421, 554 …"""


@dataclass(frozen=True, slots=True)
class Reply:
    """A server's reply: code, enhanced status (RFC 3463) where there is one, and its text on one line."""

    code: int
    status: str | None
    text: str

    @property
    def is_positive(self) -> bool:
        """2xx or 3xx."""
        return 200 <= self.code < 400  # noqa: PLR2004

    @property
    def is_transient(self) -> bool:
        """4xx: put off."""
        return 400 <= self.code < 500  # noqa: PLR2004


class ReplyParser:
    """Bytes to replies, pure. Anything that is no reply as RFC 5321 4.2 writes it is refused."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._lines: list[tuple[int, str]] = []

    def feed(self, data: bytes) -> list[Reply]:
        """The replies that are complete now.

        Raises: SessionError on anything that is not SMTP.
        """
        self._buffer += data
        replies: list[Reply] = []
        while (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            reply = self._line(line.removesuffix(b"\r"))
            if reply is not None:
                replies.append(reply)
        if len(self._buffer) > MAX_REPLY_LINE:
            raise SessionError("the server sent a line without an end")
        return replies

    def _line(self, line: bytes) -> Reply | None:
        if len(line) > MAX_REPLY_LINE or len(self._lines) >= MAX_REPLY_LINES:
            raise SessionError("the server sent a reply that is too long")
        code = line[:3]
        if not (code.isdigit() and b"2" <= code[:1] <= b"5") or line[3:4] not in {b"", b" ", b"-"}:
            raise SessionError(f"the server sent {line[:60]!r}, which is no SMTP reply")
        number = int(code)
        if self._lines and self._lines[0][0] != number:
            raise SessionError("the server changed its code within one reply")
        self._lines.append((number, line[4:].decode("utf-8", "replace")))
        if line[3:4] == b"-":
            return None
        lines, self._lines = self._lines, []
        return _reply(number, [text for _, text in lines])


def _reply(code: int, lines: list[str]) -> Reply:
    status = None
    head = lines[-1].split(" ", 1)[0]
    parts = head.split(".")
    if len(parts) == 3 and all(p.isdigit() and len(p) <= 3 for p in parts) and parts[0] == str(code)[0]:  # noqa: PLR2004
        status = head
    return Reply(code, status, " ".join(lines)[:2000])


class Connection(asyncio.Protocol):
    """One session with a server. One message at a time is in doubt at most."""

    def __init__(self) -> None:
        self._parser = ReplyParser()
        self._waiting: deque[asyncio.Future[Reply]] = deque()
        self._transport: asyncio.Transport | None = None
        self._broken: Exception | None = None
        self._drained = asyncio.Event()
        self._drained.set()
        self.extensions: frozenset[str] = frozenset()
        # The greeting may be here before anybody has asked for it.
        self._greeting = self._ask()
        self.messages = 0
        self.may_write: Callable[[], bool] = lambda: True
        """Asked before each write: a worker whose lease has ended sends nothing more."""

    @classmethod
    async def open(cls, host: str, port: int, *, helo: str, timeout: float = 30.0) -> Connection:
        """Connect and say EHLO.

        Raises: SessionError where nobody answers or the server does not want us.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout):
                _, connection = await loop.create_connection(cls, host, port)
        except (OSError, TimeoutError) as exc:
            raise SessionError(f"no connection to {host}:{port}: {exc or 'no answer in time'}") from exc
        greeting = await connection._answer(connection._greeting, GREETING_TIMEOUT_S)  # noqa: SLF001
        if greeting.code != 220:  # noqa: PLR2004
            connection.abort()
            raise SessionError(f"{host}:{port} greets with {greeting.code} {greeting.text}", code=greeting.code)
        reply = await connection._command(f"EHLO {helo}\r\n".encode("ascii"))  # noqa: SLF001
        if reply.code != 250:  # noqa: PLR2004
            connection.abort()
            raise SessionError(f"{host}:{port} answers EHLO with {reply.code} {reply.text}")
        connection.extensions = frozenset(word.upper() for word in reply.text.split())
        return connection

    async def send(self, sender: str, recipient: str, message: bytes) -> Reply:
        """Hand over one message; the reply that decides, from MAIL FROM to the final dot.

        `message` has CRLF line ends and no line that starts with a dot, as `sillage.content` makes it.
        Raises: SessionError.
        """
        mail = f"MAIL FROM:<{sender}>"
        if "8BITMIME" in self.extensions:
            mail += " BODY=8BITMIME"
        if not recipient.isascii():
            if "SMTPUTF8" not in self.extensions:
                return Reply(553, "5.6.7", "the server takes no addresses outside ASCII")
            mail += " SMTPUTF8"
        self.messages += 1
        commands = [f"{mail}\r\n".encode(), f"RCPT TO:<{recipient}>\r\n".encode(), b"DATA\r\n"]
        if "PIPELINING" in self.extensions:
            refusal = await self._pipelined(commands)
        else:
            refusal = await self._in_turn(commands)
        if refusal is not None:
            if refusal.is_positive:
                # It says yes to everything: nothing has been handed over, and its yes to a message would mean as much.
                self.abort()
                raise SessionError(f"the server answered DATA with {refusal.code} instead of 354")
            return refusal
        return await self._payload(message)

    async def _pipelined(self, commands: list[bytes]) -> Reply | None:
        """RFC 2920: all three at once. DATA may be taken though the recipient was not: then nothing is sent in it."""
        waiting = [self._ask() for _ in commands]
        self._write(b"".join(commands))
        mail, rcpt, data = [await self._answer(w, COMMAND_TIMEOUT_S) for w in waiting]
        refused = next((r for r in (mail, rcpt) if not r.is_positive), None)
        if refused is None and data.code == 354:  # noqa: PLR2004
            return None
        if data.code == 354:  # noqa: PLR2004
            # The server waits for a message that has no recipient; ending it empty is the RFC's way out.
            await self._command(b".\r\n", timeout=DATA_END_TIMEOUT_S)
        else:
            await self._reset()
        return refused or data

    async def _in_turn(self, commands: list[bytes]) -> Reply | None:
        for command in commands:
            reply = await self._command(command)
            wanted = 354 if command == b"DATA\r\n" else 250
            if reply.code != wanted and not (wanted == 250 and reply.is_positive):  # noqa: PLR2004
                await self._reset()
                return reply
        return None

    async def _payload(self, message: bytes) -> Reply:
        waiting = self._ask()
        self._write(message)
        # Until the dot is written the server can't take the message: a break before it leaves no doubt.
        await self._flush()
        self._write(b".\r\n" if message.endswith(b"\r\n") else b"\r\n.\r\n")
        if self._broken is not None:
            raise SessionError(str(self._broken))
        try:
            return await self._answer(waiting, DATA_END_TIMEOUT_S)
        except SessionError as exc:
            raise SessionError(str(exc), in_doubt=True) from exc

    async def _reset(self) -> None:
        try:
            await self._command(b"RSET\r\n")
        except SessionError:
            self.abort()

    async def quit(self) -> None:
        """End the session politely, waiting two seconds at most."""
        if self.is_open:
            with contextlib.suppress(SessionError):
                await self._command(b"QUIT\r\n", timeout=2.0)
            self.abort()

    @property
    def is_open(self) -> bool:
        """Whether the session still stands."""
        return self._broken is None and self._transport is not None

    def abort(self) -> None:
        """Drop the session."""
        if self._transport is not None:
            self._transport.abort()

    async def _command(self, line: bytes, timeout: float = COMMAND_TIMEOUT_S) -> Reply:
        waiting = self._ask()
        self._write(line)
        return await self._answer(waiting, timeout)

    def _ask(self) -> asyncio.Future[Reply]:
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        if self._broken is not None:
            future.set_exception(SessionError(str(self._broken)))
        else:
            self._waiting.append(future)
        # A session may break while nobody looks at its futures; the next command tells.
        future.add_done_callback(lambda f: f.cancelled() or f.exception())
        return future

    async def _answer(self, future: asyncio.Future[Reply], timeout: float) -> Reply:
        try:
            async with asyncio.timeout(timeout):
                return await future
        except TimeoutError as exc:
            self._break(SessionError(f"no answer within {timeout:g} s"))
            raise SessionError(f"no answer within {timeout:g} s") from exc

    async def _flush(self) -> None:
        try:
            async with asyncio.timeout(COMMAND_TIMEOUT_S):
                await self._drained.wait()
        except TimeoutError as exc:
            self._break(SessionError("the server stopped reading"))
            raise SessionError("the server stopped reading") from exc
        if self._broken is not None:
            raise SessionError(str(self._broken))

    def _write(self, data: bytes) -> None:
        if not self.may_write():
            self._break(SessionError("the worker's lease has ended"))
        if self._transport is not None and self._broken is None:
            self._transport.write(data)

    def _break(self, exc: Exception) -> None:
        if self._broken is None:
            self._broken = exc
        for future in self._waiting:
            if not future.done():
                future.set_exception(SessionError(str(self._broken)))
        self._waiting.clear()
        self._drained.set()
        self.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: D102
        self._transport = cast("asyncio.Transport", transport)
        # Later than a whole message of usual size, so that a pause means that the server does not read.
        self._transport.set_write_buffer_limits(high=1 << 20)

    def pause_writing(self) -> None:  # noqa: D102
        self._drained.clear()

    def resume_writing(self) -> None:  # noqa: D102
        self._drained.set()

    def data_received(self, data: bytes) -> None:  # noqa: D102
        try:
            for reply in self._parser.feed(data):
                if not self._waiting:
                    if reply.code == 421:  # noqa: PLR2004
                        self._break(SessionError(f"the server closes: {reply.text}"))
                        return
                    # An answer that nobody asked for may be meant for the next command: the session is lost.
                    raise SessionError("the server sent a reply that nobody asked for")  # noqa: TRY301
                future = self._waiting.popleft()
                if not future.done():
                    future.set_result(reply)
        except SessionError as exc:
            self._break(exc)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: D102
        self._break(SessionError(f"the server closed the connection{f': {exc}' if exc else ''}"))
