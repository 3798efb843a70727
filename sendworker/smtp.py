"""SMTP connections on asyncio: connecting, TLS, AUTH, patience; what is handed over is `session`'s business."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import cast

from pydantic import SecretStr

from sendworker.reply import Reply, SessionError, capabilities
from sendworker.session import Courier, Session, Terms

_READY = 220
_OK = 250
_CHALLENGE = 334
_AUTHENTICATED = 235


class Tls(StrEnum):
    """How a hop is secured."""

    NONE = "none"
    OPPORTUNISTIC = "opportunistic"
    """STARTTLS where it is offered, whoever answers: better than plain text, and no more."""
    STARTTLS = "starttls"
    """STARTTLS or nothing, the certificate verified."""
    IMPLICIT = "implicit"
    """TLS from the first byte (RFC 8314), the certificate verified."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a server may take, in seconds. Source: RFC 5321 4.5.3.2."""

    connect: float = 30.0
    greeting: float = 300.0
    command: float = 300.0
    block: float = 180.0
    """For a server that stopped reading."""
    end: float = 600.0
    """From the final dot to its reply."""
    idle: float = 20.0
    """A connection without work is closed after so long."""


@dataclass(frozen=True, slots=True)
class Hop:
    """A server to hand mail to, and how."""

    host: str
    port: int
    helo: str
    tls: Tls = Tls.NONE
    ca_file: str | None = None
    name: str = ""
    """What its certificate must name, where that is not `host`."""
    user: str = ""
    password: SecretStr = field(default_factory=lambda: SecretStr(""))
    in_flight: int = 1
    chunking: bool = True
    patience: Patience = field(default_factory=Patience)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def context_of(hop: Hop) -> ssl.SSLContext:
    """TLS 1.2 or newer; verified unless it is opportunistic.

    Raises: SessionError where its file of certificates can't be used.
    """
    try:
        context = ssl.create_default_context(cafile=hop.ca_file)
    except OSError as exc:
        raise SessionError(f"{hop}: the certificates in {hop.ca_file} can't be used: {exc}") from exc
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if hop.tls is Tls.OPPORTUNISTIC:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class Connection(asyncio.Protocol):
    """One connection: sets a session up, keeps its time, and carries its bytes."""

    def __init__(self, hop: Hop, courier: Courier, ended: Callable[[Connection], None] | None = None) -> None:
        self.hop = hop
        self.session = Session(courier, self._write)
        self.extensions: dict[str, str] = {}
        self.may_write: Callable[[], bool] = lambda: True
        """Asked before each write: a worker whose lease has ended sends nothing more."""
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._since = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self._is_leaving = False
        self._is_secure = False
        self._is_open = False
        # The greeting may be here before anybody has asked for it.
        self._greeting = self._ask(b"")

    @classmethod
    async def open(
        cls, hop: Hop, courier: Courier, *, limit: int = 1, ended: Callable[[Connection], None] | None = None,
        may_write: Callable[[], bool] = lambda: True,
    ) -> Connection:  # fmt: skip
        """Connect, secure, authenticate; the connection begins to take letters of its courier at once.

        `limit` letters at most go over it; `ended` is called once when it is over, if it was ever open.
        Raises: SessionError where nobody answers, the server does not want us, or it is not who it should be.
        """
        self = cls(hop, courier, ended)
        self.may_write = may_write
        loop = asyncio.get_running_loop()
        context = context_of(hop) if hop.tls is Tls.IMPLICIT else None
        try:
            async with asyncio.timeout(hop.patience.connect):
                await loop.create_connection(
                    lambda: self, hop.host, hop.port, ssl=context,
                    server_hostname=(hop.name or hop.host) if context else None,
                )  # fmt: skip
        except ssl.SSLError as exc:
            raise SessionError(f"{hop} can't be trusted: {_tls_words(exc)}") from exc
        except (OSError, TimeoutError) as exc:
            raise SessionError(f"no connection to {hop}: {exc or 'no answer in time'}") from exc
        self._is_secure = context is not None
        try:
            await self._set_up()
            self._refuse_broken()
        except BaseException:
            self.abort()
            raise
        self._is_open = True
        self.session.limit = limit
        self._watch()
        self.session.pump()
        return self

    def _refuse_broken(self) -> None:
        """A session may break between its last answer and now: taken for open, it would hold its place for minutes."""
        if self.session.broken is not None:
            raise SessionError(f"{self.hop}: {self.session.broken}")

    async def _set_up(self) -> None:
        hop = self.hop
        greeting = await self._answer(self._greeting, hop.patience.greeting)
        if greeting.code != _READY:
            raise SessionError(f"{hop} greets with {greeting.code} {greeting.text}", code=greeting.code)
        await self._hello()
        if hop.tls in {Tls.STARTTLS, Tls.OPPORTUNISTIC}:
            await self._start_tls()
        if hop.user:
            await self._authenticate()
        self.session.terms = Terms.of(self.extensions, in_flight=hop.in_flight, chunking=hop.chunking)

    async def _hello(self) -> None:
        reply = await self._say(f"EHLO {self.hop.helo}")
        if reply.code != _OK:
            raise SessionError(f"{self.hop} answers EHLO with {reply.code} {reply.text}")
        self.extensions = capabilities(reply)

    async def _start_tls(self) -> None:
        """RFC 3207: nothing that was said before TLS counts after it, and nothing may be said in between."""
        hop = self.hop
        if "STARTTLS" not in self.extensions:
            if hop.tls is Tls.OPPORTUNISTIC:
                return
            raise SessionError(f"{hop} offers no STARTTLS, and its settings demand it")
        reply = await self._say("STARTTLS")
        if reply.code != _READY:
            if hop.tls is Tls.OPPORTUNISTIC:
                return
            raise SessionError(f"{hop} answers STARTTLS with {reply.code} {reply.text}")
        if not self.session.is_clean or self.session.broken is not None or self._transport is None:
            raise SessionError(f"{hop} sent something between STARTTLS and TLS: somebody may be in between")
        self.extensions = {}
        try:
            async with asyncio.timeout(hop.patience.command):
                transport = await self._loop.start_tls(
                    self._transport, self, context_of(hop), server_hostname=hop.name or hop.host
                )
        except ssl.SSLError as exc:
            raise SessionError(f"{hop} can't be trusted: {_tls_words(exc)}") from exc
        except (OSError, TimeoutError) as exc:
            raise SessionError(f"{hop} did not finish the TLS handshake: {exc or 'no answer in time'}") from exc
        if transport is None:
            raise SessionError(f"{hop} closed the connection during the TLS handshake")
        self._take(transport)
        self._is_secure = True
        await self._hello()

    async def _authenticate(self) -> None:
        """RFC 4954 with PLAIN (RFC 4616) or LOGIN; never without TLS, except to this machine itself."""
        hop = self.hop
        if not self._is_secure and hop.host not in {"127.0.0.1", "::1", "localhost"}:
            raise SessionError(f"{hop} is not secured by TLS: the password stays here")
        ways = self.extensions.get("AUTH", "").upper().split()
        user, password = hop.user.encode(), hop.password.get_secret_value().encode()
        if "PLAIN" in ways:
            reply = await self._say("AUTH PLAIN " + _b64(b"\0" + user + b"\0" + password))
        elif "LOGIN" in ways:
            reply = await self._say("AUTH LOGIN")
            for secret in (user, password):
                if reply.code != _CHALLENGE:
                    break
                reply = await self._say(_b64(secret))
        else:
            raise SessionError(f"{hop} offers no way to log in that we know: {' '.join(ways) or 'none at all'}")
        if reply.code != _AUTHENTICATED:
            raise SessionError(f"{hop} refuses the log-in of {hop.user!r}: {reply.code} {reply.text}")

    # --- asking and waiting, for the set-up alone

    def _ask(self, line: bytes) -> asyncio.Future[Reply]:
        future: asyncio.Future[Reply] = self._loop.create_future()
        # A session may break while nobody looks at its future; the next command tells.
        future.add_done_callback(lambda f: f.cancelled() or f.exception())
        if self.session.broken is not None:
            future.set_exception(SessionError(self.session.broken))
        else:
            self._pending = future

            def answer(reply: Reply) -> None:
                if not future.done():
                    future.set_result(reply)

            self.session.command(line, answer)
            if self.session.broken is not None and not future.done():
                future.set_exception(SessionError(self.session.broken))
        return future

    async def _say(self, line: str) -> Reply:
        return await self._answer(self._ask(f"{line}\r\n".encode("ascii")), self.hop.patience.command)

    async def _answer(self, future: asyncio.Future[Reply], timeout: float) -> Reply:
        try:
            async with asyncio.timeout(timeout):
                return await future
        except TimeoutError as exc:
            self._fail(f"no answer within {timeout:g} s")
            raise SessionError(f"{self.hop}: no answer within {timeout:g} s") from exc

    # --- life and death

    @property
    def is_open(self) -> bool:
        """Whether the session stands and may take letters."""
        return self._is_open and self.session.broken is None and not self._is_leaving

    def pump(self) -> None:
        """There may be letters: begin what can be begun."""
        if self.is_open:
            self.session.pump()
            self._look()

    async def quit(self) -> None:
        """End the session politely, waiting two seconds at most."""
        if self.session.broken is None and self.session.is_idle:
            self._is_leaving = True
            self.session.limit = 0
            with contextlib.suppress(SessionError):
                await self._answer(self._ask(b"QUIT\r\n"), 2.0)
        self.abort()

    def leave(self) -> None:
        """Say QUIT without waiting for the answer."""
        if not self._is_leaving and self.session.broken is None:
            self._is_leaving = True
            self.session.limit = 0
            self.session.command(b"QUIT\r\n", lambda _reply: self.abort())
            self._loop.call_later(2.0, self.abort)

    def retire(self) -> None:
        """Take no further letter: leave at once, or after the one that is on its way."""
        if self.session.is_idle:
            self.leave()
        else:
            self.session.limit = self.session.messages

    def abort(self) -> None:
        """Drop the connection; letters on their way are told."""
        self._fail("the connection was dropped")

    def _fail(self, why: str) -> None:
        was_broken = self.session.broken is not None
        self.session.fail(why)
        if not was_broken or self._timer is not None or self._transport is not None:
            self._bury()

    def _bury(self) -> None:
        """The session is over: give back the socket and say so, once."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._transport is not None:
            self._transport.abort()
            self._transport = None
        if not self._pending.done():
            self._pending.set_exception(SessionError(self.session.broken or "the session is over"))
        if self._is_open:
            self._is_open = False
            if self._ended is not None:
                self._ended(self)

    def _watch(self) -> None:
        """Look at the clock now and then: one timer a connection, whatever goes over it."""
        patience = self.hop.patience
        waited = self._loop.time() - self._since
        session = self.session
        if session.is_blocked:
            allowed, why = patience.block, "the server stopped reading"
        elif session.is_idle:
            allowed, why = patience.idle, ""
        else:
            allowed = patience.end if session.awaits_end else patience.command
            why = f"no answer within {allowed:g} s"
        if waited >= allowed:
            if not why:
                self.leave()
                return
            self._fail(why)
            return
        self._timer = self._loop.call_later(min(allowed - waited + 0.01, 1.0), self._watch)

    def _look(self) -> None:
        session = self.session
        if session.broken is not None:
            self._bury()
        elif session.limit and session.messages >= session.limit and session.is_idle:
            self.leave()

    def _write(self, data: bytes) -> None:
        if not self.may_write():
            self._fail("the worker's lease has ended")
            return
        if self._transport is not None and self.session.broken is None:
            self._since = self._loop.time()
            self._transport.write(data)

    # --- what asyncio calls

    def _take(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        # Told when the kernel does not take all at once: so it is known when all has left. (At 0, a TLS transport of
        # the standard loop says "full" when it is empty.)
        self._transport.set_write_buffer_limits(high=1, low=0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: D102
        if self._transport is None:
            self._take(transport)

    def pause_writing(self) -> None:  # noqa: D102
        self.session.is_blocked = True

    def resume_writing(self) -> None:  # noqa: D102
        self._since = self._loop.time()
        self.session.unblocked()
        self._look()

    def data_received(self, data: bytes) -> None:  # noqa: D102
        self._since = self._loop.time()
        self.session.receive(data)
        self._look()

    def eof_received(self) -> None:  # noqa: D102
        self._fail("the server closed the connection")

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: D102
        self._fail(f"the server closed the connection{f': {exc}' if exc else ''}")


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _tls_words(exc: ssl.SSLError) -> str:
    return getattr(exc, "verify_message", "") or exc.reason or str(exc)
