"""Who asks, behind which proxy, and what may be kept of it."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sillage.domain.judge import Act, current_rules
from web.visitor import Visitors, truncated

PROXIES = ("127.0.0.1", "10.0.0.0/8", "::1")


def seen(peer: str, *forwarded: str, trusted: tuple[str, ...] = PROXIES) -> str:
    """The network that is taken for the visitor's."""
    headers = [(b"x-forwarded-for", hop.encode()) for hop in forwarded]
    return Visitors(trusted, current_rules()).read("GET", peer, headers).network


@pytest.mark.parametrize(
    ("peer", "forwarded", "network"),
    [
        ("81.2.3.4", [], "81.2.3.0"),
        ("81.2.3.4", ["9.9.9.9"], "81.2.3.0"),
        ("127.0.0.1", ["81.2.3.4"], "81.2.3.0"),
        ("127.0.0.1", ["9.9.9.9, 81.2.3.4"], "81.2.3.0"),
        ("127.0.0.1", ["9.9.9.9", "81.2.3.4, 10.1.1.1"], "81.2.3.0"),
        ("127.0.0.1", ["10.1.1.1"], "10.1.1.0"),
        ("127.0.0.1", ["not an address"], "127.0.0.0"),
        ("127.0.0.1", ["81.2.3.4:5555"], "81.2.3.0"),
        ("127.0.0.1", ["[2001:db8:1:2::5]:80"], "2001:db8:1::"),
        ("127.0.0.1", ["::ffff:81.2.3.4"], "81.2.3.0"),
        ("::ffff:127.0.0.1", ["81.2.3.4"], "81.2.3.0"),
        ("", ["81.2.3.4"], ""),
    ],
)
def test_forwarded_address_counts_only_from_a_trusted_proxy(peer: str, forwarded: list[str], network: str) -> None:
    """The last hop that a proxy of ours has seen, cut to /24 or /48; what stands before it anybody may have written."""
    assert seen(peer, *forwarded) == network


def test_nobody_is_trusted_by_default() -> None:
    """Without a setting, the header of even a neighbour on loopback is not read."""
    assert seen("127.0.0.1", "81.2.3.4", trusted=()) == "127.0.0.0"


@given(st.ip_addresses())
def test_address_is_always_cut(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    """No full address gets past here."""
    cut = ipaddress.ip_address(truncated(str(address)))
    assert int(cut) % (1 << (8 if cut.version == 4 else 80)) == 0


@given(st.text(), st.text(max_size=400), st.text(max_size=100))
def test_reading_a_visitor_survives_any_header(peer: str, agent: str, forwarded: str) -> None:
    """Whatever stands in the headers, the agent is short and printable, and there is a verdict."""
    visitors = Visitors(("0.0.0.0/0", "::/0"), current_rules())
    headers = [(b"user-agent", agent.encode()), (b"x-forwarded-for", forwarded.encode("utf-8", "replace"))]
    visitor = visitors.read("GET", peer, headers)
    assert len(visitor.agent) <= 300
    assert visitor.agent.isprintable()
    assert visitors.verdict(Act.OPEN, visitor).version
