"""Sets of networks that answer quickly, and the addresses that we look up in them.

What is stored of an address (and may be cached of it) is its /24 or /48, so no set looks closer.
"""

from __future__ import annotations

import ipaddress
import socket
from bisect import bisect_right
from collections.abc import Iterable

LONGEST_PREFIX = {4: 24, 6: 48}

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_MAPPED = b"\x00" * 10 + b"\xff\xff"


class NetworkSet:
    """Networks of both versions: sorted, joined, and searched by halving (1 µs among thousands)."""

    def __init__(self, networks: Iterable[Network]) -> None:
        held = list(networks)
        self._starts: dict[int, list[int]] = {}
        self._ends: dict[int, list[int]] = {}
        for version, size in ((4, 4), (6, 16)):
            joined = sorted(
                (int(n.network_address), int(n.broadcast_address))
                for n in ipaddress.collapse_addresses([n for n in held if n.version == version])  # type: ignore[type-var]
            )
            self._starts[size] = [start for start, _ in joined]
            self._ends[size] = [end for _, end in joined]

    def __contains__(self, packed: bytes) -> bool:
        """Whether an address (4 or 16 bytes, as `packed_address` makes them) lies in one of them."""
        starts = self._starts[len(packed)]
        number = int.from_bytes(packed, "big")
        at = bisect_right(starts, number) - 1
        return at >= 0 and number <= self._ends[len(packed)][at]

    def __bool__(self) -> bool:
        return any(self._starts.values())


def packed_address(text: str) -> bytes | None:
    """An address as 4 or 16 bytes, IPv4 out of its IPv6 mapping; None where the text is none."""
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    try:
        packed = socket.inet_pton(family, text)
    except (OSError, ValueError):
        return None
    return packed[12:] if packed[:12] == _MAPPED and len(packed) == 16 else packed  # noqa: PLR2004  # bytes of IPv6


def truncated_address(text: str) -> str:
    """The first address of an address's /24 or /48, all that may be stored of it; empty where the text is none."""
    packed = packed_address(text)
    if packed is None:
        return ""
    if len(packed) == 4:  # noqa: PLR2004  # bytes of IPv4
        return socket.inet_ntop(socket.AF_INET, packed[:3] + b"\x00")
    return socket.inet_ntop(socket.AF_INET6, packed[:6] + b"\x00" * 10)
