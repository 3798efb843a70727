"""The state machine by itself: it survives any bytes, never takes a letter for taken that was not, and loses none."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sendworker.reply import Reply, ReplyParser, SessionError, capabilities
from sendworker.session import Letter, Loss, Session, Terms
from tests.sendworker.wire import MESSAGE, Basket

TERMS = [
    Terms(),
    Terms(pipelining=True),
    Terms(chunking=True),
    Terms(pipelining=True, chunking=True),
    Terms(pipelining=True, chunking=True, in_flight=4),
]


def session(terms: Terms, letters: int = 3) -> tuple[Session, Basket, bytearray]:
    """A session that may begin, its courier, and what it writes."""
    basket, written = Basket.__new__(Basket), bytearray()
    Basket.__init__(basket)
    for n in range(letters):
        basket.add(f"to{n}@y.example")
    found = Session(basket, written.extend)
    found.terms, found.limit = terms, 100
    found.pump()
    return found, basket, written


@pytest.mark.parametrize("terms", TERMS)
def test_letter_that_the_edge_did_not_let_out_was_never_begun(terms: Terms):
    """Where nothing may be written (the worker's lease is over), the letter goes back as if nobody had taken it up."""
    basket = Basket()
    letter = basket.add()
    found = Session(basket, lambda _: found.fail("the worker's lease has ended"))
    found.terms, found.limit = terms, 100
    found.pump()
    assert basket.losses == [(letter, Loss.UNTRIED, "the worker's lease has ended")]


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
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=6)))
    parser = ReplyParser()
    found: list[Reply] = []
    for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True):
        found += parser.feed(raw[start:end])
    assert [(r.code, r.text) for r in found] == [(code, f"more {text}") for code, text in replies]


@pytest.mark.parametrize(
    ("line", "status"),
    [(b"250 2.1.5 ok", "2.1.5"), (b"250 5.1.1 ok", None), (b"550 5.1.1", "5.1.1"), (b"550 5.1.1234 x", None),
     (b"450 4.2", None), (b"250", None), (b"550 mail for 5.1.1", None)],
)  # fmt: skip
def test_enhanced_status_is_read_where_it_fits_its_code(line: bytes, status: str | None):
    """A status of another class than its reply, or in the wrong place, is none (RFC 2034 4)."""
    (reply,) = ReplyParser().feed(line + b"\r\n")
    assert reply.status == status


def test_capabilities_are_keywords_alone():
    """What the server calls itself, and parameters, are no capability."""
    (reply,) = ReplyParser().feed(b"250-PIPELINING greets you\r\n250-SIZE 1000\r\n250-auth PLAIN LOGIN\r\n250 X\r\n")
    assert capabilities(reply) == {"SIZE": "1000", "AUTH": "PLAIN LOGIN", "X": ""}


class Server:
    """A model of a server that keeps the rules: it reads commands, draws its answers, and knows what it took."""

    def __init__(self, terms: Terms, draw: Callable[[str], bytes | None]) -> None:
        self.terms, self.draw = terms, draw
        self.taken: list[bytes] = []
        self.rest = b""
        self.mail = self.rcpt = b""
        self.in_data = False

    def hear(self, data: bytes) -> tuple[bytes, bool]:
        """The answers to what is complete, and whether the server hangs up."""
        self.rest += data
        out = b""
        while self.rest:
            if self.in_data:
                _raw, found, rest = (b"\r\n" + self.rest).partition(b"\r\n.\r\n")
                if not found:
                    break
                self.rest, self.in_data = rest, False
                answer = self.draw(".") if self.rcpt else b"554 no recipient\r\n"
                if (answer is None or answer[:1] == b"2") and self.rcpt:
                    self.taken.append(self.rcpt)
                self.mail = self.rcpt = b""
            else:
                line, found, rest = self.rest.partition(b"\r\n")
                if not found:
                    break
                if line.startswith(b"BDAT"):
                    size = int(line.split()[1])
                    if len(rest) < size:
                        break
                    rest = rest[size:]
                self.rest = rest
                answer = self._command(line)
            if answer is None:
                return out, True
            out += answer
            if answer.startswith(b"421"):
                return out, True
        return out, False

    def _command(self, line: bytes) -> bytes | None:  # noqa: PLR0911  # a command a line
        verb = line[:4].decode()
        if verb == "RSET":
            self.mail = self.rcpt = b""
            return b"250 ok\r\n"
        if verb == "MAIL":
            if self.mail:
                return b"503 nested\r\n"
            answer = self.draw(verb)
            self.mail = line if answer and answer[:1] == b"2" else b""
            return answer
        if verb == "RCPT":
            if not self.mail:
                return b"503 no sender\r\n"
            answer = self.draw(verb)
            self.rcpt = line[9:-1] if answer and answer[:1] == b"2" else b""
            return answer
        if not self.rcpt:
            return b"503 no recipient\r\n"
        if verb == "BDAT":
            answer = self.draw(".")
            if answer is None or answer[:1] == b"2":
                self.taken.append(self.rcpt)
            if answer and answer[:1] == b"2":
                self.mail = self.rcpt = b""
            return answer
        answer = self.draw("DATA")
        self.in_data = bool(answer and answer.startswith(b"354"))
        return answer


