"""Handing over messages in an SMTP session: a state machine without sockets, clocks or tasks.

Where the server offers PIPELINING, a message's bytes and the next one's MAIL, RCPT and DATA leave in one write
(RFC 2920 3.1 allows exactly that), so a message costs one round trip; where it offers CHUNKING too, envelope and
message leave together. In both, the bytes of the next message wait for the reply to this one: one message per
connection is in doubt at most, unless the relay's owner allows more in flight.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Protocol

from sendworker.reply import Reply, ReplyParser, SessionError

_ADDRESS = re.compile(r"[^\x00-\x20\x7f<>]*")
_DOT = b".\r\n"
_CLOSING = 421
_GO_ON = 354


@dataclass(slots=True)
class Letter:
    """A message to hand over. `message` has CRLF line ends, its last one too, and no line that starts with a dot."""

    sender: str
    recipient: str
    message: bytes
    tag: Any = None


class Loss(Enum):
    """How far a letter was when its session broke."""

    UNTRIED = auto()
    """The server said nothing about it, and it has not left: as if it had never been begun."""
    BROKEN = auto()
    """It was begun and not taken."""
    IN_DOUBT = auto()
    """All of it had left: it may have been taken."""


class Courier(Protocol):
    """Who gives a session its letters and is told what became of them."""

    def next_letter(self) -> Letter | None:
        """The next letter to hand over, if there is one now."""

    def replied(self, letter: Letter, reply: Reply) -> None:
        """The server decided about a letter."""

    def lost(self, letter: Letter, loss: Loss, why: str) -> None:
        """The session broke before the server decided."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a server offers (from its EHLO), and what we make of it."""

    pipelining: bool = False
    chunking: bool = False
    smtputf8: bool = False
    eightbit: bool = False
    size: int | None = None
    """Largest message that it takes, in octets (RFC 1870); None where it doesn't say."""
    in_flight: int = 1
    """Messages at once whose bytes have left unanswered; above 1 with CHUNKING only."""

    @classmethod
    def of(cls, offered: dict[str, str], *, in_flight: int = 1, chunking: bool = True) -> Terms:
        """The terms of an EHLO reply."""
        size = offered.get("SIZE", "")
        return cls(
            pipelining="PIPELINING" in offered,
            chunking=chunking and "CHUNKING" in offered,
            smtputf8="SMTPUTF8" in offered,
            eightbit="8BITMIME" in offered,
            size=int(size) if size.isascii() and size.isdigit() and int(size[:12]) > 0 else None,
            in_flight=in_flight,
        )


class _Stage(Enum):
    COMMAND = auto()
    MAIL = auto()
    RCPT = auto()
    DATA = auto()
    END = auto()


class _Transaction:
    """One letter on its way."""

    __slots__ = ("answered", "has_left", "is_ahead", "is_begun", "letter", "refusal")

    def __init__(self, letter: Letter, *, is_ahead: bool) -> None:
        self.letter = letter
        self.refusal: Reply | None = None
        self.has_left = False
        self.is_ahead = is_ahead
        self.answered = False
        self.is_begun = False
        """Its MAIL has left. The edge may refuse to write (the worker's lease is over), and ends the session then."""


