"""Whether a domain's DNS lets mail from it arrive: SPF, DKIM, DMARC, reverse DNS, the way back. Pure but for lookups.

Each check is a claim with its verdict and, where it fails, the mend. Sources: RFC 7208 (SPF), RFC 6376 (DKIM),
RFC 7489 (DMARC), RFC 7505 (null MX); what Gmail and Yahoo ask of bulk senders since February 2024.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

MAX_SPF_LOOKUPS = 10
"""RFC 7208 4.6.4."""


class Lookups(Protocol):
    """What is asked of the DNS."""

    def txt(self, name: str) -> list[str]:
        """TXT records."""

    def mx(self, name: str) -> list[tuple[int, str]]:
        """(preference, host)."""

    def addresses(self, name: str) -> list[str]:
        """A and AAAA."""

    def names(self, address: str) -> list[str]:
        """PTR."""


class Verdict(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was looked at, how it came out, and what to do."""

    name: str
    verdict: Verdict
    text: str


@dataclass(frozen=True, slots=True)
class Record:
    """A record to publish."""

    name: str
    type: str
    value: str


def check_dkim(dns: Lookups, name: str, record: str) -> Finding:
    """The public key is published as it is here."""
    wanted = tags(record)
    found = [tags(text) for text in dns.txt(name)]
    keys = [t for t in found if "p" in t]
    if not keys:
        return Finding("DKIM", Verdict.FAIL, f"{name} has no key: publish TXT {name} with what `domain records` shows")
    if len(keys) > 1:
        return Finding(
            "DKIM", Verdict.FAIL, f"{name} has {len(keys)} records: keep the one that `domain records` shows"
        )
    if "".join(keys[0]["p"].split()) != wanted["p"] or keys[0].get("k", "rsa") != wanted["k"]:
        return Finding("DKIM", Verdict.FAIL, f"{name} holds another key: replace it by what `domain records` shows")
    return Finding("DKIM", Verdict.OK, f"{name} holds our {wanted['k']} key")


def check_spf(dns: Lookups, domain: str, addresses: Sequence[str]) -> Finding:  # noqa: PLR0911  # a fault a line
    """The return path's domain allows the addresses that we send from, where they are known."""
    records = _spf_of(dns, domain)
    if not records:
        return Finding("SPF", Verdict.FAIL, f"{domain} has no SPF record: publish what `domain records` shows")
    if len(records) > 1:
        return Finding(
            "SPF", Verdict.FAIL, f"{domain} has {len(records)} SPF records, which counts as none: merge them"
        )
    spf = _Spf(dns)
    verdicts = {address: spf.allows(domain, address) for address in addresses} or {"": spf.allows(domain, "192.0.2.1")}
    if spf.fault:
        return Finding("SPF", Verdict.FAIL, f"{domain}: {spf.fault}")
    refused = [address for address, allowed in verdicts.items() if address and not allowed]
    if refused:
        words = " ".join(f"ip{ipaddress.ip_address(a).version}:{a}" for a in refused)
        return Finding(
            "SPF", Verdict.FAIL, f"{domain} does not allow {', '.join(refused)}: add {words} before its `all`"
        )
    if not records[0].lower().split()[-1].endswith("all") and "redirect=" not in records[0].lower():
        return Finding("SPF", Verdict.WARN, f"{domain} does not say what of all others: end it with ~all or -all")
    if "+all" in records[0].lower().split() or " all" in records[0].lower():
        return Finding("SPF", Verdict.FAIL, f"{domain} allows everybody: end it with ~all or -all")
    known = f" and allows {', '.join(addresses)}" if addresses else ""
    return Finding("SPF", Verdict.OK, f"{domain} has a sound record{known}")


class _Spf:
    """check_host() of RFC 7208, for `allowed or not`, with its limit of lookups."""

    def __init__(self, dns: Lookups) -> None:
        self._dns = dns
        self.fault = ""
        self._lookups = 0

    def allows(self, domain: str, address: str) -> bool:
        self._lookups = 0
        return self._check(domain, ipaddress.ip_address(address), 0)

    def _check(self, domain: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address, depth: int) -> bool:
        records = _spf_of(self._dns, domain)
        if len(records) != 1:
            self.fault = self.fault or f"includes {domain}, which has {len(records) or 'no'} SPF records"
            return False
        redirect = ""
        for term in records[0].split()[1:]:
            word = term.lower()
            if word.startswith("redirect="):
                redirect = word.partition("=")[2]
                continue
            if "=" in word:
                continue
            passes = word[:1] not in "-~?"
            kind, _, value = word.lstrip("+-~?").partition(":")
            if kind.split("/")[0] in {"include", "a", "mx", "ptr", "exists"}:
                self._lookups += 1
                if self._lookups > MAX_SPF_LOOKUPS or depth > MAX_SPF_LOOKUPS:
                    self.fault = f"needs more than {MAX_SPF_LOOKUPS} lookups, and then counts as broken: flatten it"
                    return False
            if self._matches(kind, value, domain, address, depth):
                return passes
        if redirect:
            self._lookups += 1
            return self._check(redirect, address, depth + 1)
        return False

    def _matches(  # noqa: PLR0911  # a mechanism a line
        self, kind: str, value: str, domain: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address, depth: int
    ) -> bool:
        kind, _, own_prefix = kind.partition("/")
        target, _, prefix = value.partition("/")
        match kind:
            case "all":
                return True
            case "ip4" | "ip6":
                try:
                    return address in ipaddress.ip_network(value, strict=False)
                except ValueError:
                    self.fault = f"{kind}:{value} is no network"
                    return False
            case "include":
                return self._check(value, address, depth + 1)
            case "a":
                return _within(address, self._dns.addresses(target or domain), own_prefix or prefix)
            case "mx":
                hosts = [host for _, host in self._dns.mx(target or domain) if host]
                found = [a for host in hosts for a in self._dns.addresses(host)]
                return _within(address, found, own_prefix or prefix)
        return False


