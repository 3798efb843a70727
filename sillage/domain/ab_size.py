"""How many people a test needs: those of the sequential design itself, not of a test that is looked at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

from sillage.domain.ab_boundary import boundaries, power, reacted_by, spent_by
from sillage.domain.ab_test import ERROR, POWER, Criterion, Decide

_NORMAL = NormalDist()
MIN_PEOPLE = 100
"""Below so many people in a version nothing is said of it."""
MIN_REACTIONS = 20
"""Reactions in two versions together, and people without one, below which nothing is said of them: with fewer the
normal distribution, by which the line is drawn, does not hold."""
_LEAST_NEWS = 0.02
"""A look is taken when the information has grown by so much: between, there is nothing new to see."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a test needs."""

    reached: int
    """People of each version who count in the rate."""
    size: int
    """People of each version to send to, so that so many count."""
    rate: float
    better: float
    """The rate that the better version has to have, and the usual one, both in the end."""
    seen: float
    """The share of all reactions that come before the test ends."""


def error_of_one(arms: int) -> float:
    """The one-sided error of each comparison of two versions.

    A version wins only if it beats each other one. Whoever is not the best has somebody at least as good, whom to beat
    by chance has this probability (an intersection-union test: Berger, Technometrics 24, 1982). Over all `arms` that
    could be named wrongly it adds up to 5 % at most (Bonferroni).
    """
    return ERROR / arms


@lru_cache(maxsize=256)
def drift_of(arms: int, hours: int, *, once: bool) -> float:
    """The mean of Z in the end at which a test with this design names the better version with 80 % certainty.

    `once`: looked at in the end alone; else each hour. The better of several must beat each other one, so each
    comparison may fail an equal part of the time.
    """
    ages = [hours] if once else ages_of(hours)
    error, wanted = error_of_one(arms), 1 - (1 - POWER) / (arms - 1)
    known = [reacted_by(age) for age in ages]
    lines = boundaries(known, [spent_by(age, hours, error) for age in ages])
    low, high = 1.0, 8.0
    for _ in range(24):
        middle = (low + high) / 2
        low, high = (middle, high) if power(known, lines, middle) < wanted else (low, middle)
    return high


def ages_of(hours: int) -> list[int]:
    """The ages, in hours, at which enough has come by the usual curve to look again."""
    found, last = [], 0.0
    for age in range(1, hours + 1):
        known = reacted_by(age)
        if age == hours or known - last >= _LEAST_NEWS * known:
            found.append(age)
            last = known
    return found


def propose(
    criterion: Criterion, rate: float, lift: float, *, arms: int, hours: int, decide: Decide, counted: float = 1.0
) -> Proposal:
    """The size of a test that sees a rate change by `lift` (both shares of one, in the end) within `hours`.

    `counted`: the share of those sent to who count in the rate (delivered, measurable). Where the fewest win the
    better rate is the lower one. Raises: ValueError where the better rate is none.
    """
    better = rate - lift if criterion.fewest_wins else rate + lift
    if not (0 < rate < 1 and 0 < better < 1 and lift > 0 and 0 < counted <= 1):
        raise ValueError(f"no test sees {rate:g} become {better:g}")
    # Reactivity is a share of those who reacted: it is what it is from the beginning, only of fewer people.
    grows = criterion is Criterion.REACTIVITY
    seen = reacted_by(hours)
    share = 1.0 if grows else seen
    pooled = share * (rate + better) / 2
    drift = drift_of(arms, hours, once=decide is Decide.AT_TIME)
    reached = math.ceil(drift**2 * 2 * pooled * (1 - pooled) / (share * lift) ** 2)
    reached = max(reached, MIN_PEOPLE, math.ceil(MIN_REACTIONS / (2 * min(pooled, 1 - pooled))))
    size = math.ceil(reached / (counted * (seen if grows else 1.0)))
    return Proposal(reached, size, rate, better, seen)


def once_looked_at(rate: float, better: float) -> int:
    """People of each of two versions in a test of fixed size, two-sided 5 %, power 80 %: to compare with."""
    z = _NORMAL.inv_cdf(1 - ERROR / 2) + _NORMAL.inv_cdf(POWER)
    return math.ceil(z**2 * (rate * (1 - rate) + better * (1 - better)) / (better - rate) ** 2)
