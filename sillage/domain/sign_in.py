"""Signing in: how long a browser stays signed in, who has to wait, which password will do, where one goes next."""

from __future__ import annotations

import ipaddress
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit


class Role(StrEnum):
    """What a user is in an account."""

    OWNER = "owner"
    MEMBER = "member"


class LinkPurpose(StrEnum):
    """What a one-time link is for."""

    SET_UP = "set_up"
    INVITATION = "invitation"
    PASSWORD = "password"  # noqa: S105  # a kind of link


SESSION_LIFE = timedelta(days=14)
SESSION_IDLE = timedelta(hours=12)
SEEN_EVERY = timedelta(minutes=5)
"""How often a session's last look is written down: each write waits for its turn."""
LINK_LIFE = {
    LinkPurpose.SET_UP: timedelta(days=1),
    LinkPurpose.INVITATION: timedelta(days=7),
    LinkPurpose.PASSWORD: timedelta(hours=2),
}

MIN_PASSWORD, MAX_PASSWORD = 12, 200
"""Long rather than odd, and not so long that hashing it is an attack. Source: NIST SP 800-63B-4 3.1.1.2."""
_FEWEST_SIGNS = 5
MAX_NAME = 100

FREE_BY_PERSON, FREE_BY_NETWORK = 5, 20
LONGEST_WAIT = timedelta(minutes=15)
FORGOTTEN_AFTER = timedelta(hours=24)
_IPV6_HOME = 64
_FIRST_WAIT_S = 4.0


def is_live(*, now: datetime, seen_at: datetime, expires_at: datetime) -> bool:
    """Whether a session still holds: neither over nor left alone for too long."""
    return now < expires_at and now - seen_at < SESSION_IDLE


def wait_after(tries: int, free: int) -> timedelta:
    """How long after so many vain tries the next one has to wait: nothing at first, then twice as long each time."""
    if tries < free:
        return timedelta(0)
    return min(LONGEST_WAIT, timedelta(seconds=_FIRST_WAIT_S * 2 ** min(tries - free, 16)))


def fault_of_password(password: str, *, email: str) -> str | None:
    """Why a password won't do, as a word of ours; None where it will."""
    if len(password) < MIN_PASSWORD:
        return "too_short"
    if len(password) > MAX_PASSWORD:
        return "too_long"
    folded = password.casefold()
    local = email.casefold().partition("@")[0]
    if folded == email.casefold() or (local and folded.replace(local, "").strip("0123456789!?. ") == ""):
        return "is_address"
    return "too_plain" if len(set(folded)) < _FEWEST_SIGNS else None


def safe_next(address: str | None) -> str:
    """Where to go after signing in: a path of this very site, else its start. No other host, whatever is asked."""
    if not address or len(address) > 2000 or not address.startswith("/") or address.startswith(("//", "/\\")):  # noqa: PLR2004
        return "/"
    if any(ord(sign) < 0x21 or ord(sign) == 0x7F or sign == "\\" for sign in address):  # noqa: PLR2004  # RFC 3986
        return "/"
    parts = urlsplit(address)
    return "/" if parts.scheme or parts.netloc else address


def network_of(address: str) -> str:
    """What one customer of a provider has: an IPv4 address, or a /64 of IPv6; as it is where it is neither."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, _IPV6_HOME), strict=False))
    return str(found)
