"""HTTP on a socket: what is bounded, what is refused, and that answers come in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web import http
from web.answers import Answers
from web.http import Exchange, Listener


async def hung_up(writer: asyncio.StreamWriter) -> None:
    """Close a client's side, whatever became of the other."""
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


class Host:
    """A listener that answers with the path that was asked for; what is under /late waits to be released."""

    def __init__(self, *, max_connections: int = 100) -> None:
        self.answers = Answers()
        self.late: list[Exchange] = []
        self.is_late = asyncio.Event()
        self.asked: list[Exchange] = []
        self.listener = Listener(self._handle, self.answers, max_connections=max_connections)
        self.port = 0

    def _handle(self, exchange: Exchange) -> None:
        self.asked.append(exchange)
        if exchange.path == b"/broken":
            raise RuntimeError("a fault of ours")
        if exchange.path == b"/late":
            self.late.append(exchange)
            self.is_late.set()
            return
        exchange.send(self.answers.plain(200, exchange.path + exchange.body, has_body=exchange.method != b"HEAD"))

    async def talk(self, *pieces: bytes, pause: float = 0.0, patience: float = 0.7) -> bytes:
        """Send these, and read until the other side hangs up (or says nothing more for a moment)."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        with suppress(OSError):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause)
        said = b""
        with suppress(TimeoutError, OSError):
            while chunk := await asyncio.wait_for(reader.read(65_536), patience):
                said += chunk
        await hung_up(writer)
        return said


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    """A listener on a free port."""
    made = Host()
    made.port = await made.listener.listen("127.0.0.1", 0)
    yield made
    await made.listener.close()


def get(path: str, *fields: str, method: str = "GET") -> bytes:
    """A request."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: t", *fields, "", ""]).encode()


async def test_answers_come_in_the_order_of_the_requests(host: Host) -> None:
    """Requests sent without waiting are answered one after the other, also where the first takes its time."""
    asking = asyncio.create_task(host.talk(get("/late"), get("/b"), get("/c")))
    await host.is_late.wait()
    assert [exchange.path for exchange in host.asked] == [b"/late"]
    host.late[0].send(host.answers.plain(200, b"/late"))
    said = await asking
    assert said.index(b"\r\n\r\n/late") < said.index(b"\r\n\r\n/b") < said.index(b"\r\n\r\n/c")


async def test_thousands_of_requests_at_once_are_answered(host: Host) -> None:
    """A long pipeline neither nests nor is held in memory whole."""
    said = await host.talk(get("/late"), get("/x") * 5_000, pause=0.05)
    assert said == b""
    assert len(host.asked) == 1
    host.late[0].send(host.answers.plain(200, b"/late"))
    asking = await host.talk(get("/x") * 5_000)
    assert asking.count(b"HTTP/1.1 200 OK") == 5_000


async def test_connection_stays_open_until_told_otherwise(host: Host) -> None:
    """HTTP/1.1 keeps it, `Connection: close` and HTTP/1.0 end it, and the answer says so."""
    assert (await host.talk(get("/a"), get("/b"))).count(b"200 OK") == 2
    closed = await host.talk(get("/a", "Connection: close") + get("/b"))
    assert closed.count(b"200 OK") == 1
    assert b"connection: close" in closed
    assert b"connection: close" in await host.talk(b"GET /a HTTP/1.0\r\n\r\n")


