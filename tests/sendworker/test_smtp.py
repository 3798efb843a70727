"""The SMTP client against scripted servers: strict, pipelined where offered, clear about doubt."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendworker.smtp import Connection, Reply, ReplyParser, SessionError

MESSAGE = b"Subject: x\r\n\r\nbody\r\n"


class Script:
    """A server that answers what it is told, and keeps what it was sent."""

    def __init__(self, answers: dict[str, bytes | None], *, ehlo: bytes = b"250 here\r\n") -> None:
        self.answers = {"EHLO": ehlo, **answers}
        self.heard: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        in_data = False
        try:
            while line := await reader.readline():
                self.heard.append(line)
                if in_data and line != b".\r\n":
                    continue
                verb = "." if in_data else line[:4].decode("ascii", "replace").upper().strip()
                answer = self.answers.get(verb, b"250 ok\r\n")
                if answer is None:
                    return
                in_data = verb == "DATA" and answer.startswith(b"354")
                writer.write(answer)
                await writer.drain()
        finally:
            writer.close()


@asynccontextmanager
async def connected(script: Script) -> AsyncIterator[Connection]:
    server = await asyncio.start_server(script.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    connection = await Connection.open("127.0.0.1", port, helo="client.example")
    try:
        yield connection
    finally:
        connection.abort()
        server.close()
        await server.wait_closed()


DATA = {"DATA": b"354 go on\r\n"}


@pytest.mark.parametrize("ehlo", [b"250 here\r\n", b"250-here\r\n250-PIPELINING\r\n250 8BITMIME\r\n"])
async def test_message_is_handed_over(ehlo: bytes):
    """A message goes over whole, in turn or pipelined, and the reply to its dot is what counts."""
    script = Script({**DATA, ".": b"250 2.0.0 taken\r\n"}, ehlo=ehlo)
    async with connected(script) as connection:
        assert await connection.send("b@x.example", "to@y.example", MESSAGE) == Reply(250, "2.0.0", "2.0.0 taken")
        assert await connection.send("b@x.example", "to@y.example", MESSAGE) == Reply(250, "2.0.0", "2.0.0 taken")
    assert script.heard.count(b".\r\n") == 2
    assert b"RCPT TO:<to@y.example>\r\n" in script.heard


@pytest.mark.parametrize("pipelining", [False, True])
@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", "."])
@pytest.mark.parametrize("code", [b"421 4.7.0", b"451 4.7.1", b"550 5.1.1"])
async def test_refusal_is_a_value(verb: str, code: bytes, *, pipelining: bool):
    """A refusal at any point is a reply, and the session goes on with the next message."""
    ehlo = b"250-here\r\n250 PIPELINING\r\n" if pipelining else b"250 here\r\n"
    script = Script({**DATA, verb: code + b" no\r\n"}, ehlo=ehlo)
    async with connected(script) as connection:
        reply = await connection.send("b@x.example", "to@y.example", MESSAGE)
        assert (reply.code, reply.status) == (int(code[:3]), code[4:].decode())
        assert reply.is_transient == code.startswith(b"4")
        script.answers[verb] = DATA.get(verb, b"250 ok\r\n")
        assert (await connection.send("b@x.example", "to@y.example", MESSAGE)).is_positive


@pytest.mark.parametrize(("verb", "doubt"), [("MAIL", False), ("RCPT", False), ("DATA", False), (".", True)])
async def test_broken_session_says_whether_there_is_doubt(verb: str, doubt: bool):
    """Only after the final dot may a message have been taken by a server that says no more."""
    async with connected(Script({**DATA, verb: None})) as connection:
        with pytest.raises(SessionError) as caught:
            await connection.send("b@x.example", "to@y.example", MESSAGE)
    assert caught.value.in_doubt is doubt


@pytest.mark.parametrize(
    "garbage",
    [
        b"hello\r\n",
        b"99 ok\r\n",
        b"250_ok\r\n",
        b"250-a\r\n251 b\r\n",
        b"x" * 10_000,
        b"250-a\r\n" * 1000,
        b"600 ok\r\n",
    ],
)
async def test_what_is_no_reply_ends_the_session(garbage: bytes):
    """Garbage, endless lines and replies that change their code are never taken for success."""
    async with connected(Script({"MAIL": garbage})) as connection:
        with pytest.raises(SessionError):
            await connection.send("b@x.example", "to@y.example", MESSAGE)
        assert not connection.is_open


async def test_reply_that_nobody_asked_for_ends_the_session():
    """A second reply to one command could be taken for the answer to the next: the session is dropped."""
    async with connected(Script({**DATA, "MAIL": b"250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n"})) as connection:
        with pytest.raises(SessionError):
            await connection.send("b@x.example", "to@y.example", MESSAGE)
        assert not connection.is_open


async def test_worker_without_lease_writes_nothing():
    """A connection whose worker's lease has ended sends no byte more."""
    script = Script({**DATA})
    async with connected(script) as connection:
        connection.may_write = lambda: False
        with pytest.raises(SessionError) as caught:
            await connection.send("b@x.example", "to@y.example", MESSAGE)
        assert caught.value.in_doubt is False
    assert [line for line in script.heard if not line.startswith(b"EHLO")] == []


async def test_nobody_there_is_said():
    """A refused connection is one clear error."""
    with pytest.raises(SessionError, match="no connection to"):
        await Connection.open("127.0.0.1", 1, helo="client.example")


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_parser_survives_any_bytes(chunks: list[bytes]):
    """Random bytes either are replies with codes from 200 to 599, or are refused; nothing else happens."""
    parser = ReplyParser()
    try:
        replies = [reply for chunk in chunks for reply in parser.feed(chunk)]
    except SessionError:
        return
    assert all(200 <= reply.code < 600 for reply in replies)


@given(st.lists(st.tuples(st.integers(200, 599), st.text("abc .", max_size=40)), min_size=1, max_size=5), st.data())
def test_parser_does_not_care_how_bytes_arrive(replies: list[tuple[int, str]], data: st.DataObject):
    """The same replies come out however the stream is cut."""
    raw = b"".join(f"{code}-more\r\n{code} {text}\r\n".encode() for code, text in replies)
    cut = data.draw(st.integers(0, len(raw)))
    parse: Callable[[ReplyParser], list[Reply]] = lambda p: p.feed(raw[:cut]) + p.feed(raw[cut:])  # noqa: E731
    found = parse(ReplyParser())
    assert [(r.code, r.text) for r in found] == [(code, f"more {text}") for code, text in replies]
