"""The mailbox provider of an address, by its domain: who takes the mail, and whether it reports complaints."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from sillage.errors import BadInput

PROVIDERS_PATH = Path(__file__).resolve().parents[2] / "data" / "providers.toml"
OTHER = "other"
"""Everybody else: a vanity domain names a person, so it is never shown as a provider."""


class Complaints(StrEnum):
    """What a provider tells senders about complaints."""

    INDIVIDUAL = "individual"
    AGGREGATED = "aggregated"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Provider:
    """A mailbox provider with the domains that it takes mail for."""

    name: str
    domains: frozenset[str]
    complaints: Complaints
    source: str
    date: str
    mx: frozenset[str] = frozenset()
    """What the names of its mail servers end with, its customers' domains included."""


@cache
def providers(path: Path = PROVIDERS_PATH) -> tuple[Provider, ...]:
    """All providers of the list, `other` not among them.

    Raises: BadInput where an entry is incomplete or a domain stands twice.
    """
    found: list[Provider] = []
    seen: set[str] = set()
    for entry in tomllib.loads(path.read_text(encoding="utf-8"))["provider"]:
        try:
            provider = Provider(
                entry["name"],
                frozenset(entry["domains"]),
                Complaints(entry["complaints"]),
                entry["source"],
                str(entry["date"]),
                frozenset(entry.get("mx", ())),
            )
        except (KeyError, ValueError) as exc:
            raise BadInput(f"{path.name}: provider {entry.get('name')!r}: {exc}", code="bad_providers") from exc
        if twice := seen & provider.domains:
            raise BadInput(f"{path.name}: {', '.join(sorted(twice))} stands twice", code="bad_providers")
        seen |= provider.domains
        found.append(provider)
    return tuple(found)


@cache
def by_domain(path: Path = PROVIDERS_PATH) -> dict[str, str]:
    """Domain (lower case, ASCII) → provider's name."""
    return {domain: provider.name for provider in providers(path) for domain in provider.domains}


def provider_of(domain: str) -> str:
    """The provider's name for a domain; `other` where it is not on the list."""
    return by_domain().get(domain.lower(), OTHER)


def provider_of_mx(hosts: Sequence[str]) -> str | None:
    """The provider that takes the mail of a domain with these mail servers, the preferred first; None: none we know."""
    suffixes = {suffix: provider.name for provider in providers() for suffix in provider.mx}
    for host in hosts:
        labels = host.lower().rstrip(".").split(".")
        for start in range(len(labels)):
            name = suffixes.get(".".join(labels[start:]))
            if name is not None:
                return name
    return None


def reports_complaints(name: str) -> bool:
    """Whether a provider tells who complained: only those are in the denominator of the complaint rate."""
    return any(p.name == name and p.complaints is Complaints.INDIVIDUAL for p in providers())