async def test_head_has_a_length_and_no_body(host: Host) -> None:
    """The fields of GET, and nothing after them."""
    said = await host.talk(get("/abc", method="HEAD"))
    assert b"content-length: 4\r\n" in said
    assert said.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("pieces", "status"),
    [
        ([b"GET / HTTP/1.1\r\nHost: t\r\n" + b"X: y\r\n" * 4_000], b" 431 "),
        ([b"GET /" + b"a" * 20_000], b" 431 "),
        ([b"GET / HTTP/1.1\r\nX: " + b"a" * 9_000, b"a" * 9_000], b" 431 "),
        ([get("/", "Content-Length: 200000", method="POST") + b"a" * 200_000], b" 413 "),
        ([get("/", "Transfer-Encoding: chunked", method="POST") + b"1;" + b"x" * 400_000], b" 413 "),
        ([b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"], b" 400 "),
        ([get("/", "Content-Length: 3", "Transfer-Encoding: chunked", method="POST")], b" 400 "),
        ([get("/", "Content-Length: 3", "Content-Length: 4", method="POST")], b" 400 "),
        ([b"GET / HTTP/1.1\r\nHost: t\r\nBad Name : x\r\n\r\n"], b" 400 "),
        ([b"GET / HTTP/1.1\nHost t\n\n"], b" 400 "),
    ],
)
async def test_request_that_is_too_large_or_unclear_is_refused(host: Host, pieces: list[bytes], status: bytes) -> None:
    """Heads and bodies without end, two lengths, other protocols: said once, and hung up."""
    said = await host.talk(*pieces)
    assert said.count(b"HTTP/1.1 ") == 1
    assert status in said.partition(b"\r\n")[0]
    assert host.asked == []


async def test_slow_client_is_hung_up_on(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Headers that trickle hold a place for a while and no longer; so does silence."""
    monkeypatch.setattr(http, "MESSAGE_S", 0.2)
    monkeypatch.setattr(http, "IDLE_S", 0.2)
    said, silence = await asyncio.gather(
        host.talk(b"GET / HT", b"TP/1.1\r\nX: ", b"y", patience=5), host.talk(patience=5)
    )
    assert b" 408 " in said
    assert silence == b""
    assert not host.listener._connections


async def test_room_is_bounded_and_given_back() -> None:
    """One connection more than there is room for is told so; when another leaves there is room again."""
    host = Host(max_connections=2)
    host.port = await host.listener.listen("127.0.0.1", 0)
    held = [await asyncio.open_connection("127.0.0.1", host.port) for _ in range(2)]
    await asyncio.sleep(0.05)
    assert b" 503 " in await host.talk()
    for _, writer in held:
        await hung_up(writer)
    await asyncio.sleep(0.05)
    assert b"200 OK" in await host.talk(get("/a"))
    await host.listener.close()


async def test_fault_of_ours_is_an_answer(host: Host) -> None:
    """A request that breaks us is a 500, and the connection goes on."""
    said = await host.talk(get("/broken"), get("/a"))
    assert said.index(b" 500 ") < said.index(b"200 OK")


async def test_body_is_read_in_pieces_and_chunks(host: Host) -> None:
    """A form comes whole, with or without its length said; a client that asks first is told to go on."""
    plain = await host.talk(get("/p", "Content-Length: 6", method="POST"), b"abc", b"def", pause=0.02)
    assert plain.endswith(b"/pabcdef")
    chunks = get("/p", "Transfer-Encoding: chunked", method="POST") + b"3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"
    assert (await host.talk(chunks)).endswith(b"/pabcdef")
    asks = get("/p", "Content-Length: 1", "Expect: 100-continue", method="POST")
    said = await host.talk(asks, b"a", pause=0.05)
    assert said.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")


async def test_absolute_and_upgrading_requests_are_understood(host: Host) -> None:
    """`GET http://host/path` is the path; an upgrade is ignored, and ends the connection."""
    assert b"/a" in await host.talk(get("http://t.example/a?b=c"))
    assert host.asked[-1].query == b"b=c"
    upgraded = await host.talk(get("/u", "Connection: Upgrade", "Upgrade: h2c"), b"PRI * HTTP/2.0\r\n\r\n")
    assert upgraded.count(b"200 OK") == 1


async def test_visitor_who_hangs_up_hurts_nobody(host: Host) -> None:
    """An answer to a socket that is gone goes nowhere."""
    _, writer = await asyncio.open_connection("127.0.0.1", host.port)
    writer.write(get("/late"))
    await host.is_late.wait()
    writer.transport.abort()
    await hung_up(writer)
    await asyncio.sleep(0.05)
    host.late[0].send(host.answers.plain(200, b"x"))
    assert b"200 OK" in await host.talk(get("/a"))


class _Pipe(asyncio.Transport):
    """The other end of nothing: what is written is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.said = b""
        self._closed = False

    def write(self, data: Any) -> None:
        self.said += bytes(data)

    def close(self) -> None:
        self._closed = True

    def is_closing(self) -> bool:
        return self._closed

    def pause_reading(self) -> None:
        """Nothing is read."""

    def resume_reading(self) -> None:
        """Nothing is read."""


@given(st.lists(st.one_of(st.binary(max_size=60), st.sampled_from([get("/a"), b"GET /x HTTP/1.1\r\n", b"\r\n\r\n"]))))
def test_any_bytes_are_survived(pieces: list[bytes]) -> None:
    """Whatever comes, in whatever pieces: answers or a refusal, and no error of ours."""
    loop = asyncio.new_event_loop()
    try:
        host, pipe = Host(), _Pipe()
        connection = http.Connection(host.listener, loop)
        connection.connection_made(pipe)
        for piece in pieces:
            connection.data_received(piece)
        assert not pipe.said or pipe.said.startswith(b"HTTP/1.1 ")
        connection.connection_lost(None)
    finally:
        loop.close()
