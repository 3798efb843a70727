"""Connections against scripted servers: every way to hand over, TLS that is what it says, log-in, patience, doubt."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
from pathlib import Path

import pytest
from pydantic import SecretStr

from sendworker.reply import Reply, SessionError
from sendworker.session import Loss
from sendworker.smtp import Connection, Hop, Tls
from tests.sendworker.wire import MESSAGE, PATIENCE, Basket, Script, certificate, connected, server_context, serving

WAYS = {
    "in turn": b"250 here\r\n",
    "pipelined": b"250-here\r\n250-PIPELINING\r\n250 8BITMIME\r\n",
    "chunked": b"250-here\r\n250-PIPELINING\r\n250 CHUNKING\r\n",
    "chunked in turn": b"250-here\r\n250 CHUNKING\r\n",
}
ways = pytest.mark.parametrize("ehlo", WAYS.values(), ids=WAYS.keys())


@ways
async def test_messages_are_handed_over(ehlo: bytes):
    """Messages go over whole, one after the other, and the reply to the end of each is what counts."""
    script, basket = Script({"BDAT": b"250 2.0.0 taken\r\n"}, ehlo=ehlo), Basket()
    for n in range(5):
        basket.add(f"to{n}@y.example")
    async with connected(script, basket):
        await basket.settled(5)
    assert {reply for _, reply in basket.replies} == {Reply(250, "2.0.0", "2.0.0 taken")}
    assert script.said(b"RCPT") == [b"RCPT TO:<to%d@y.example>\r\n" % n for n in range(5)]
    assert b"".join(script.heard).count(b"body\r\n") == 5


async def test_pipelined_message_costs_one_round_trip():
    """The envelope of the next message leaves with the bytes of this one, and its bytes wait for the verdict."""
    script, basket = Script(ehlo=WAYS["pipelined"]), Basket()
    first, second = basket.add("one@y.example"), basket.add("two@y.example")
    script.gate = asyncio.Event()
    async with connected(script, basket):
        while basket.letters:  # noqa: ASYNC110  # a deque sends no event
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        assert script.heard.count(b".\r\n") == 1, "the second message waits for the verdict on the first"
        assert not basket.replies
    script.gate.set()
    assert [(letter, loss) for letter, loss, _ in basket.losses] == [(first, Loss.IN_DOUBT), (second, Loss.UNTRIED)]


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", "."])
@pytest.mark.parametrize("code", [b"451 4.7.1", b"550 5.1.1"])
@pytest.mark.parametrize("ehlo", [WAYS["in turn"], WAYS["pipelined"]], ids=["in turn", "pipelined"])
async def test_refusal_is_a_value(verb: str, code: bytes, ehlo: bytes):
    """A refusal at any point is a reply about that letter, and the session goes on with the next."""
    script, basket = Script({verb: code + b" no\r\n"}, ehlo=ehlo), Basket()
    basket.add()
    async with connected(script, basket) as connection:
        await basket.settled(1)
        _, reply = basket.replies[0]
        assert (reply.code, reply.status) == (int(code[:3]), code[4:].decode())
        assert reply.is_transient == code.startswith(b"4")
        script.answers[verb] = {"DATA": b"354 go on\r\n"}.get(verb, b"250 ok\r\n")
        basket.add()
        connection.pump()
        await basket.settled(2)
    assert basket.replies[1][1].is_positive


@ways
async def test_421_ends_the_session_and_is_the_verdict(ehlo: bytes):
    """A server that closes says so to one letter; nothing more is sent to it."""
    script, basket = Script({"RCPT": b"421 4.7.0 slow down\r\n"}, ehlo=ehlo), Basket()
    letter = basket.add()
    async with connected(script, basket) as connection:
        await basket.settled(1)
        assert not connection.is_open
    assert [(of, reply.code) for of, reply in basket.replies] == [(letter, 421)]


@pytest.mark.parametrize(
    ("ehlo", "verb", "loss"),
    [
        (WAYS["in turn"], "MAIL", Loss.BROKEN),
        (WAYS["in turn"], "RCPT", Loss.BROKEN),
        (WAYS["in turn"], "DATA", Loss.BROKEN),
        (WAYS["in turn"], ".", Loss.IN_DOUBT),
        (WAYS["pipelined"], "DATA", Loss.BROKEN),
        (WAYS["pipelined"], ".", Loss.IN_DOUBT),
        (WAYS["chunked"], "BDAT", Loss.IN_DOUBT),
        (WAYS["chunked in turn"], "RCPT", Loss.BROKEN),
    ],
)
async def test_broken_session_says_whether_there_is_doubt(ehlo: bytes, verb: str, loss: Loss):
    """Only after the whole message has left may it have been taken by a server that says no more."""
    basket = Basket()
    basket.add()
    async with connected(Script({verb: None}, ehlo=ehlo), basket):
        await basket.settled(1)
    assert [found for _, found, _ in basket.losses] == [loss]


async def test_long_message_leaves_its_dot_apart():
    """A message longer than the buffers is taken whole, and its dot follows when all before has left."""
    basket = Basket()
    basket.add(message=MESSAGE + b"\r\n".join([b"y" * 76] * 60_000) + b"\r\n")
    basket.add()
    script = Script(ehlo=WAYS["pipelined"])
    async with connected(script, basket):
        await basket.settled(2)
    assert all(reply.is_positive for _, reply in basket.replies)
    assert script.heard.count(b"y" * 76 + b"\r\n") == 60_000


async def test_bdat_with_several_in_flight_keeps_verdicts_apart():
    """With more in flight each letter gets its own verdict, refused ones among them, and each begins anew."""
    script = Script({"BDAT": b"250 2.0.0 taken\r\n"}, ehlo=WAYS["chunked"])
    basket = Basket()
    letters = [basket.add(f"to{n}@y.example") for n in range(20)]
    async with connected(script, basket, in_flight=4):
        await basket.settled(20)
    assert [of for of, _ in basket.replies] == letters
    assert len(script.said(b"RSET")) == 20


@pytest.mark.parametrize(
    "garbage",
    [b"hello\r\n", b"99 ok\r\n", b"250_ok\r\n", b"250-a\r\n251 b\r\n", b"x" * 10_000, b"250-a\r\n" * 1000,
     b"600 ok\r\n", b"250 a\n250 b\r\n", b"250 a\rb\r\n", b"250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n"],
)  # fmt: skip
async def test_what_is_no_reply_ends_the_session(garbage: bytes):
    """Garbage, bare line ends, endless lines, replies unasked and changed codes are never taken for success."""
    basket = Basket()
    basket.add()
    async with connected(Script({"MAIL": garbage}), basket) as connection:
        await basket.settled(1)
        assert not connection.is_open
    assert [loss for _, loss, _ in basket.losses] == [Loss.BROKEN]


async def test_worker_without_lease_writes_nothing():
    """A connection whose worker's lease has ended sends no byte more, and its letter was never begun."""
    script, basket = Script(), Basket()
    async with connected(script, basket) as connection:
        connection.may_write = lambda: False
        basket.add()
        connection.pump()
        await basket.settled(1)
    assert [loss for _, loss, _ in basket.losses] == [Loss.UNTRIED]
    assert [line for line in script.heard if not line.startswith(b"EHLO")] == []


