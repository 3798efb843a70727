"""The line that a difference has to cross at each look, so that looking often names no false winner.

A group-sequential test with error spending. The score of a look is W = (p_i - p_j)·m / (1 - p), with p the pooled share
of those who have reacted by then and m = n_i·n_j / (n_i + n_j). While nothing but chance divides two versions, W is a
martingale over the age of the messages, with variance I = m·p / (1 - p): for s < t the covariance of the two numbers of
reactions is n·p(s)·(1 - p(t)), hence Cov(W(s), W(t)) = I(s). So looks have the joint distribution on which sequential
tests are built (Jennison and Turnbull, Group Sequential Methods, 2000, chapter 3), with I as information. It grows
although no message leaves any more, because reactions come late.

How much of the error a look may spend is fixed by the age alone, before anything is seen: that is allowed with
information that grows otherwise (Lan and DeMets, "Group sequential procedures: calendar versus information time",
Statistics in Medicine 8, 1989), and so no guess of the final rate can break the test. The spending function is theirs
after O'Brien and Fleming ("Discrete sequential boundaries for clinical trials", Biometrika 70, 1983): next to nothing
early, so that a test is hardly larger than one that is looked at once. The line itself comes from the recursive
integration of Armitage, McPherson and Rowe (JRSS A 132, 1969).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import NormalDist

import numpy as np

Grid = np.ndarray[tuple[int], np.dtype[np.float64]]

_NORMAL = NormalDist()
_POINTS = 257
_FAR = 8.0
"""Standard deviations that the integration goes out to: what lies beyond is below 1e-15."""
NEVER = math.inf
_NOTHING = 1e-9
HALF_AFTER_H = 3.0
"""Hours until half of all reactions have come, in the curve that errors are spent along."""


def reacted_by(hours: float) -> float:
    """Share of all reactions that come within so many hours: a stretched exponential with half of them in 3 hours,
    86 % in a day and 97 % in three.

    Only the power of a test hangs on how well it fits, never its error. The shape follows published curves of opens
    (half within hours, a tail of days).
    """
    return 1.0 - math.exp(-math.log(2) * math.sqrt(max(0.0, hours) / HALF_AFTER_H))


def spent_by(age: float, hours: float, error: float) -> float:
    """The one-sided error that looks up to an age (hours) may have spent, of `error` in all; all of it at the end."""
    share = 1.0 if age >= hours else reacted_by(age) / reacted_by(hours)
    if share <= 0:
        return 0.0
    return 2.0 * (1.0 - _NORMAL.cdf(_NORMAL.inv_cdf(1.0 - error / 2) / math.sqrt(share)))


def boundaries(information: Sequence[float], spent: Sequence[float]) -> list[float]:
    """The line of each look on the scale of Z = W / √I, two-sided and symmetric; `NEVER` where nothing can be said yet.

    `information` rises; `spent` is the error that may have been spent on one side up to each look.
    """
    return list(_after(tuple(information), tuple(spent))[0])


@lru_cache(maxsize=2048)
def _after(information: tuple[float, ...], spent: tuple[float, ...]) -> tuple[tuple[float, ...], float, _Walk]:
    """The lines of some looks, what they have spent, and the paths that go on: a look more adds to the looks before."""
    if not information:
        return (), 0.0, _Walk(0.0)
    lines, before, walk = _after(information[:-1], spent[:-1])
    walk = walk.copy()
    known, allowed = information[-1], spent[-1]
    walk.advance(known)
    line = walk.line(allowed - before)
    walk.stop_at(line)
    return (*lines, line / math.sqrt(known)), before if line is NEVER else allowed, walk


def power(information: Sequence[float], lines: Sequence[float], drift: float) -> float:
    """How likely a path with Z of mean `drift` at the last look crosses the upper line at some look."""
    whole = information[-1]
    walk, crossed = _Walk(drift / math.sqrt(whole)), 0.0
    for known, line in zip(information, lines, strict=True):
        walk.advance(known)
        at = line * math.sqrt(known)
        crossed += walk.above(at)
        walk.stop_at(at)
    return crossed


class _Walk:
    """The density of W over those paths that have not crossed yet. `slope`: mean of W per unit of information."""

    def __init__(self, slope: float) -> None:
        self._slope = slope
        self._known = 0.0
        self._at: Grid = np.zeros(1)
        self._mass: Grid = np.ones(1)
        self._step = 0.0
        self._next = 0.0

    def copy(self) -> _Walk:
        """Another that goes on from the same looks."""
        other = _Walk(self._slope)
        other._known, other._at, other._mass = self._known, self._at, self._mass
        return other

    def advance(self, known: float) -> None:
        """Go on to a look with so much information."""
        self._step = math.sqrt(known - self._known)
        self._mean: Grid = self._at + self._slope * (known - self._known)
        self._next = known

    def above(self, line: float) -> float:
        """The probability of being above a line at this look."""
        if line is NEVER or math.isinf(line):
            return 0.0
        return float(np.dot(self._mass, _tail((line - self._mean) / self._step)))

    def line(self, allowed: float) -> float:
        """The line that is crossed with a given probability."""
        if allowed <= _NOTHING:
            return NEVER
        low, high = 0.0, _FAR * math.sqrt(self._next)
        for _ in range(34):
            middle = (low + high) / 2
            low, high = (middle, high) if self.above(middle) > allowed else (low, middle)
        return high

    def stop_at(self, line: float) -> None:
        """Take those out who crossed, on either side."""
        centre = self._slope * self._next
        reach = _FAR * math.sqrt(self._next)
        low, high = max(-line, centre - reach), min(line, centre + reach)
        grid = np.linspace(low, high, _POINTS) if low < high else np.zeros(1)
        width = (high - low) / (_POINTS - 1) if low < high else 0.0
        weights = np.full(len(grid), width)
        weights[0] = weights[-1] = width / 2
        away = (grid[:, None] - self._mean[None, :]) / self._step
        density = np.exp(-0.5 * away * away) / (self._step * math.sqrt(2 * math.pi))
        self._mass = weights * (density @ self._mass)
        self._at, self._known = grid, self._next


def _tail(z: Grid) -> Grid:
    """1 - Φ(z), good to a ten-millionth of itself: between tabled values its logarithm is all but straight."""
    at, log = _tails()
    found: Grid = np.exp(np.interp(z, at, log))
    return found


@lru_cache(maxsize=1)
def _tails() -> tuple[Grid, Grid]:
    at = np.linspace(-12.0, 36.0, 24_001)
    return at, np.log([0.5 * math.erfc(value / math.sqrt(2)) for value in at.tolist()])
