"""Human or machine: the verdict on a request for a pixel or a link, by what the request itself shows.

The rules change with the world, so they are data (`data/machine_rules.toml`, each with its source and date); the
first that holds decides, and its name and the list's version go with the event, so that a later list can judge anew.
User-agent lists alone fail: gateways use browser agents from their own networks, which is why networks are rules too.
What only several requests together show is `sillage.domain.burst`.
"""

from __future__ import annotations

import csv
import ipaddress
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any

from sillage.domain.networks import LONGEST_PREFIX, Network, NetworkSet, packed_address
from sillage.errors import BadInput

DATA = Path(__file__).resolve().parents[2] / "data"
RULES_PATH = DATA / "machine_rules.toml"
NETWORKS_PATH = DATA / "cloud_networks.csv"
_CACHED_AGENTS = 8_192
NO_SIGN = "no-machine-sign"
"""The rule of those of whom no other rule speaks: people."""


class Act(StrEnum):
    """What was asked for."""

    OPEN = "open"
    CLICK = "click"


class Over(StrEnum):
    """What a burst runs over."""

    LINKS = "links"
    RECIPIENTS = "recipients"


@dataclass(frozen=True, slots=True)
class Signal:
    """What is known of a request when it comes. `address` is the client's, as text; empty where unknown."""

    act: Act
    method: str = "GET"
    agent: str = ""
    address: str = ""
    purpose: str = ""
    """The headers Purpose, Sec-Purpose, X-Purpose and X-Moz, joined."""
    delay: float | None = None
    """Seconds since the mailbox's server took the message; None where that is not known (yet)."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Machine or human, by which rule of which version of the list."""

    is_machine: bool
    rule: str
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
    not_agent: re.Pattern[str] | None = None
    networks: NetworkSet = field(default_factory=lambda: NetworkSet(()))
    delay: tuple[float, float] | None = None
    """Seconds since acceptance, from (included) and to (excluded)."""
    marks_visitor: bool = False
    """Whether the same visitor's other requests of that moment are the machine's as well."""

    def fits(self, agent: str) -> bool:
        """Whether this rule may speak of this agent."""
        if self.agent is not None and not self.agent.search(agent):
            return False
        return self.not_agent is None or not self.not_agent.search(agent)

    def holds(self, signal: Signal, address: bytes | None) -> bool:
        """Whether this rule speaks of this request, whose agent it fits."""
        if self.acts and signal.act not in self.acts:
            return False
        if self.methods and signal.method not in self.methods:
            return False
        if self.purpose is not None and not self.purpose.search(signal.purpose):
            return False
        if self.delay is not None and (signal.delay is None or not self.delay[0] <= signal.delay < self.delay[1]):
            return False
        return not self.networks or (address is not None and address in self.networks)


@dataclass(frozen=True, slots=True)
class BurstRule:
    """So many distinct links of one message, or messages of one visitor, in so short a time."""

    id: str
    over: Over
    count: int
    within_s: float
    acts: frozenset[str]
    soon_s: float | None = None
    """Only what comes at most so long after its message was accepted."""
    any_agent: bool = False
    """Over recipients: the network alone is the visitor."""


@dataclass(frozen=True, slots=True)
class CompanyRule:
    """What the same visitor does beside a burst: in the same message, or in any that was accepted just before."""

    id: str
    within_s: float
    soon_s: float


@dataclass(frozen=True)
class Rules:
    """A version of the list, in order."""

    version: int
    rules: tuple[Rule, ...] = ()
    bursts: tuple[BurstRule, ...] = ()
    company: CompanyRule | None = None

    @cached_property
    def fitting(self) -> Callable[[str], tuple[Rule, ...]]:
        """The rules that an agent fits, remembered: reading one costs 150 µs, and few make most requests."""
        return lru_cache(_CACHED_AGENTS)(lambda agent: tuple(rule for rule in self.rules if rule.fits(agent)))


