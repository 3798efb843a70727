"""Who asks: the client's network and agent, as far as they may be known, and the verdict human or machine."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

import msgspec

from sillage.domain.judge import Act, Rules, Signal, Verdict, judge
from sillage.domain.networks import Network, truncated_address

MAX_AGENT_CHARS = 300
_CACHED = 65_536
_CACHED_SEEN = 16_384
_TELLING = frozenset({b"user-agent", b"x-forwarded-for", b"purpose", b"sec-purpose", b"x-purpose", b"x-moz"})


@dataclass(frozen=True, slots=True)
class Visitor:
    """A request's sender. `network` is its address cut to /24 or /48; empty where it is not known."""

    network: str
    agent: str
    purpose: str
    method: str


@dataclass(frozen=True, slots=True)
class Seen:
    """A visitor as members of an event's JSON, each with a comma before it: the verdict, and what is personal."""

    verdict: bytes
    ip: bytes
    agent: bytes


class Visitors:
    """Reads visitors of requests behind the proxies that we trust, and judges them."""

    def __init__(self, trusted_proxies: Sequence[str], rules: Rules) -> None:
        self._trusted: tuple[Network, ...] = tuple(ipaddress.ip_network(p, strict=False) for p in trusted_proxies)
        self._rules = rules
        self.verdict = lru_cache(_CACHED)(self._verdict)
        # One for each act: an enumeration's hash is computed in Python, and would cost more than all the rest.
        self._seen_opening = lru_cache(_CACHED_SEEN)(partial(self._look_closely, Act.OPEN))
        self._seen_clicking = lru_cache(_CACHED_SEEN)(partial(self._look_closely, Act.CLICK))
        self._is_trusted = lru_cache(_CACHED)(self._look_up_trust)

    def see(self, method: bytes, peer: str, headers: Iterable[tuple[bytes, bytes]], *, is_click: bool) -> Seen:
        """What an event says of who asked. Remembered by the fields that count, most of which come often."""
        seen = self._seen_clicking if is_click else self._seen_opening
        return seen(method, peer, tuple([field for field in headers if field[0] in _TELLING]))

    def _look_closely(self, act: Act, method: bytes, peer: str, headers: tuple[tuple[bytes, bytes], ...]) -> Seen:
        visitor = self.read(method.decode("latin-1"), peer, headers)
        verdict = self.verdict(act, visitor)
        return Seen(
            b',"is_machine":%s,"rule":%s,"rule_version":%d'
            % (b"true" if verdict.is_machine else b"false", msgspec.json.encode(verdict.rule), verdict.version),
            b',"ip":%s' % msgspec.json.encode(visitor.network) if visitor.network else b"",
            b',"agent":%s' % msgspec.json.encode(visitor.agent) if visitor.agent else b"",
        )

    def read(self, method: str, peer: str, headers: Iterable[tuple[bytes, bytes]]) -> Visitor:
        """The visitor behind a request. X-Forwarded-For counts only from a proxy that we trust."""
        forwarded, agent, purposes = [], "", []
        for name, value in headers:
            match name:
                case b"user-agent":
                    agent = value[:MAX_AGENT_CHARS].decode("utf-8", "replace")
                case b"x-forwarded-for":
                    forwarded.append(value.decode("latin-1"))
                case b"purpose" | b"sec-purpose" | b"x-purpose" | b"x-moz":
                    purposes.append(value[:100].decode("latin-1"))
        address = peer
        if forwarded and self._is_trusted(peer):
            address = self._behind(peer, ",".join(forwarded))
        # A zero byte or a line end in an agent is nobody's name; it would be trouble further on.
        if not agent.isprintable():
            agent = "".join(c for c in agent if c.isprintable())
        return Visitor(truncated(address), agent, " ".join(purposes), method)

    def _behind(self, peer: str, forwarded: str) -> str:
        """The last address that a proxy we trust has seen: what stands before it, anybody may have written."""
        for hop in reversed(forwarded.split(",")):
            address = _parsed(hop)
            if address is None:
                return peer
            if not self._is_trusted(str(address)):
                return str(address)
            peer = str(address)
        return peer

    def _look_up_trust(self, text: str) -> bool:
        address = _parsed(text)
        return address is not None and any(address in network for network in self._trusted)

    def _verdict(self, act: Act, visitor: Visitor) -> Verdict:
        return judge(Signal(act, visitor.method, visitor.agent, visitor.network, visitor.purpose), self._rules)


@lru_cache(_CACHED)
def truncated(address: str) -> str:
    """The network of an address, /24 or /48, by its first address; empty where it is no address."""
    parsed = _parsed(address)
    return "" if parsed is None else truncated_address(str(parsed))


@lru_cache(_CACHED)
def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
