"""What makes an address suspicious: rules as data, read once."""

from __future__ import annotations

import string
import tomllib
from dataclasses import dataclass
from functools import cache

from sillage.settings import ROOT

RULES_PATH = ROOT / "data" / "hygiene.toml"
DISPOSABLE_PATH = ROOT / "data" / "disposable_domains.txt"
_LETTERS = string.ascii_lowercase + string.digits + "-"
_MIN_NAME = 5
"""One letter beside a shorter name (free.fr, live.com) is more likely another domain than a mistake."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of hygiene."""

    typos: dict[str, str]
    """Domain as it was typed → domain as it was meant."""
    roles: frozenset[str]
    disposable: frozenset[str]
    inactive_days: int
    inactive_messages: int


def one_off(domain: str) -> set[str]:
    """Domains that one slip of the fingers makes of another: a letter missing, doubled or wrong, or two swapped."""
    name, dot, ending = domain.partition(".")
    slips = {name[:n] + name[n + 1 :] for n in range(len(name))}
    slips |= {name[:n] + name[n + 1] + name[n] + name[n + 2 :] for n in range(len(name) - 1)}
    slips |= {name[:n] + letter + name[n + 1 :] for n in range(1, len(name)) for letter in _LETTERS}
    slips |= {name[:n] + letter + name[n:] for n in range(1, len(name) + 1) for letter in _LETTERS}
    return {f"{slip}{dot}{ending}" for slip in slips if slip and not slip.startswith("-") and not slip.endswith("-")}


@cache
def rules() -> Rules:
    """The rules of `data/hygiene.toml` and the list of disposable domains."""
    said = tomllib.loads(RULES_PATH.read_text(encoding="utf-8"))
    lines = DISPOSABLE_PATH.read_text(encoding="utf-8").splitlines()
    disposable = frozenset(line for line in lines if line and not line.startswith("#"))
    big = said["domains"]["big"]
    apart = {*big, *said["domains"]["real"]}
    typos: dict[str, str] = {}
    for domain in big:
        if len(domain.partition(".")[0]) >= _MIN_NAME:
            for slip in one_off(domain) - apart:
                # The first of the list is the most common: a slip between two is most likely of that.
                typos.setdefault(slip, domain)
    typos |= said["domains"]["known_typos"]
    return Rules(
        typos=typos,
        roles=frozenset(said["roles"]["names"]),
        # Some throw-away domains lie in wait for slips: whoever typed one meant the big domain.
        disposable=disposable - typos.keys(),
        inactive_days=int(said["inactive"]["days"]),
        inactive_messages=int(said["inactive"]["messages"]),
    )
