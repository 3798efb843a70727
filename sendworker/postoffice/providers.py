"""The mailbox providers that are played, and what their people read mail with (`data/demo/mailboxes.toml`)."""

from __future__ import annotations

import ipaddress
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sendworker.postoffice import chance

TABLE_PATH = Path(__file__).resolve().parents[2] / "data" / "demo" / "mailboxes.toml"
DEFER = "451 4.7.1 Try again later, please"
URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"


@dataclass(frozen=True, slots=True)
class Provider:
    """One mailbox provider. `has_loop`: it reports each complaint (RFC 5965)."""

    name: str
    domains: tuple[str, ...]
    has_loop: bool
    defer: str
    image_agent: str | None
    image_network: str | None
    one_click_type: str
    readers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Origin:
    """Whom a request seems to come from: the user agent and the client's address."""

    agent: str
    ip: str


@dataclass(frozen=True, slots=True)
class Mailboxes:
    """The whole table."""

    providers: tuple[Provider, ...]
    by_domain: dict[str, Provider]
    other: Provider
    agents: dict[str, tuple[str, ...]]
    networks: dict[str, tuple[ipaddress.IPv4Network, ...]]

    def provider(self, address: str) -> Provider:
        """The provider of an address, `other` where no list names its domain."""
        return self.by_domain.get(address.rpartition("@")[2].lower(), self.other)

    def reader(self, seed: int, address: str) -> Origin:
        """The program with which a person reads mail, at home."""
        kind = chance.pick(seed, self.provider(address).readers, "reader", address)
        return Origin(chance.pick(seed, self.agents[kind], "agent", address), self._home(seed, address))

    def browser(self, seed: int, address: str) -> Origin:
        """What opens a link that the person follows: the phone itself, or the browser of the desktop."""
        kind = chance.pick(seed, self.provider(address).readers, "reader", address)
        if kind in {"outlook", "thunderbird", "applemail"}:
            return Origin(chance.pick(seed, self.agents["browser"], "agent", address), self._home(seed, address))
        return self.reader(seed, address)

    def images(self, seed: int, address: str) -> Origin:
        """What loads the images when the person opens the mail: the provider's proxy where it has one."""
        provider = self.provider(address)
        if provider.image_agent is None or provider.image_network is None:
            return self.reader(seed, address)
        network = ipaddress.IPv4Network(provider.image_network)
        return Origin(provider.image_agent, _host(network, chance.draw(seed, "proxy", address)))

    def machine(self, kind: str, seed: int, address: str) -> Origin:
        """A machine in front of the person: kind `scanner` (security gateway) or `preload` (privacy proxy)."""
        network = chance.pick(seed, self.networks[kind], kind, "network", address)
        agent = chance.pick(seed, self.agents[kind], kind, "agent", address)
        return Origin(agent, _host(network, chance.draw(seed, kind, "host", address)))

    def _home(self, seed: int, address: str) -> str:
        network = chance.pick(seed, self.networks["home"], "home", address)
        return _host(network, chance.draw(seed, "host", address))


@cache
def mailboxes() -> Mailboxes:
    """The table that came with this version, read once."""
    data = tomllib.loads(TABLE_PATH.read_text("utf-8"))
    providers = tuple(_provider(row) for row in data["provider"])
    return Mailboxes(
        providers=providers,
        by_domain={domain: provider for provider in providers for domain in provider.domains},
        other=next(p for p in providers if p.name == "other"),
        agents={kind: tuple(agents) for kind, agents in data["agents"].items()},
        networks={kind: tuple(map(ipaddress.IPv4Network, rows)) for kind, rows in data["networks"].items()},
    )


def _provider(row: dict[str, Any]) -> Provider:
    return Provider(
        name=row["name"],
        domains=tuple(row["domains"]),
        has_loop=row["has_loop"],
        defer=row.get("defer", DEFER),
        image_agent=row.get("image_agent"),
        image_network=row.get("image_network"),
        one_click_type=MULTIPART if row.get("one_click_form") == "multipart" else URLENCODED,
        readers=tuple(row["readers"]),
    )


def _host(network: ipaddress.IPv4Network, share: float) -> str:
    # Neither .0 nor .255 of a /24, so that it looks like somebody's.
    number = int(share * network.num_addresses)
    return str(network[number - number % 256 + 1 + number % 254])
