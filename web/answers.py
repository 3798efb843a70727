"""HTTP answers as bytes, ready to be written to a socket (RFC 9110, RFC 9112)."""

from __future__ import annotations

import time
from collections.abc import Iterable
from email.utils import formatdate
from http import HTTPStatus

Fields = Iterable[tuple[bytes, bytes]]

# A transparent picture of one pixel, GIF89a: 43 bytes.
PIXEL = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,"
    b"\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)
NO_STORE = (
    (b"cache-control", b"no-store, no-cache, must-revalidate, private, max-age=0"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-robots-tag", b"noindex, nofollow"),
)
_PLAIN = (
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    *NO_STORE,
)
_STATUS = {code: b"HTTP/1.1 %d %s\r\n" % (code, HTTPStatus(code).phrase.encode()) for code in map(int, HTTPStatus)}
_OWN = {b"content-length", b"date", b"connection", b"transfer-encoding", b"server"}


class Answers:
    """Answers with the date of the moment: RFC 9110 6.6.1 wants one, and a second is fine enough to make it once."""

    def __init__(self) -> None:
        self.tick()

    def tick(self) -> None:
        """Take the date anew; to be called each second."""
        self._date = b"date: %s\r\n" % formatdate(time.time(), usegmt=True).encode()
        fields = _fields(NO_STORE)
        head = _STATUS[200] + self._date + b"content-type: image/gif\r\ncontent-length: 43\r\n" + fields + b"\r\n"
        self.pixel = head + PIXEL
        self.pixel_head = head
        self._redirect = _STATUS[302] + self._date + b"content-length: 0\r\n" + fields + b"location: "

    def redirect(self, location: bytes) -> bytes:
        """A 302 to an address that a header may carry as it is."""
        return self._redirect + location + b"\r\n\r\n"

    def plain(self, status: int, words: bytes, *, has_body: bool = True) -> bytes:
        """A short answer in words; without them for HEAD, which wants to know their length all the same."""
        return self.full(status, _PLAIN, words, has_body=has_body)

    def full(self, status: int, fields: Fields, body: bytes, *, has_body: bool = True) -> bytes:
        """Any answer. Its length, date and connection are ours to say."""
        said = _fields((name, value) for name, value in fields if name.lower() not in _OWN)
        head = b"%s%s%scontent-length: %d\r\n\r\n" % (_STATUS[status], self._date, said, len(body))
        return head + body if has_body else head


def _fields(fields: Fields) -> bytes:
    return b"".join(b"%s: %s\r\n" % field for field in fields)
