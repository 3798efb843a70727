"""Which version wins: the pooled difference at equal age against the line of the sequential test."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sillage.domain.ab_boundary import NEVER, boundaries, spent_by
from sillage.domain.ab_size import MIN_PEOPLE, MIN_REACTIONS, error_of_one
from sillage.domain.ab_test import Criterion, Decide

_LEAST_NEWS = 1.02
"""Information grows by this factor from a look to the next: between them there is nothing new to see."""


@dataclass(frozen=True, slots=True)
class Count:
    """A version at one age: of so many people who count, so many have reacted."""

    people: int
    reacted: int

    @property
    def rate(self) -> float | None:
        """The share; None of nobody."""
        return self.reacted / self.people if self.people else None


@dataclass(frozen=True, slots=True)
class Look:
    """All versions when each message was so many hours old, by the versions' ids."""

    age: int
    counts: Mapping[int, Count]


class Standing(StrEnum):
    """Where a test stands."""

    WAITING = "waiting"
    """Nothing can be said yet: too few people, reactions or hours."""
    OPEN = "open"
    """Nobody is ahead beyond chance so far."""
    SURE = "sure"
    INCONCLUSIVE = "inconclusive"
    """The hours are over, and nobody is ahead beyond chance."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the looks so far say."""

    standing: Standing
    winner: int | None = None
    age: int = 0
    """Hours of age at which it was sure, or up to which it looked."""
    z: float | None = None
    line: float | None = None
    """The smallest difference of the leader to another version in standard errors, and the line it has to cross."""


def judge(looks: Sequence[Look], *, criterion: Criterion, decide: Decide, hours: int) -> Verdict:
    """The verdict after some looks, in the order of their age, all at the same people.

    A version is the winner at the first look at which it is ahead of each other one beyond that look's line. Decided
    at a time, there is one look: the last. The same looks give the same verdict, whoever looks and however often.
    """
    looks = [look for look in looks if 1 <= look.age <= hours]
    if decide is Decide.AT_TIME:
        looks = [look for look in looks if look.age == hours]
    arms = sorted({arm for look in looks for arm in look.counts})
    if len(arms) < 2:  # noqa: PLR2004  # one alone is not compared
        return Verdict(Standing.WAITING)
    error = error_of_one(len(arms))
    pairs = {
        (one, other): _compared(looks, one, other, criterion, hours, error)
        for number, one in enumerate(arms)
        for other in arms[number + 1 :]
    }
    latest = Verdict(Standing.WAITING, age=looks[-1].age)
    for look in looks:
        leader = _leader(look, criterion)
        against = [_seen_from(leader, pair, found.get(look.age)) for pair, found in pairs.items() if leader in pair]
        if not against or None in against:
            continue
        z, line = min((one for one in against if one is not None), key=lambda one: one[0] - one[1])
        if z >= line:
            return Verdict(Standing.SURE, leader, look.age, z, line)
        latest = Verdict(Standing.OPEN, None, look.age, z, None if math.isinf(line) else line)
    if looks[-1].age >= hours:
        return Verdict(Standing.INCONCLUSIVE, None, hours, latest.z, latest.line)
    return latest


def _leader(look: Look, criterion: Criterion) -> int:
    sign = -1 if criterion.fewest_wins else 1
    return max(sorted(look.counts), key=lambda arm: sign * (look.counts[arm].rate or 0.0))


def _compared(
    looks: Sequence[Look], one: int, other: int, criterion: Criterion, hours: int, error: float
) -> dict[int, tuple[float, float]]:
    """By age: how far the first version is ahead, in standard errors, and the line. Ages that tell nothing are out."""
    found: list[tuple[int, float]] = []
    information: list[float] = []
    for look in looks:
        measured = _score(look.counts.get(one), look.counts.get(other), criterion)
        if measured is None:
            continue
        z, known = measured
        if information and known < information[-1] * _LEAST_NEWS:
            if look.age < hours:
                continue
            # The last look spends what is left, whether or not anything has come since the one before.
            known = max(known, information[-1] * (1 + 1e-6))
        found.append((look.age, z))
        information.append(known)
    # The line hangs on the ratios alone. Those to the first look stay, so a look more goes on from the looks before.
    scale = information[0] if information else 1.0
    ratios = [round(known / scale, 9) for known in information]
    lines = boundaries(ratios, [spent_by(age, hours, error) for age, _ in found])
    return {age: (z, line) for (age, z), line in zip(found, lines, strict=True)}


def _score(one: Count | None, other: Count | None, criterion: Criterion) -> tuple[float, float] | None:
    """Z and information of two versions, from the first one's side; None where there is too little to say."""
    if one is None or other is None or min(one.people, other.people) < MIN_PEOPLE:
        return None
    people, reacted = one.people + other.people, one.reacted + other.reacted
    if min(reacted, people - reacted) < MIN_REACTIONS:
        return None
    pooled = reacted / people
    each = one.people * other.people / people
    ahead = one.reacted / one.people - other.reacted / other.people
    z = ahead / math.sqrt(pooled * (1 - pooled) / each)
    # Reactivity is a share of a number that grows: each newcomer is one more draw, and information their number.
    known = each if criterion is Criterion.REACTIVITY else each * pooled / (1 - pooled)
    return (-z if criterion.fewest_wins else z), known


def _seen_from(leader: int, pair: tuple[int, int], found: tuple[float, float] | None) -> tuple[float, float] | None:
    if found is None:
        return None
    z, line = found
    return (z if pair[0] == leader else -z), (line if line is not NEVER else math.inf)
