"""Hands mail over to the platform's mail server by SMTP (RFC 5321), on connections that are kept."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from sendworker.postoffice.reports import Post

HELLO_NAME = "postoffice.example"
TIMEOUT_SECONDS = 30.0
_MAX_REPLY_LINES = 100
_POSITIVE = 2
_GO_ON = 354
_CLOSING = 421


class Unreachable(Exception):
    """No connection, or it broke before the answer: to be tried again."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The server's answer that decided: to the message itself, or to the first command that it refused."""

    code: int
    text: str

    @property
    def is_positive(self) -> bool:
        """2xx."""
        return self.code // 100 == _POSITIVE


class Postman:
    """Keeps idle connections to one mail server for the next mail."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._idle: list[_Session] = []

    async def hand_over(self, post: Post) -> Reply:
        """Hand over one mail.

        Raises: Unreachable.
        """
        while self._idle:
            session = self._idle.pop()
            # A server may have closed a connection while nobody looked; the next one, or a new one, will do.
            if not session.is_closed:
                try:
                    return await self._through(session, post)
                except Unreachable:
                    continue
        return await self._through(await self._connect(), post)

    async def close(self) -> None:
        """Say goodbye on all idle connections."""
        for session in self._idle:
            await session.quit()
        self._idle.clear()

    async def _connect(self) -> _Session:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                session = _Session(*await asyncio.open_connection(self._host, self._port))
        except (OSError, TimeoutError) as exc:
            raise Unreachable(type(exc).__name__) from exc
        try:
            await session.greet()
        except BaseException:
            session.abort()
            raise
        return session

    async def _through(self, session: _Session, post: Post) -> Reply:
        try:
            reply = await session.send(post)
        except BaseException:
            session.abort()
            raise
        if reply.code == _CLOSING:
            session.abort()
        else:
            self._idle.append(session)
        return reply


class _Session:
    """One SMTP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._extensions: set[str] = set()

    @property
    def is_closed(self) -> bool:
        return self._reader.at_eof() or self._writer.is_closing()

    def abort(self) -> None:
        self._writer.close()

    async def greet(self) -> None:
        greeting, _ = await self._reply()
        if not greeting.is_positive:
            raise Unreachable(str(greeting.code))
        reply, lines = await self._command(f"EHLO {HELLO_NAME}")
        if not reply.is_positive:
            raise Unreachable(str(reply.code))
        self._extensions = {line.split(" ")[0].upper() for line in lines[1:]}

    async def send(self, post: Post) -> Reply:
        is_international = not (post.sender + post.recipient).isascii()
        if is_international and "SMTPUTF8" not in self._extensions:
            return Reply(553, "5.6.7 the server takes no international addresses")
        options = " SMTPUTF8" if is_international else ""
        if "8BITMIME" in self._extensions:
            options += " BODY=8BITMIME"
        for command in (f"MAIL FROM:<{post.sender}>{options}", f"RCPT TO:<{post.recipient}>"):
            reply, _ = await self._command(command)
            if not reply.is_positive:
                return await self._reset(reply)
        reply, _ = await self._command("DATA")
        if reply.code != _GO_ON:
            return await self._reset(reply)
        data = post.data if post.data.endswith(b"\r\n") else post.data + b"\r\n"
        stuffed = data.replace(b"\r\n.", b"\r\n..")
        self._writer.write((b"." if stuffed.startswith(b".") else b"") + stuffed + b".\r\n")
        reply, _ = await self._reply()
        return reply

    async def quit(self) -> None:
        try:
            await self._command("QUIT")
        except Unreachable:
            pass
        finally:
            self._writer.close()

    async def _reset(self, refused: Reply) -> Reply:
        if refused.code != _CLOSING:
            await self._command("RSET")
        return refused

    async def _command(self, line: str) -> tuple[Reply, list[str]]:
        self._writer.write(line.encode() + b"\r\n")
        return await self._reply()

    async def _reply(self) -> tuple[Reply, list[str]]:
        lines: list[str] = []
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await self._writer.drain()
                while len(lines) < _MAX_REPLY_LINES:
                    line = (await self._reader.readuntil(b"\r\n")).decode("utf-8", "replace").rstrip("\r\n")
                    lines.append(line[4:])
                    if not line[:3].isdigit():
                        raise Unreachable("no reply code")
                    if line[3:4] != "-":
                        return Reply(int(line[:3]), lines[-1]), lines
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as exc:
            raise Unreachable(type(exc).__name__) from exc
        raise Unreachable("a reply without end")
