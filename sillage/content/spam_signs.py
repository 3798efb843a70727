"""What a check of a mail reports, and the lists that the checks share."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Sign:
    """A rule that spoke (its name in data/spam_rules.toml), what it saw, and whether it is the stronger case."""

    rule: str
    found: tuple[str, ...] = ()
    is_strong: bool = False


@cache
def listed(name: str) -> frozenset[str]:
    """One of the lists of data/spam_rules.toml: `shorteners`, `freemail`, `abused_ends`."""
    with (Path(__file__).parents[2] / "data" / "spam_rules.toml").open("rb") as file:
        return frozenset(tomllib.load(file)[name])
