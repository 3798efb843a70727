"""Chance that is the same in every run: each draw is a function of the seed and of the words that name it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import TypeVar

T = TypeVar("T")

_NORMAL = NormalDist()


def draw(seed: int, *words: str) -> float:
    """A number between 0 and 1, both excluded, uniform over names."""
    digest = hashlib.blake2b(
        "\x1f".join((str(seed), *words)).encode("utf-8", "surrogateescape"), digest_size=8
    ).digest()
    return ((int.from_bytes(digest, "big") >> 11) + 0.5) / (1 << 53)


def pick(seed: int, choices: Sequence[T], *words: str) -> T:
    """One of the choices, each as likely."""
    return choices[int(draw(seed, *words) * len(choices))]


def delay(seed: int, *words: str, median: float, sigma: float, longest: float) -> float:
    """A log-normal delay in seconds, at most `longest`: most people are quick, some take days."""
    return min(longest, median * math.exp(sigma * _NORMAL.inv_cdf(draw(seed, *words))))
