"""Sharing a provider's room between campaigns: weighted round robin that remembers what it owes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

K = TypeVar("K")


def allot(room: int, weights: Mapping[K, int], credit: Mapping[K, float]) -> tuple[dict[K, int], dict[K, float]]:
    """How many of `room` each gets, and the credit that each takes to the next round.

    Each is owed its part by weight, added to its credit; whole messages are given out, the last ones to whom most is
    owed. Credits sum up to 0 again, so nobody is ahead of its part by more than some messages, ever.
    """
    if room <= 0 or not weights:
        return {}, dict(credit)
    total = sum(weights.values())
    owed = {key: credit.get(key, 0.0) + room * weight / total for key, weight in weights.items()}
    given = {key: max(0, int(part)) for key, part in owed.items()}
    while sum(given.values()) > room:
        last = min((k for k in given if given[k]), key=lambda k: owed[k] - given[k])
        given[last] -= 1
    while sum(given.values()) < room:
        first = max(given, key=lambda k: owed[k] - given[k])
        given[first] += 1
    return given, {key: owed[key] - given[key] for key in owed}