class Session:
    """One session. `receive` what the server says; `write` is called with what to say."""

    def __init__(self, courier: Courier, write: Callable[[bytes], None]) -> None:
        self.terms = Terms()
        self.messages = 0
        """Letters begun in this session."""
        self.limit = 0
        """Letters to begin at most; 0 until the session is ready for any."""
        self.broken: str | None = None
        self.is_blocked = False
        """The kernel takes no more bytes for now: no letter is begun."""
        self._courier = courier
        self._write = write
        self._parser = ReplyParser()
        self._expected: deque[tuple[_Stage, _Transaction | Callable[[Reply], None]]] = deque()
        self._open: deque[_Transaction] = deque()
        self._needs_reset = False
        self._is_closing = False
        self._tail = b""
        self._is_pumping = False

    # --- what the edge calls

    def receive(self, data: bytes) -> None:
        """Take what the server sent. Anything that is no reply to something asked breaks the session."""
        if self.broken is not None:
            return
        try:
            replies = self._parser.feed(data)
        except SessionError as exc:
            self.fail(str(exc))
            return
        for reply in replies:
            if self.broken is not None:
                return
            if not self._expected:
                # An answer that nobody asked for may be meant for the next command: the session is lost.
                closes = reply.code == _CLOSING
                self.fail(f"the server closes: {reply.text}" if closes else "the server sent a reply unasked")
                return
            stage, of = self._expected.popleft()
            if reply.code == _CLOSING:
                self._is_closing = True
            if isinstance(of, _Transaction):
                self._advance(stage, of, reply)
            else:
                of(reply)
        if self.broken is None:
            if self._is_closing:
                self.fail("the server closes the session")
            else:
                self.pump()

    def command(self, line: bytes, answer: Callable[[Reply], None]) -> None:
        """Say something; `answer` is called with the reply."""
        self._expected.append((_Stage.COMMAND, answer))
        if line:
            self._write(line)

    def fail(self, why: str) -> None:
        """The session is over: every letter on its way is told how far it was."""
        if self.broken is not None:
            return
        self.broken = why
        self._expected.clear()
        lost, self._open = self._open, deque()
        for transaction in lost:
            refusal = transaction.refusal
            if refusal is not None:
                self._courier.replied(transaction.letter, refusal)
            elif transaction.has_left:
                self._courier.lost(transaction.letter, Loss.IN_DOUBT, why)
            elif not transaction.answered and (transaction.is_ahead or not transaction.is_begun):
                self._courier.lost(transaction.letter, Loss.UNTRIED, why)
            else:
                self._courier.lost(transaction.letter, Loss.BROKEN, why)

    def unblocked(self) -> None:
        """All that was written has left."""
        self.is_blocked = False
        if self._tail and self.broken is None:
            tail, self._tail = self._tail, b""
            self._end(tail)
        self.pump()

    @property
    def is_idle(self) -> bool:
        """Nothing is expected of the server, and nothing of ours waits to leave."""
        return not self._expected and not self._tail and self.broken is None

    @property
    def is_clean(self) -> bool:
        """Not a byte of the server's is held: what STARTTLS demands of the moment before it (RFC 3207 4.2)."""
        return self._parser.is_empty and not self._expected

    @property
    def awaits_end(self) -> bool:
        """Whether the next reply is to a whole message, which takes servers longer."""
        return bool(self._expected) and self._expected[0][0] is _Stage.END

    def pump(self) -> None:
        """Begin what may be begun now."""
        if self._is_pumping:
            return
        self._is_pumping = True
        try:
            while self._may_begin():
                letter = self._courier.next_letter()
                if letter is None:
                    break
                self._begin(letter)
        finally:
            self._is_pumping = False

    # --- beginning

    def _may_begin(self) -> bool:
        if self.broken is not None or self.is_blocked or self._is_closing or self._tail:
            return False
        if self.messages >= self.limit:
            return False
        if self.terms.chunking and self.terms.pipelining:
            return len(self._open) < self.terms.in_flight
        return not self._open

    def _begin(self, letter: Letter) -> None:
        envelope = self._admit(letter)
        if envelope is None:
            return
        transaction = _Transaction(letter, is_ahead=bool(self._open))
        self._open.append(transaction)
        if self.terms.pipelining and self.terms.chunking:
            self._expect(_Stage.MAIL, _Stage.RCPT, _Stage.END, of=transaction)
            self._write(b"%bBDAT %d LAST\r\n%b" % (envelope, len(letter.message), letter.message))
            transaction.is_begun = transaction.has_left = True
        elif self.terms.pipelining:
            self._expect(_Stage.MAIL, _Stage.RCPT, _Stage.DATA, of=transaction)
            self._write(envelope + b"DATA\r\n")
            transaction.is_begun = True
        elif self._needs_reset:
            self._needs_reset = False
            self._write_mail(envelope, transaction, first=b"RSET\r\n")
        else:
            self._write_mail(envelope, transaction)

    def _write_mail(self, envelope: bytes, transaction: _Transaction, *, first: bytes = b"") -> None:
        """MAIL alone, behind the reply to what must be said before it."""

        def go_on(_reply: Reply | None = None) -> None:
            self._expect(_Stage.MAIL, of=transaction)
            self._write(envelope.partition(b"\r\n")[0] + b"\r\n")
            transaction.is_begun = True

        if first:
            self.command(first, go_on)
        else:
            go_on()

    def _ahead(self) -> bytes:
        """The next letter's envelope, to leave behind the bytes of this one; empty where there is none."""
        if not self.terms.pipelining or self.terms.chunking or self._is_closing or self.messages >= self.limit:
            return b""
        while (letter := self._courier.next_letter()) is not None:
            envelope = self._admit(letter)
            if envelope is not None:
                transaction = _Transaction(letter, is_ahead=True)
                self._open.append(transaction)
                self._expect(_Stage.MAIL, _Stage.RCPT, _Stage.DATA, of=transaction)
                return envelope + b"DATA\r\n"
        return b""

    def _admit(self, letter: Letter) -> bytes | None:
        """MAIL and RCPT for a letter; None where this server can't take it at all, which is said at once."""
        terms, parameters = self.terms, ""
        if not (_ADDRESS.fullmatch(letter.sender) and _ADDRESS.fullmatch(letter.recipient)):
            self._courier.replied(letter, Reply(553, "5.1.3", "the address holds what no address may hold"))
            return None
        if terms.size is not None:
            if len(letter.message) > terms.size:
                text = f"the server takes {terms.size:,} octets, the message has {len(letter.message):,}"
                self._courier.replied(letter, Reply(552, "5.3.4", text))
                return None
            parameters = f" SIZE={len(letter.message)}"
        if not letter.message.isascii():
            if not terms.eightbit:
                self._courier.replied(letter, Reply(554, "5.6.3", "the server takes 7-bit messages only"))
                return None
            parameters += " BODY=8BITMIME"
        if not (letter.recipient.isascii() and letter.sender.isascii()):
            if not terms.smtputf8:
                self._courier.replied(letter, Reply(553, "5.6.7", "the server takes no addresses outside ASCII"))
                return None
            parameters += " SMTPUTF8"
        self.messages += 1
        reset = b""
        # With several in flight a refused one would stand in the way of those behind it: each begins anew.
        if terms.pipelining and (self._needs_reset or terms.in_flight > 1):
            self._needs_reset = False
            self._expected.append((_Stage.COMMAND, _ignore))
            reset = b"RSET\r\n"
        return reset + f"MAIL FROM:<{letter.sender}>{parameters}\r\nRCPT TO:<{letter.recipient}>\r\n".encode()

    def _expect(self, *stages: _Stage, of: _Transaction) -> None:
        self._expected.extend([(stage, of) for stage in stages])

    # --- going on

    def _advance(self, stage: _Stage, transaction: _Transaction, reply: Reply) -> None:
        transaction.answered = True
        if stage is _Stage.END:
            self._decide(transaction, reply)
        elif stage is _Stage.DATA:
            self._data(transaction, reply)
        elif reply.code < 400 and not reply.is_positive:  # noqa: PLR2004
            self.fail(f"the server answers {stage.name} with {reply.code}")
        else:
            if not reply.is_positive and transaction.refusal is None:
                transaction.refusal = reply
            if not self.terms.pipelining:
                self._in_turn(stage, transaction)

    def _in_turn(self, stage: _Stage, transaction: _Transaction) -> None:
        letter = transaction.letter
        if transaction.refusal is not None:
            self._decide(transaction, transaction.refusal)
        elif stage is _Stage.MAIL:
            self._expect(_Stage.RCPT, of=transaction)
            self._write(f"RCPT TO:<{letter.recipient}>\r\n".encode())
        elif self.terms.chunking:
            self._expect(_Stage.END, of=transaction)
            self._write(b"BDAT %d LAST\r\n%b" % (len(letter.message), letter.message))
            transaction.has_left = True
        else:
            self._expect(_Stage.DATA, of=transaction)
            self._write(b"DATA\r\n")

    def _data(self, transaction: _Transaction, reply: Reply) -> None:
        if reply.code != _GO_ON:
            if reply.is_positive:
                # 2xx to DATA is no reply that the protocol knows: whatever it means, nothing was taken.
                self.fail(f"the server answers DATA with {reply.code}")
                return
            self._decide(transaction, transaction.refusal or reply)
            return
        if transaction.refusal is not None:
            # The server waits for a message that has no recipient; ending it empty is RFC 2920's way out.
            self._expect(_Stage.END, of=transaction)
            self._write(_DOT)
            return
        message = transaction.letter.message
        if len(message) > _APART:
            # Until the dot is written the server can't take the message: a break before it leaves no doubt.
            self._write(message)
            self._tail = _DOT
            if not self.is_blocked:
                self._tail = b""
                self._end(_DOT)
            return
        self._end(message + (_DOT if message.endswith(b"\r\n") else b"\r\n" + _DOT))

    def _end(self, last: bytes) -> None:
        """Write the last of a message, with the envelope of the next behind it."""
        transaction = self._open[0]
        self._expect(_Stage.END, of=transaction)
        self._write(last + self._ahead())
        transaction.has_left = True

    def _decide(self, transaction: _Transaction, reply: Reply) -> None:
        self._open.remove(transaction)
        refusal = transaction.refusal
        if refusal is None and not reply.is_positive:
            refusal = reply
        if refusal is not None:
            # The end of DATA ends its transaction by itself, whatever the server thinks of the message.
            self._needs_reset |= self.terms.chunking or not transaction.has_left
            if refusal.code < 400:  # noqa: PLR2004
                # A 3xx where a verdict was due: neither taken nor refused, and what comes next can't be told.
                self._open.appendleft(transaction)
                transaction.refusal = None
                self.fail(f"the server answers {refusal.code} where only yes or no is an answer")
                return
            self._courier.replied(transaction.letter, refusal)
            return
        self._courier.replied(transaction.letter, reply)


_APART = 64 * 1024
"""A message longer than this leaves in two writes, its final dot when all before has left."""


def _ignore(_reply: Reply) -> None:
    """RSET can't fail in a way that matters: the next MAIL would say so."""
