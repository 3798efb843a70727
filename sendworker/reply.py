"""A server's replies, parsed strictly (RFC 5321 4.2): what is no reply ends the session, it is never guessed at."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from sillage.errors import TransientError

MAX_REPLY_LINE = 4096
"""Longest reply line that we read: RFC 5321 4.5.3.1.5 says 512, real servers say more."""
MAX_REPLY_LINES = 100
_MAX_TEXT = 2000
_MAX_KEPT = 256

_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])([^\r\n\x00]*))?")
_STATUS = re.compile(r"([245])\.[0-9]{1,3}\.[0-9]{1,3}(?= |$)")


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
    lines: tuple[str, ...] = field(default=(), compare=False)

    @property
    def is_positive(self) -> bool:
        """2xx: done. A 3xx asks for more, and is no success."""
        return 200 <= self.code < 300  # noqa: PLR2004

    @property
    def is_transient(self) -> bool:
        """4xx: put off."""
        return 400 <= self.code < 500  # noqa: PLR2004


class ReplyParser:
    """Bytes to replies, pure. Anything that is no reply as RFC 5321 4.2 writes it is refused."""

    def __init__(self) -> None:
        self._rest = b""
        self._code = b""
        self._lines: list[str] = []
        # Most replies of a session are the same few lines.
        self._kept: dict[bytes, Reply] = {}

    @property
    def is_empty(self) -> bool:
        """Whether nothing of an unfinished reply is held."""
        return not self._rest and not self._lines

    def feed(self, data: bytes) -> list[Reply]:
        """The replies that are complete now.

        Raises: SessionError on anything that is not SMTP.
        """
        lines = (self._rest + data if self._rest else data).split(b"\r\n")
        self._rest = lines.pop()
        if len(self._rest) > MAX_REPLY_LINE:
            raise SessionError("the server sent a line without an end")
        replies: list[Reply] = []
        for line in lines:
            reply = self._kept.get(line) if not self._lines else None
            if reply is None:
                reply = self._line(line)
            if reply is not None:
                replies.append(reply)
        return replies

    def _line(self, line: bytes) -> Reply | None:
        if len(line) > MAX_REPLY_LINE or len(self._lines) >= MAX_REPLY_LINES:
            raise SessionError("the server sent a reply that is too long")
        found = _LINE.fullmatch(line)
        if found is None:
            raise SessionError(f"the server sent {line[:60]!r}, which is no SMTP reply")
        if self._lines and self._code != found[1]:
            raise SessionError("the server changed its code within one reply")
        self._code = found[1]
        self._lines.append((found[3] or b"").decode("utf-8", "replace"))
        if found[2] == b"-":
            return None
        lines, self._lines = self._lines, []
        reply = _reply(int(self._code), lines)
        if len(lines) == 1 and len(self._kept) < _MAX_KEPT:
            self._kept[line] = reply
        return reply


def _reply(code: int, lines: list[str]) -> Reply:
    found = _STATUS.match(lines[-1])
    status = found[0] if found and int(found[1]) == code // 100 else None
    return Reply(code, status, " ".join(lines)[:_MAX_TEXT], tuple(lines))


def capabilities(reply: Reply) -> dict[str, str]:
    """What an EHLO reply offers (RFC 5321 4.1.1.1): keyword in capitals → its parameters. The first line greets."""
    words = (line.split(" ", 1) for line in reply.lines[1:] if line.strip())
    return {word[0].upper(): word[1].strip() if len(word) > 1 else "" for word in words}
