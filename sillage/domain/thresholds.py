"""Thresholds and what they say of a count: pure. The rows are dbt's seed, with overrides per account."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

_Z = 1.959963984540054
ESCALATION = 2.0
"""A resumed campaign stops again where its whole rate is twice what the analyst went on with."""


class Level(StrEnum):
    """How grave it is."""

    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Threshold:
    """One row of the table in design: shares of one, minima on the rate's own numerator and denominator."""

    metric: str
    scope: str
    window_name: str
    window_seconds: int | None
    warn_at: float | None
    critical_at: float
    min_denominator: int
    min_events: int
    when_critical: str

    @property
    def window(self) -> timedelta | None:
        """How far back it looks; None: the whole campaign."""
        return None if self.window_seconds is None else timedelta(seconds=self.window_seconds)


def judge(threshold: Threshold, numerator: int, denominator: int) -> Level:
    """What a count is worth. Below either minimum nothing is judged: 1 of 20 is no alarm."""
    if denominator <= 0 or denominator < threshold.min_denominator or numerator < threshold.min_events:
        return Level.OK
    value = numerator / denominator
    if value >= threshold.critical_at:
        return Level.CRITICAL
    if threshold.warn_at is not None and value >= threshold.warn_at:
        return Level.WARNING
    return Level.OK


def could_be_critical(threshold: Threshold, numerator_at_most: int, denominator_at_least: int) -> bool:
    """Whether so many events could have passed the line, if nobody else was sent since the denominator was seen.

    What is sent only grows, so a denominator must be counted again only where this says yes: a healthy campaign of a
    million is counted some dozen times, not each second.
    """
    if numerator_at_most < threshold.min_events:
        return False
    return numerator_at_most >= threshold.critical_at * max(denominator_at_least, threshold.min_denominator)


def wilson(numerator: int, denominator: int) -> tuple[float, float] | None:
    """Bounds of the 95 % interval of a share, by Wilson (1927); None over nothing. As dbt's macro of that name."""
    if denominator <= 0:
        return None
    n, p = float(denominator), numerator / denominator
    middle = p + _Z * _Z / 2 / n
    reach = _Z * math.sqrt(p * (1 - p) / n + _Z * _Z / 4 / (n * n))
    scale = 1 + _Z * _Z / n
    return max(0.0, min(p, (middle - reach) / scale)), min(1.0, max(p, (middle + reach) / scale))


def has_escalated(threshold: Threshold, *, before: tuple[int, int], now: tuple[int, int]) -> bool:
    """Whether a rate (numerator, denominator) that an analyst went on with has become twice as bad, by new events."""
    if not before[1] or not now[1]:
        return False
    is_worse = now[0] / now[1] >= ESCALATION * before[0] / before[1]
    return is_worse and now[0] - before[0] >= max(threshold.min_events, 1)