@settings(max_examples=300)
@given(st.sampled_from(TERMS), st.integers(1, 8), st.data())
def test_every_letter_has_one_end_and_it_is_true(terms: Terms, count: int, data: st.DataObject):
    """Against any server that keeps the rules, whatever it answers and however its bytes are cut.

    Each letter ends once; a 2xx is reported exactly for what the server took, and what it may have taken without
    saying so is in doubt, at most as many as may be in flight.
    """

    def draw(verb: str) -> bytes | None:
        good = {"DATA": b"354 go\r\n"}.get(verb, b"250 2.0.0 ok\r\n")
        bad = [b"450 4.7.1 later\r\n", b"550-5.1.1 no\r\n550 5.1.1 really\r\n", b"421 4.7.0 bye\r\n", None]
        return data.draw(st.sampled_from([good] * 8 + bad))

    found, basket, written = session(terms, count)
    letters = [f"to{n}@y.example" for n in range(count)]
    server, hangs_up = Server(terms, draw), False
    while found.broken is None and written and not hangs_up:
        sent, written[:] = bytes(written), b""
        answers, hangs_up = server.hear(sent)
        cut = data.draw(st.integers(0, len(answers)))
        found.receive(answers[:cut])
        found.receive(answers[cut:])
    found.fail("over")
    ended = [letter.recipient for letter, _ in basket.replies] + [letter.recipient for letter, *_ in basket.losses]
    assert Counter(ended + [letter.recipient for letter in basket.letters]) == Counter(letters)
    positive = [letter.recipient for letter, reply in basket.replies if reply.is_positive]
    doubtful = [letter.recipient for letter, loss, _ in basket.losses if loss is Loss.IN_DOUBT]
    taken = [address.decode().strip("<>") for address in server.taken]
    assert set(positive) <= set(taken)
    assert set(taken) <= set(positive) | set(doubtful)
    assert len(taken) == len(set(taken))
    assert len(doubtful) <= terms.in_flight


@pytest.mark.slow
def test_100_000_random_streams_give_no_crash_and_no_wrong_success():
    """Whatever a server sends, each letter ends once, and one is taken only by a 2xx where its verdict was due."""
    chance = random.Random(5)  # noqa: S311
    pieces = [
        b"250 ok\r\n", b"250 2.0.0 ok\r\n", b"354 go\r\n", b"250-a\r\n", b"550 5.1.1 no\r\n", b"421 bye\r\n", b"\r\n",
        b"\n", b"\r", b"2", b"25", b"250", b"250 ", b"999 x\r\n", b"220 hi\r\n", b"451 4.0.0 wait\r\n", b"\x00",
        b"251 x\r\n", b"334 go\r\n",
    ]  # fmt: skip
    for number in range(100_000):
        terms = TERMS[number % len(TERMS)]
        found, basket, written = session(terms, 2)
        stream = b"".join(
            chance.choice(pieces) if chance.random() < 0.9 else chance.randbytes(chance.randrange(8))
            for _ in range(chance.randrange(1, 12))
        )
        cut = chance.randrange(len(stream) + 1)
        found.receive(stream[:cut])
        found.receive(stream[cut:])
        found.fail("over")
        ends = len(basket.replies) + len(basket.losses) + len(basket.letters)
        assert ends == 2, (stream, terms)
        for letter, reply in basket.replies:
            assert not 300 <= reply.code < 400, (stream, terms)
            if reply.is_positive:
                assert _may_be_taken(stream, terms, written, letter), (stream, terms)


def _may_be_taken(stream: bytes, terms: Terms, written: bytearray, letter: Letter) -> bool:
    """An independent count: before a verdict come two 2xx, and in DATA a 354; and all of the message had left."""
    lines = [line for line in stream.split(b"\r\n") if len(line) == 3 or line[3:4] == b" "]
    positive = sum(line[:1] == b"2" for line in lines)
    go_on = any(line.startswith(b"354") for line in lines)
    return positive >= 3 and (terms.chunking or go_on) and bytes(MESSAGE) in written and bool(letter.recipient)
