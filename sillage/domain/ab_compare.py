"""Versions of a campaign that is over, compared once: the two best, what divides them, and whether that is chance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sillage.domain.ab_posterior import beliefs
from sillage.domain.ab_test import Criterion, Decide
from sillage.domain.ab_verdict import Count, Look, Verdict, judge


@dataclass(frozen=True, slots=True)
class Compared:
    """The two best versions and the verdict on all of them."""

    verdict: Verdict
    first: int = 0
    second: int = 0
    rates: tuple[float, float] = (0.0, 0.0)
    lift: float | None = None
    """By how much the first is better than the second, a share of one; None where fewer than two can be compared."""
    interval: tuple[float, float] = (0.0, 0.0)
    """The middle 95 % of it."""


def compare(counts: Mapping[int, Count], criterion: Criterion = Criterion.CLICKS) -> Compared:
    """One look at the end, two-sided 5 % over all versions: for campaigns that nobody decides anything by."""
    rated = {arm: count for arm, count in sorted(counts.items()) if count.rate is not None}
    verdict = judge([Look(1, rated)], criterion=criterion, decide=Decide.AT_TIME, hours=1)
    if len(rated) < 2:  # noqa: PLR2004  # one alone is not compared
        return Compared(verdict)
    sign = -1 if criterion.fewest_wins else 1
    ranked = sorted(rated, key=lambda arm: (-sign * (rated[arm].rate or 0.0), arm))
    first, second = ranked[:2]
    believed = beliefs({second: rated[second], first: rated[first]}, criterion=criterion)[first]
    return Compared(
        verdict, first, second, (rated[first].rate or 0.0, rated[second].rate or 0.0), believed.lift,
        (believed.lift_low or 0.0, believed.lift_high or 0.0),
    )  # fmt: skip
