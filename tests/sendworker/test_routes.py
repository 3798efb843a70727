"""Ways for mail: relays by weight with failover, and each domain's own servers by MX, null MX and MTA-STS."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendworker.direct import Direct, Policy, parse_policy
from sendworker.reply import SessionError
from sendworker.routes import NoRouteError, Relays
from sendworker.smtp import Hop, Tls
from tests.names import Zone, name_server


def hop(name: str) -> Hop:
    return Hop(name, 25, "c.example")


async def test_relays_share_by_weight():
    """Of three relays each is first as often as its weight says."""
    chance = Random(1).random  # noqa: S311
    relays = Relays([(hop("a"), 1.0), (hop("b"), 1.0), (hop("c"), 2.0)], chance=chance)
    first = Counter([(await relays.hops(""))[0].host for _ in range(4000)])
    assert abs(first["a"] - 1000) < 150
    assert abs(first["c"] - 2000) < 150


async def test_relay_that_failed_comes_last_for_a_while():
    """A relay that failed comes after the others, the longer the more often, and is as good as ever once it works."""
    now = [0.0]
    bad, good = hop("bad"), hop("good")
    relays = Relays([(bad, 1000.0), (good, 1.0)], clock=lambda: now[0])
    relays.tried(bad, worked=False)
    assert [h.host for h in await relays.hops("")] == ["good", "bad"]
    now[0] = 1.5
    relays.tried(bad, worked=False)
    now[0] = 6.0
    assert (await relays.hops(""))[0] is good
    now[0] = 7.0
    assert Counter([(await relays.hops(""))[0].host for _ in range(50)])["bad"] > 40
    relays.tried(bad, worked=True)
    relays.tried(bad, worked=False)
    now[0] = 8.5
    assert Counter([(await relays.hops(""))[0].host for _ in range(50)])["bad"] > 40


@pytest.fixture
def zone() -> Zone:
    return {
        ("y.example", "MX"): ["20 b.y.example.", "10 a.y.example.", "30 in.y.example."],
        ("a.y.example", "A"): ["192.0.2.1", "192.0.2.2"],
        ("b.y.example", "AAAA"): ["2001:db8::1"],
        ("in.y.example", "A"): ["127.0.0.1", "10.0.0.1"],
        ("null.example", "MX"): ["0 ."],
        ("bare.example", "A"): ["192.0.2.9"],
        ("inside.example", "A"): ["10.0.0.1"],
        ("broken.example", "FAIL"): ["yes"],
        ("_mta-sts.y.example", "TXT"): ['"v=STSv1; id=1;"'],
        ("mta-sts.y.example", "A"): ["192.0.2.3"],
    }


@pytest.fixture
def resolver(zone: Zone) -> Iterator[str]:
    with name_server(zone) as address:
        yield address


PUBLIC = {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.9", "2001:db8::1"}


class Policies:
    """Serves policies, and counts."""

    def __init__(self) -> None:
        self.text = ""
        self.asked: list[str] = []

    async def fetch(self, host: str, _address: str) -> str:
        self.asked.append(host)
        if not self.text:
            raise OSError("down")
        return self.text


def direct(resolver: str, policies: Policies, now: list[float]) -> Direct:
    return Direct(
        "c.example", name_servers=[resolver], fetch=policies.fetch, is_allowed=PUBLIC.__contains__, clock=lambda: now[0]
    )


async def test_servers_come_in_the_order_of_their_preference(resolver: str):
    """The lowest preference first, all addresses of a host, and none that leads into our own network."""
    found = await direct(resolver, Policies(), [0.0]).hops("y.example")
    assert [h.host for h in found] in (
        ["192.0.2.1", "192.0.2.2", "2001:db8::1"], ["192.0.2.2", "192.0.2.1", "2001:db8::1"],
    )  # fmt: skip
    assert {h.tls for h in found} == {Tls.OPPORTUNISTIC}
    assert [h.name for h in found] == ["a.y.example", "a.y.example", "b.y.example"]


async def test_domain_without_mx_is_its_own_server(resolver: str):
    """RFC 5321 5.1: no MX, then the address of the domain itself."""
    assert [h.host for h in await direct(resolver, Policies(), [0.0]).hops("bare.example")] == ["192.0.2.9"]


@pytest.mark.parametrize(("domain", "status"), [("null.example", "5.1.10"), ("nowhere.example", "5.1.2")])
async def test_domain_that_takes_no_mail_is_a_verdict(resolver: str, domain: str, status: str):
    """Null MX and a domain that does not exist refuse for good, as their server would."""
    with pytest.raises(NoRouteError) as caught:
        await direct(resolver, Policies(), [0.0]).hops(domain)
    assert caught.value.reply.status == status
    assert caught.value.reply.code // 100 == 5


@pytest.mark.parametrize("domain", ["broken.example", "inside.example"])
async def test_dns_that_fails_is_no_verdict(resolver: str, domain: str):
    """A DNS that does not answer, or a server inside our network, is waited for and not a bounce."""
    with pytest.raises(SessionError):
        await direct(resolver, Policies(), [0.0]).hops(domain)


async def test_answers_are_kept_as_long_as_they_hold(resolver: str, zone: Zone):
    """Within the time to live nobody is asked again; after it, changes are seen."""
    now = [0.0]
    found = direct(resolver, Policies(), now)
    before = await found.hops("bare.example")
    zone["bare.example", "A"] = ["192.0.2.1"]
    assert await found.hops("bare.example") == before
    now[0] = 61.0
    assert [h.host for h in await found.hops("bare.example")] == ["192.0.2.1"]


async def test_enforced_policy_demands_tls_and_names_servers(resolver: str):
    """Under an enforced policy only its servers are used, verified; one that can't be fetched is held to."""
    now, policies = [0.0], Policies()
    policies.text = "version: STSv1\r\nmode: enforce\r\nmx: b.y.example\r\nmax_age: 1000\r\n"
    found = direct(resolver, policies, now)
    (only,) = await found.hops("y.example")
    assert (only.name, only.tls) == ("b.y.example", Tls.STARTTLS)
    assert policies.asked == ["mta-sts.y.example"]
    policies.text, now[0] = "", 100.0
    assert [h.tls for h in await found.hops("y.example")] == [Tls.STARTTLS]
    assert len(policies.asked) == 1, "the id has not changed"
    now[0] = 2000.0
    assert {h.tls for h in await found.hops("y.example")} == {Tls.OPPORTUNISTIC}


