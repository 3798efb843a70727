"""Where a webhook may lead: public addresses over https, however they are spelt. Looked at when saved and when sent."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from sillage.errors import BadInput, TransientError
from sillage.settings import Settings
from sillage.tokens import derive_key

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


def webhook_key(settings: Settings, nonce: str) -> str:
    """The key that an account verifies our signatures with: shown when the webhook is set, kept nowhere."""
    return derive_key(settings.secret.get_secret_value(), f"alert webhook {nonce}").hex()


def checked_webhook(settings: Settings, url: str) -> str:
    """The address, stripped, if it may be told.

    Raises: BadInput; TransientError where its name has no address now.
    """
    look_at(url.strip(), may_be_private=settings.webhooks_may_be_private)
    return url.strip()


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
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is not None:
            return _is_public(str(inner))
        if address in ipaddress.ip_network("64:ff9b::/96"):
            return _is_public(str(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)))
    return address.is_global and not address.is_multicast and not address.is_reserved


def _refused(url: str, why: str) -> BadInput:
    return BadInput(f"webhook {url[:100]!r}: {why}", code="bad_webhook", field="webhook_url")
