"""A signed webhook, posted to where its owner said and nowhere else.

The name is resolved once, every address that it has must be public, and the connection goes to one of those very
addresses: a name that answers differently a moment later (rebinding) reaches nothing. Redirects are not followed.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import ipaddress
import json
import socket
import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sillage.errors import BadInput, PermanentError, TransientError
from sillage.tokens import derive_key

TIMEOUT_S = 10.0
SIGNATURE, TIMESTAMP, DELIVERY = "Sillage-Signature", "Sillage-Timestamp", "Sillage-Delivery"
_OK = range(200, 300)
_MAX_URL = 2000


@dataclass(frozen=True, slots=True)
class Place:
    """A webhook's address, looked at."""

    scheme: str
    host: str
    port: int
    path: str
    address: str
    """The address that the connection goes to."""


def key(secret: str, nonce: str) -> str:
    """The key that an account verifies our signatures with: shown when the webhook is set, kept nowhere."""
    return derive_key(secret, f"alert webhook {nonce}").hex()


def signature(key_text: str, timestamp: str, body: bytes) -> str:
    """HMAC-SHA-256 over "TIMESTAMP.BODY", so that an old message can't be sent again as a new one."""
    return hmac.new(key_text.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def look_at(url: str, *, may_be_private: bool) -> Place:
    """Where a webhook leads.

    Raises: BadInput where it may not go there; TransientError where its name has no address now.
    """
    parts = urlsplit(url)
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as exc:
        raise _refused(url, "its port is no number") from exc
    if len(url) > _MAX_URL or not url.isascii() or any(c.isspace() or ord(c) < 32 for c in url):  # noqa: PLR2004
        raise _refused(url, "it holds signs that no address has")
    if parts.username is not None or not parts.hostname:
        raise _refused(url, "write https://host/path, without a user in it")
    if parts.scheme != "https" and not (parts.scheme == "http" and may_be_private):
        raise _refused(url, "it must begin with https://")
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as exc:
        raise TransientError(f"webhook {parts.hostname}: no address found ({exc})") from exc
    addresses = [str(entry[4][0]) for entry in found]
    if not may_be_private and not all(map(_is_public, addresses)):
        raise _refused(url, "it leads to a private, loopback or reserved address")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(parts.scheme, parts.hostname, port, path, addresses[0])


def _is_public(text: str) -> bool:
    address = ipaddress.ip_address(text.split("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is not None:
            return _is_public(str(inner))
        if address in ipaddress.ip_network("64:ff9b::/96"):
            return _is_public(str(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)))
    return address.is_global and not address.is_multicast and not address.is_reserved


def _refused(url: str, why: str) -> BadInput:
    return BadInput(f"webhook {url[:100]!r}: {why}", code="bad_webhook", field="webhook_url")


class _Pinned(http.client.HTTPConnection):
    """A connection to the address that was looked at, whatever its name says now."""

    def __init__(self, place: Place) -> None:
        super().__init__(place.host, place.port, timeout=TIMEOUT_S)
        self._place = place

    def connect(self) -> None:
        self.sock = socket.create_connection((self._place.address, self._place.port), TIMEOUT_S)
        if self._place.scheme == "https":
            self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self._place.host)


def post(
    url: str, facts: dict[str, Any], *, delivery: str, key_text: str, timestamp: int, may_be_private: bool = False
) -> None:
    """Post a change. The same change has the same `Sillage-Delivery`, whatever is tried again.

    Raises: TransientError where it may work later; PermanentError where it never will.
    """
    place = look_at(url, may_be_private=may_be_private)
    body = json.dumps(facts, sort_keys=True, ensure_ascii=False).encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Sillage",
        DELIVERY: delivery,
        TIMESTAMP: str(timestamp),
        SIGNATURE: f"sha256={signature(key_text, str(timestamp), body)}",
    }
    connection = _Pinned(place)
    try:
        connection.request("POST", place.path, body, headers)
        answer = connection.getresponse()
        status = answer.status
    except (OSError, http.client.HTTPException) as exc:
        raise TransientError(f"webhook {place.host} does not answer: {exc}") from exc
    finally:
        connection.close()
    if status in _OK:
        return
    if 300 <= status < 400 or status == http.HTTPStatus.GONE:  # noqa: PLR2004  # a redirect could lead anywhere
        raise PermanentError(f"webhook {place.host} answers {status}: redirects are not followed")
    raise TransientError(f"webhook {place.host} answers {status}")