async def test_new_policy_is_fetched_when_its_id_changes(resolver: str, zone: Zone):
    """A new id in the DNS brings the new policy; where that can't be fetched, the old one holds."""
    now, policies = [0.0], Policies()
    policies.text = "version: STSv1\nmode: enforce\nmx: *.y.example\nmax_age: 100000\n"
    found = direct(resolver, policies, now)
    assert len(await found.hops("y.example")) == 3
    zone["_mta-sts.y.example", "TXT"] = ['"v=STSv1; id=2"']
    policies.text, now[0] = "", 100.0
    assert {h.tls for h in await found.hops("y.example")} == {Tls.STARTTLS}
    policies.text, now[0] = "version: STSv1\nmode: none\nmax_age: 100000\n", 200.0
    assert {h.tls for h in await found.hops("y.example")} == {Tls.OPPORTUNISTIC}


@given(st.text(max_size=200))
def test_policy_parser_survives_any_text(text: str):
    """Any text is a policy with a mode that we know, or none."""
    found = parse_policy(text)
    assert found is None or found.mode in {"enforce", "testing", "none"}


def test_wildcard_stands_for_one_label():
    """`*.y.example` is a.y.example, and neither y.example nor a.b.y.example (RFC 8461 4.1)."""
    policy = Policy("enforce", ("*.y.example",), 1)
    assert policy.allows("a.y.example")
    assert not policy.allows("y.example")
    assert not policy.allows("a.b.y.example")