def _within(address: ipaddress.IPv4Address | ipaddress.IPv6Address, found: Sequence[str], prefix: str) -> bool:
    for text in found:
        network = ipaddress.ip_network(f"{text}/{prefix}" if prefix.isdigit() else text, strict=False)
        if address in network:
            return True
    return False


def _spf_of(dns: Lookups, domain: str) -> list[str]:
    return [text for text in dns.txt(domain) if text.lower() == "v=spf1" or text.lower().startswith("v=spf1 ")]


def check_dmarc(dns: Lookups, domain: str, bounce_domain: str) -> Finding:
    """A policy is published, and what we sign and return to is aligned with it."""
    for name in (domain, *_parents(domain)):
        found = [t for t in map(tags, dns.txt(f"_dmarc.{name}")) if t.get("v", "").upper() == "DMARC1"]
        if not found:
            continue
        if len(found) > 1:
            return Finding("DMARC", Verdict.FAIL, f"_dmarc.{name} has {len(found)} records, which counts as none")
        policy = found[0].get("p", "").lower()
        if policy not in {"none", "quarantine", "reject"}:
            return Finding(
                "DMARC", Verdict.FAIL, f"_dmarc.{name} says p={policy or 'nothing'}: none, quarantine or reject"
            )
        if found[0].get("aspf", "r").lower() == "s" and bounce_domain != domain:
            return Finding("DMARC", Verdict.WARN, f"_dmarc.{name} wants strict SPF alignment, and returns go to"
                           f" {bounce_domain}: DKIM alone aligns; say aspf=r")  # fmt: skip
        if "rua" not in found[0]:
            return Finding(
                "DMARC", Verdict.WARN, f"_dmarc.{name} asks for no reports: add rua=mailto:… to learn of abuse"
            )
        return Finding("DMARC", Verdict.OK, f"_dmarc.{name} says p={policy}")
    return Finding("DMARC", Verdict.FAIL, f"_dmarc.{domain} is missing: publish what `domain records` shows")


def check_return_path(dns: Lookups, bounce_domain: str) -> Finding:
    """Returned mail can come in: the bounce domain has a mail server with an address."""
    servers = dns.mx(bounce_domain)
    if not servers:
        return Finding("MX", Verdict.FAIL, f"{bounce_domain} has no MX: bounces and complaints can't come back")
    if servers == [(servers[0][0], "")]:
        return Finding("MX", Verdict.FAIL, f"{bounce_domain} has a null MX: it says that it takes no mail")
    lost = [host for _, host in servers if not dns.addresses(host)]
    if lost:
        return Finding("MX", Verdict.FAIL, f"the MX of {bounce_domain} names {', '.join(lost)}, which has no address")
    return Finding("MX", Verdict.OK, f"mail to {bounce_domain} goes to {', '.join(host for _, host in servers)}")


def check_reverse(dns: Lookups, address: str) -> Finding:
    """An address has a name that leads back to it (Gmail refuses mail from others: 550 5.7.25)."""
    names = dns.names(address)
    if not names:
        return Finding("reverse DNS", Verdict.FAIL, f"{address} has no name: ask whoever gave you the address for one")
    wanted = ipaddress.ip_address(address)
    if not any(wanted == ipaddress.ip_address(a) for name in names for a in dns.addresses(name)):
        return Finding("reverse DNS", Verdict.FAIL, f"{address} is called {names[0]}, which does not lead back to it")
    return Finding("reverse DNS", Verdict.OK, f"{address} is {names[0]}")


def records_to_publish(
    domain: str, bounce_domain: str, keys: Sequence[tuple[str, str]], addresses: Sequence[str], mail_host: str
) -> list[Record]:
    """What the DNS should hold; `keys` are (name, record)."""
    own = " ".join(f"ip{ipaddress.ip_address(a).version}:{a}" for a in addresses) or "include:THE-RELAY'S-SPF-DOMAIN"
    return [
        *(Record(name, "TXT", value) for name, value in keys),
        Record(bounce_domain, "TXT", f"v=spf1 {own} -all"),
        Record(bounce_domain, "MX", f"10 {mail_host}"),
        Record(f"_dmarc.{domain}", "TXT", f"v=DMARC1; p=none; rua=mailto:dmarc@{domain}"),
    ]


def quoted(value: str) -> str:
    """A TXT value as zone files take it: strings of 255 octets at most."""
    return " ".join(f'"{value[at : at + 255]}"' for at in range(0, len(value), 255))


def tags(text: str) -> dict[str, str]:
    """`v=DKIM1; k=rsa; p=…` as a mapping."""
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip().lower(): value.strip() for name, found, value in pairs if found}


def _parents(domain: str) -> list[str]:
    labels = domain.split(".")
    return [".".join(labels[at:]) for at in range(1, len(labels) - 1)]