async def test_session_that_breaks_before_it_is_used_is_no_connection():
    """A server that closes right behind its EHLO is not taken for open: it would hold its place for minutes."""
    with pytest.raises(SessionError, match="the server closes: bye"):
        async with connected(Script(ehlo=b"250 here\r\n421 bye\r\n"), Basket()):
            pass


async def test_certificates_that_are_not_there_are_said():
    """A file of certificates that is missing is one clear error and no crash of the lane."""
    script = Script()
    hop = Hop("127.0.0.1", script.port, "client.example", tls=Tls.IMPLICIT, ca_file="/nowhere.pem")
    with pytest.raises(SessionError, match=r"/nowhere\.pem can't be used"):
        await Connection.open(hop, Basket())


async def test_nobody_there_is_said():
    """A refused connection is one clear error."""
    with pytest.raises(SessionError, match="no connection to"):
        await Connection.open(Hop("127.0.0.1", 1, "client.example"), Basket())


@pytest.mark.parametrize(("verb", "said"), [("MAIL", "no answer within"), (".", "no answer within")])
async def test_server_that_hangs_is_left(verb: str, said: str):
    """A server that says nothing more is left after its time, with doubt only where the message had gone."""
    patience = dataclasses.replace(PATIENCE, command=0.2, end=0.2)
    basket = Basket()
    basket.add()
    async with connected(Script({verb: b""}), basket, patience=patience):
        await basket.settled(1)
    ((_, loss, why),) = basket.losses
    assert said in why
    assert loss is (Loss.IN_DOUBT if verb == "." else Loss.BROKEN)


