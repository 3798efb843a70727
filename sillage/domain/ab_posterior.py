"""What is believed of the versions' rates: Beta distributions after a flat one, for the picture beside the verdict.

These chances are not what the winner is named by: they answer how things look, at one look, and are as easily misled
by whoever looks often as any. The sequential test answers that.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sillage.domain.ab_test import Criterion
from sillage.domain.ab_verdict import Count

_DRAWS = 40_000
_TAIL = 2.5


@dataclass(frozen=True, slots=True)
class Belief:
    """What is believed of one version."""

    rate: float
    low: float
    high: float
    """The middle 95 % of its rate."""
    best: float
    """How likely it is the best of all."""
    lift: float | None
    lift_low: float | None
    lift_high: float | None
    """By how much its rate is above the first version's (below, where the fewest win), with the middle 95 %; None for
    the first itself."""


def beliefs(counts: Mapping[int, Count], *, criterion: Criterion) -> dict[int, Belief]:
    """By version, the first of which is compared with. The same counts give the same answer to the digit."""
    if not counts:
        return {}
    chance = np.random.default_rng(20_261_124)
    arms = list(counts)
    drawn = np.stack(
        [
            chance.beta(1 + counts[arm].reacted, 1 + counts[arm].people - counts[arm].reacted, _DRAWS)
            for arm in arms
        ]
    )  # fmt: skip
    sign = -1 if criterion.fewest_wins else 1
    best = np.bincount((sign * drawn).argmax(axis=0), minlength=len(arms)) / _DRAWS
    found = {}
    for number, arm in enumerate(arms):
        low, high = np.percentile(drawn[number], [_TAIL, 100 - _TAIL])
        mean = (1 + counts[arm].reacted) / (2 + counts[arm].people)
        rate = counts[arm].rate
        lift = lift_low = lift_high = None
        if number:
            differences = drawn[number] - drawn[0]
            lift = float(differences.mean())
            lift_low, lift_high = (float(v) for v in np.percentile(differences, [_TAIL, 100 - _TAIL]))
        found[arm] = Belief(
            mean if rate is None else rate, float(low), float(high), float(best[number]), lift, lift_low, lift_high
        )
    return found


def density(count: Count, points: int = 81) -> list[tuple[float, float]]:
    """The curve of what is believed of a version's rate: rates, and how likely each is against the likeliest (1.0)."""
    a, b = 1 + count.reacted, 1 + count.people - count.reacted
    mean = a / (a + b)
    spread = math.sqrt(mean * (1 - mean) / (a + b + 1))
    low, high = max(1e-6, mean - 4 * spread), min(1 - 1e-6, mean + 4 * spread)
    rates = np.linspace(low, high, points)
    log = (a - 1) * np.log(rates) + (b - 1) * np.log1p(-rates)
    heights = np.exp(log - log.max())
    return [(float(rate), float(height)) for rate, height in zip(rates, heights, strict=True)]