def judge(signal: Signal, rules: Rules) -> Verdict:
    """The verdict of the first rule that holds; a request of which no rule speaks is a person's."""
    address = packed_address(signal.address)
    for rule in rules.fitting(signal.agent):
        if rule.holds(signal, address):
            return Verdict(rule.is_machine, rule.id, rules.version)
    return Verdict(is_machine=False, rule=NO_SIGN, version=rules.version)


@cache
def current_rules() -> Rules:
    """The list that came with this version of Sillage, read once."""
    return parse_rules(RULES_PATH.read_text("utf-8"), read_networks(NETWORKS_PATH.read_text("utf-8")))


def read_networks(text: str) -> dict[str, list[Network]]:
    """Lists of networks from CSV (list, network), by name. Lines that begin with # are remarks."""
    lists: dict[str, list[Network]] = {}
    for row in csv.DictReader(line for line in text.splitlines() if not line.startswith("#")):
        lists.setdefault(row["list"], []).append(ipaddress.ip_network(row["network"]))
    return lists


def parse_rules(text: str, lists: Mapping[str, list[Network]] | None = None) -> Rules:
    """Rules from TOML: a `version`, `[[rule]]`, `[[burst]]` and `[company]` tables, each with `source` and `date`.

    Raises: BadInput that names the rule.
    """
    data = tomllib.loads(text)
    rules = tuple(_rule(table, lists or {}) for table in data.get("rule", ()))
    bursts = tuple(_burst(table) for table in data.get("burst", ()))
    company = data.get("company")
    ids = [rule.id for rule in rules] + [burst.id for burst in bursts]
    if len(set(ids)) != len(ids):
        raise BadInput("machine rules: two rules have one id", code="bad_rules")
    return Rules(int(data["version"]), rules, bursts, _company(company) if company else None)


def _rule(table: dict[str, Any], lists: Mapping[str, list[Network]]) -> Rule:
    name = _signed(table, "verdict")
    if table["verdict"] not in {"machine", "human"}:
        raise BadInput(f"machine rule {name}: verdict is `machine` or `human`", code="bad_rules", field="verdict")
    networks = [ipaddress.ip_network(text) for text in table.get("networks", ())]
    for listed in table.get("lists", ()):
        if listed not in lists:
            raise BadInput(f"machine rule {name}: there is no list of networks {listed!r}", code="bad_rules")
        networks += lists[listed]
    for network in networks:
        if network.prefixlen > LONGEST_PREFIX[network.version]:
            raise BadInput(f"machine rule {name}: {network} is closer than what we store", code="bad_rules")
    delay = table.get("delay_s")
    return Rule(
        id=name,
        is_machine=table["verdict"] == "machine",
        acts=frozenset(Act(act) for act in table.get("acts", ())),
        methods=frozenset(table.get("methods", ())),
        purpose=_pattern(table.get("purpose")),
        agent=_pattern(table.get("agent")),
        not_agent=_pattern(table.get("not_agent")),
        networks=NetworkSet(networks),
        delay=(float(delay[0]), float(delay[1])) if delay else None,
        marks_visitor=bool(table.get("marks_visitor")),
    )


def _burst(table: dict[str, Any]) -> BurstRule:
    name = _signed(table, "over", "count", "within_s", "acts")
    return BurstRule(
        id=name,
        over=Over(table["over"]),
        count=int(table["count"]),
        within_s=float(table["within_s"]),
        acts=frozenset(Act(act) for act in table["acts"]),
        soon_s=float(table["soon_s"]) if "soon_s" in table else None,
        any_agent=bool(table.get("any_agent")),
    )


def _company(table: dict[str, Any]) -> CompanyRule:
    return CompanyRule(_signed(table, "within_s", "soon_s"), float(table["within_s"]), float(table["soon_s"]))


def _signed(table: dict[str, Any], *needed: str) -> str:
    """The rule's name, if it has all that a rule must have."""
    name = str(table.get("id", "?"))
    for key in ("id", *needed, "source", "date"):
        if not table.get(key):
            raise BadInput(f"machine rule {name}: `{key}` is missing", code="bad_rules", field=key)
    return name


def _pattern(text: str | None) -> re.Pattern[str] | None:
    return None if text is None else re.compile(text, re.IGNORECASE)