async def test_connection_ends_at_its_limit_and_when_idle():
    """After its share of messages, or some time without any, a connection says QUIT."""
    script, basket = Script(), Basket()
    for _ in range(5):
        basket.add()
    async with connected(script, basket, limit=3):
        await basket.settled(3)
        await asyncio.sleep(0.1)
        assert len(basket.letters) == 2
        assert script.said(b"QUIT")
    script = Script()
    async with connected(script, Basket(), patience=dataclasses.replace(PATIENCE, idle=0.1)) as connection:
        await asyncio.sleep(0.5)
        assert not connection.is_open
    assert script.said(b"QUIT")


@pytest.mark.parametrize(
    ("recipient", "message", "ehlo", "status"),
    [
        ("zoé@y.example", MESSAGE, WAYS["in turn"], "5.6.7"),
        ("to@y.example", b"x" * 200 + b"\r\n", b"250-here\r\n250 SIZE 100\r\n", "5.3.4"),
        ("to@y.example", "é\r\n".encode(), WAYS["in turn"], "5.6.3"),
        ("a>\r\nRCPT TO:<b@y.example", MESSAGE, WAYS["in turn"], "5.1.3"),
        ("a b@y.example", MESSAGE, WAYS["in turn"], "5.1.3"),
    ],
)
async def test_what_a_server_can_not_take_is_not_begun(recipient: str, message: bytes, ehlo: bytes, status: str):
    """Addresses and messages outside what was offered are refused here, and nothing of them is written."""
    script, basket = Script(ehlo=ehlo), Basket()
    basket.add(recipient, message)
    async with connected(script, basket):
        await basket.settled(1)
    assert basket.replies[0][1].status == status
    assert not script.said(b"MAIL")


async def test_smtputf8_is_asked_for_where_it_is_needed():
    """An address outside ASCII goes to a server that takes it, and says so in MAIL."""
    script, basket = Script(ehlo=b"250-here\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"), Basket()
    basket.add("zoé@y.example", "To: zoé@y.example\r\n\r\nx\r\n".encode())
    async with connected(script, basket):
        await basket.settled(1)
    assert basket.replies[0][1].is_positive
    assert script.said(b"MAIL") == [b"MAIL FROM:<b@x.example> BODY=8BITMIME SMTPUTF8\r\n"]


# --- TLS


@pytest.mark.parametrize("tls", [Tls.STARTTLS, Tls.IMPLICIT, Tls.OPPORTUNISTIC])
async def test_mail_goes_through_tls(tls: Tls, tmp_path: Path):
    """With a certificate that is right, mail goes through TLS; what was offered before it is asked again."""
    path = certificate(tmp_path)
    context = server_context(path)
    script, basket = Script({"STAR": b"220 go\r\n"}, ehlo=b"250-here\r\n250 STARTTLS\r\n"), Basket()
    script.tls = context
    basket.add()
    async with serving(script, context=context if tls is Tls.IMPLICIT else None):
        hop = Hop("127.0.0.1", script.port, "c.example", tls=tls, ca_file=str(path), patience=PATIENCE)
        connection = await Connection.open(hop, basket)
        await basket.settled(1)
        connection.abort()
    assert basket.replies[0][1].is_positive
    assert len(script.said(b"EHLO")) == (1 if tls is Tls.IMPLICIT else 2)


