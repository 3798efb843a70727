"""Asking the outside: public addresses only, however they are spelt, and the connection goes to the one looked at.

A name is resolved once and every address that it has must be public; the socket goes to one of those very addresses, so
that a name which answers differently a moment later (rebinding) reaches nothing. A redirect is looked at like an
address that somebody typed.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
import time
import zlib
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

import idna

from sillage.errors import BadInput, TransientError

MAX_URL = 2000
MAX_REDIRECTS = 5
TIMEOUT_S = 10.0
WHOLE_S = 30.0
"""For an answer as a whole: a server that sends a byte a second must not hold us."""
_CHUNK = 65_536
_SAFE = "!$%&'()*+,/:;=?@[]~-._"
_MOVED = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Place:
    """An address, looked at."""

    scheme: str
    host: str
    port: int
    path: str
    address: str
    """The address that the connection goes to."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `url` is where the redirects ended; `is_cut` where there was more than was asked for."""

    url: str
    status: int
    type: str
    content: bytes
    is_cut: bool = False


def look_at(url: str, *, what: str, code: str, needs_tls: bool, may_be_private: bool) -> Place:
    """Where an address leads.

    Raises: BadInput where it may not be asked; TransientError where its name has no address now.
    """

    def refused(why: str) -> BadInput:
        return BadInput(f"{what} {url[:100]!r}: {why}", code=code, field="url")

    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as exc:
        raise refused("its port or its host can't be read") from exc
    if len(url) > MAX_URL or not url.isascii() or any(c.isspace() or ord(c) < 32 for c in url):  # noqa: PLR2004
        raise refused("it holds signs that no address has")
    if parts.username is not None or not parts.hostname:
        raise refused("write https://host/path, without a user in it")
    if parts.scheme != "https" and not (parts.scheme == "http" and (may_be_private or not needs_tls)):
        raise refused("it must begin with https://" if needs_tls else "it must begin with http:// or https://")
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as exc:
        raise TransientError(f"{what} {parts.hostname}: no address found ({exc})") from exc
    addresses = [str(entry[4][0]) for entry in found]
    if not may_be_private and not all(map(is_public, addresses)):
        raise refused("it leads to a private, loopback or reserved address")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(parts.scheme, parts.hostname, port, path, addresses[0])


def as_ascii(url: str) -> str:
    """An address as it travels: the host in A-labels, the rest percent-encoded; one that can't be read is as it is."""
    if url.isascii():
        return url
    try:
        parts = urlsplit(url)
        host = idna.encode(parts.hostname or "", uts46=True).decode("ascii")
        port = f":{parts.port}" if parts.port else ""
    except (ValueError, idna.IDNAError):
        return url
    if "@" in parts.netloc:
        return url
    path, query = (quote(part, safe=_SAFE) for part in (parts.path, parts.query))
    return urlunsplit((parts.scheme, host + port, path, query, ""))


def is_public(text: str) -> bool:
    """Whether an address is one of the public Internet, whatever it is wrapped in."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is not None:
            return is_public(str(inner))
        if address in ipaddress.ip_network("64:ff9b::/96"):
            return is_public(str(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)))
    return address.is_global and not address.is_multicast and not address.is_reserved


class Pinned(http.client.HTTPConnection):
    """A connection to the address that was looked at, whatever its name says now."""

    def __init__(self, place: Place, timeout: float = TIMEOUT_S) -> None:
        super().__init__(place.host, place.port, timeout=timeout)
        self._place = place
        self._timeout = timeout

    def connect(self) -> None:
        """Go to the very address, and ask for the name's certificate."""
        self.sock = socket.create_connection((self._place.address, self._place.port), self._timeout)
        if self._place.scheme == "https":
            self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self._place.host)


def ask(
    url: str, *, what: str = "the address", most: int, method: str = "GET", may_be_private: bool = False,
    timeout: float = TIMEOUT_S,
) -> Answer:  # fmt: skip
    """Fetch an address, following redirects to where they may go; no more than `most` bytes are read.

    Raises: BadInput where it may not be asked or moves without end; TransientError where it does not answer.
    """
    url = as_ascii(url)
    until = time.monotonic() + WHOLE_S
    for _ in range(MAX_REDIRECTS + 1):
        place = look_at(url, what=what, code="bad_address", needs_tls=False, may_be_private=may_be_private)
        connection = Pinned(place, timeout)
        clock = threading.Timer(max(0.1, until - time.monotonic()), _hang_up, [connection])
        clock.start()
        try:
            headers = {"User-Agent": "Sillage", "Accept": "*/*", "Accept-Encoding": "gzip", "Connection": "close"}
            connection.request(method, place.path, headers=headers)
            answer = connection.getresponse()
            location = answer.getheader("location")
            if answer.status in _MOVED and location:
                url = as_ascii(urljoin(url, location).partition("#")[0])
                continue
            content, is_cut = (b"", False) if method == "HEAD" else _read(answer, most, until)
        except (OSError, http.client.HTTPException, ValueError) as exc:
            raise TransientError(f"{what} {place.host} does not answer: {exc}") from exc
        finally:
            clock.cancel()
            connection.close()
        return Answer(url, answer.status, answer.getheader("content-type") or "", content, is_cut)
    raise BadInput(f"{what} {url[:100]!r} leads on and on", code="bad_address", field="url")


def _hang_up(connection: http.client.HTTPConnection) -> None:
    """End a connection that another thread waits at: even its headers may come a byte at a time."""
    if connection.sock is not None:
        with suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)


def _read(answer: http.client.HTTPResponse, most: int, until: float) -> tuple[bytes, bool]:
    """The body, unpacked where it is packed: what it unpacks to is bounded, not what it says."""
    unpack = zlib.decompressobj(31) if (answer.getheader("content-encoding") or "").lower() == "gzip" else None
    held = bytearray()
    while len(held) <= most:
        if time.monotonic() > until:
            raise TimeoutError("it takes too long")
        chunk = answer.read1(_CHUNK)
        if not chunk:
            break
        try:
            held += unpack.decompress(chunk, most + 1 - len(held)) if unpack is not None else chunk
        except zlib.error as exc:
            raise ValueError("what it packed can't be unpacked") from exc
    return bytes(held[:most]), len(held) > most
