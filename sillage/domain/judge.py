"""Human or machine: the verdict on a request for a pixel or a link, given when it comes.

The rules change with the world, so they are data (`data/machine_rules.toml`, each with its source and date); the
first that holds decides, and its name and the list's version go with the event, so that a later list can judge anew.
User-agent lists alone fail: gateways use browser agents from their own networks, which is why networks are rules too.
"""

from __future__ import annotations

import ipaddress
import re
import tomllib
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from sillage.errors import BadInput

RULES_PATH = Path(__file__).resolve().parents[2] / "data" / "machine_rules.toml"
# What is stored of an address (and may be cached of it) is its /24 or /48, so no rule may look closer.
LONGEST_PREFIX = {4: 24, 6: 48}

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Act(StrEnum):
    """What was asked for."""

    OPEN = "open"
    CLICK = "click"


@dataclass(frozen=True, slots=True)
class Signal:
    """What is known of a request when it comes. `address` is the client's, as text; empty where unknown.

    Left out on purpose until bursts are judged: how many links of the same message were asked for just before.
    """

    act: Act
    method: str = "GET"
    agent: str = ""
    address: str = ""
    purpose: str = ""
    """The headers Purpose, Sec-Purpose, X-Purpose and X-Moz, joined."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Machine or human, by which rule (None: no rule held, so human) of which version of the list."""

    is_machine: bool
    rule: str | None
    version: int


@dataclass(frozen=True, slots=True)
class Rule:
    """All conditions that are set must hold."""

    id: str
    is_machine: bool
    acts: frozenset[str] = frozenset()
    methods: frozenset[str] = frozenset()
    purpose: re.Pattern[str] | None = None
    agent: re.Pattern[str] | None = None
    networks: tuple[Network, ...] = ()

    def holds(self, signal: Signal, address: ipaddress.IPv4Address | ipaddress.IPv6Address | None) -> bool:
        """Whether this rule speaks of this request."""
        if self.acts and signal.act not in self.acts:
            return False
        if self.methods and signal.method not in self.methods:
            return False
        if self.purpose is not None and not self.purpose.search(signal.purpose):
            return False
        if self.agent is not None and not self.agent.search(signal.agent):
            return False
        return not self.networks or (address is not None and any(address in network for network in self.networks))


@dataclass(frozen=True, slots=True)
class Rules:
    """A version of the list, in order."""

    version: int
    rules: tuple[Rule, ...] = field(default=())


def judge(signal: Signal, rules: Rules) -> Verdict:
    """The verdict of the first rule that holds; a request of which no rule speaks is a person's."""
    address = _address(signal.address)
    for rule in rules.rules:
        if rule.holds(signal, address):
            return Verdict(rule.is_machine, rule.id, rules.version)
    return Verdict(is_machine=False, rule=None, version=rules.version)


@cache
def current_rules() -> Rules:
    """The list that came with this version of Sillage, read once."""
    return parse_rules(RULES_PATH.read_text("utf-8"))


def parse_rules(text: str) -> Rules:
    """Rules from TOML: a `version` and `[[rule]]` tables with `id`, `verdict`, `source`, `date` and conditions.

    Raises: BadInput that names the rule.
    """
    data = tomllib.loads(text)
    rules = tuple(_rule(table) for table in data.get("rule", ()))
    if len({rule.id for rule in rules}) != len(rules):
        raise BadInput("machine rules: two rules have one id", code="bad_rules")
    return Rules(int(data["version"]), rules)


def _rule(table: dict[str, Any]) -> Rule:
    name = str(table.get("id", "?"))
    for key in ("id", "verdict", "source", "date"):
        if not table.get(key):
            raise BadInput(f"machine rule {name}: `{key}` is missing", code="bad_rules", field=key)
    if table["verdict"] not in {"machine", "human"}:
        raise BadInput(f"machine rule {name}: verdict is `machine` or `human`", code="bad_rules", field="verdict")
    networks = tuple(ipaddress.ip_network(text) for text in table.get("networks", ()))
    for network in networks:
        if network.prefixlen > LONGEST_PREFIX[network.version]:
            raise BadInput(f"machine rule {name}: {network} is closer than what we store", code="bad_rules")
    return Rule(
        id=name,
        is_machine=table["verdict"] == "machine",
        acts=frozenset(Act(act) for act in table.get("acts", ())),
        methods=frozenset(table.get("methods", ())),
        purpose=_pattern(table.get("purpose")),
        agent=_pattern(table.get("agent")),
        networks=networks,
    )


def _pattern(text: str | None) -> re.Pattern[str] | None:
    return None if text is None else re.compile(text, re.IGNORECASE)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    if not text:
        return None
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