@pytest.mark.parametrize("tls", [Tls.STARTTLS, Tls.IMPLICIT])
@pytest.mark.parametrize("fault", ["unknown", "other name"])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_wrong_certificate_is_refused(tls: Tls, fault: str, tmp_path: Path):
    """A certificate that nobody vouches for, or of another name, ends it before anything is said."""
    path = certificate(tmp_path, "localhost" if fault == "unknown" else "elsewhere.example")
    trusted = str(path) if fault == "other name" else str(certificate(tmp_path, "third.example"))
    context = server_context(path)
    script, basket = Script({"STAR": b"220 go\r\n"}, ehlo=b"250-here\r\n250 STARTTLS\r\n"), Basket()
    script.tls = context
    basket.add()
    async with serving(script, context=context if tls is Tls.IMPLICIT else None):
        hop = Hop("127.0.0.1", script.port, "c.example", tls=tls, ca_file=trusted, patience=PATIENCE)
        with pytest.raises(SessionError, match="can't be trusted"):
            await Connection.open(hop, basket)
    assert not script.said(b"MAIL")
    assert len(basket.letters) == 1


async def test_starttls_that_is_not_offered_is_not_done_without():
    """Where TLS is demanded and not offered (or taken out of the offer), nothing is sent in clear."""
    script = Script()
    async with serving(script):
        hop = Hop("127.0.0.1", script.port, "c.example", tls=Tls.STARTTLS, patience=PATIENCE)
        with pytest.raises(SessionError, match="offers no STARTTLS"):
            await Connection.open(hop, Basket())


@pytest.mark.parametrize("injected", [b"220 go\r\n250 injected\r\n", b"220 go\r\n250-half"])
async def test_words_slipped_in_before_tls_drop_the_session(injected: bytes):
    """Anything behind the answer to STARTTLS was put there by somebody in between: the session is dropped."""
    script = Script({"STAR": injected}, ehlo=b"250-here\r\n250 STARTTLS\r\n")
    async with serving(script):
        hop = Hop("127.0.0.1", script.port, "c.example", tls=Tls.STARTTLS, patience=PATIENCE)
        with pytest.raises(SessionError):
            await Connection.open(hop, Basket())
    assert len(script.said(b"EHLO")) == 1


# --- AUTH


@pytest.mark.parametrize("way", ["PLAIN", "LOGIN"])
async def test_log_in(way: str):
    """The user and the password go over as the server asks for them; a refused log-in is an error with its name."""
    ehlo = f"250-here\r\n250 AUTH {way}\r\n".encode()
    secrets = [base64.b64encode(text).decode() for text in (b"user", b"pass")]
    steps = {"AUTH": b"334 VXNlcm5hbWU6\r\n", secrets[0][:4].upper(): b"334 UGFzc3dvcmQ6\r\n",
             secrets[1][:4].upper(): b"235 ok\r\n"} if way == "LOGIN" else {"AUTH": b"235 ok\r\n"}  # fmt: skip
    script = Script(dict(steps), ehlo=ehlo)
    login = {"user": "user", "password": SecretStr("pass")}
    async with connected(script, Basket(), **login):
        pass
    sent = b"".join(script.heard)
    expected = [base64.b64encode(b"\0user\0pass").decode()] if way == "PLAIN" else secrets
    assert all(text.encode() in sent for text in expected)
    script.answers["AUTH"] = b"535 5.7.8 no\r\n"
    async with serving(script):
        hop = Hop("127.0.0.1", script.port, "c.example", patience=PATIENCE, **login)  # type: ignore[arg-type]
        with pytest.raises(SessionError, match="refuses the log-in of 'user': 535") as caught:
            await Connection.open(hop, Basket())
    assert "pass" not in str(caught.value)


async def test_password_does_not_travel_in_clear():
    """To any machine but this one no password is sent without TLS."""
    script = Script(ehlo=b"250-here\r\n250 AUTH PLAIN\r\n")
    async with serving(script):
        hop = Hop("127.0.0.2", script.port, "c.example", user="user", password=SecretStr("pass"), patience=PATIENCE)
        server = await asyncio.start_server(script.serve, "127.0.0.2", script.port)
        with pytest.raises(SessionError, match="not secured by TLS"):
            await Connection.open(hop, Basket())
        server.close()
    assert not script.said(b"AUTH")
