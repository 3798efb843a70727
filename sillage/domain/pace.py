"""How fast a mailbox provider is served: it slows us down at once and lets us come back slowly (AIMD). Pure.

Rates are messages a second, times are seconds since 1970 by the wall: a clock that jumps forward lets us come back
too early, and the provider's next word slows us down again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

HALF = 0.5
SLOWEST = 0.1
"""Messages a second that are left to a provider that slows us down again and again: one in ten seconds still asks."""
STEPS_BACK = 20
"""From a standstill back to what was wanted takes twenty steps. Answers to what was in flight when we slowed down
come for some time: those within half a step count once, together."""
IN_A_ROW = 3
ONE_IN = 10
"""A provider that says "slower" to three messages on end, or to one in ten of those of late, means all of them; one
among hundreds that it takes is about that message, or a server of many that was busy."""
OF_LATE = 100
"""How many answers back a provider's answers count, the older the less."""
PUSH_BACK_REASONS = frozenset({"rate_limited"})
HARMLESS_REASONS = frozenset({"greylisted"})


@dataclass(frozen=True, slots=True)
class Rate:
    """What a provider is given at most: connections at once, messages on each, messages a second (None: no limit)."""

    connections: int
    per_connection: int
    per_second: float | None
    recovery_s: float = 200.0
    """Seconds that it takes to come back from a standstill after the provider slowed us down."""

    @property
    def step_s(self) -> float:
        """Seconds without a complaint that make one step back up."""
        return self.recovery_s / STEPS_BACK


@dataclass(frozen=True, slots=True)
class Pace:
    """How far a provider has slowed us down; None where it has not. `wanted` is the rate to come back to."""

    changed_at: float
    connections: int | None = None
    per_second: float | None = None
    wanted: float | None = None

    @property
    def is_slowed(self) -> bool:
        """Whether less goes out than the ceiling lets."""
        return self.connections is not None or self.per_second is not None


def pushes_back(code: int | None, status: str | None, reason: str | None) -> bool:
    """Whether an answer says "slower": 421, or 4.7.x (RFC 3463), unless it is greylisting, which means one person."""
    if reason in HARMLESS_REASONS or code is None:
        return False
    return code == 421 or reason in PUSH_BACK_REASONS or (400 <= code < 500 and (status or "").startswith("4.7."))  # noqa: PLR2004


@dataclass(slots=True)
class Answers:
    """What a provider has answered of late: whether a "slower" among it is meant for all that we send there."""

    heard: float = 0.0
    slower: float = 0.0
    in_a_row: int = 0

    def hear(self, *, slower: bool) -> bool:
        """Hear one more answer; whether the provider is to be served slower from now on.

        Who has hardly said anything yet is taken at his first word.
        """
        keep = 1 - 1 / OF_LATE
        self.heard = self.heard * keep + 1
        self.slower = self.slower * keep + slower
        self.in_a_row = self.in_a_row + 1 if slower else 0
        return slower and (self.in_a_row >= IN_A_ROW or self.slower * ONE_IN >= self.heard)


def slowed(pace: Pace, rate: Rate, *, seen: float, now: float) -> Pace:
    """After a provider said "slower" while `seen` messages a second left: half of what went out, and half the lines."""
    if pace.is_slowed and 0 <= now - pace.changed_at < rate.step_s / 2:
        return pace
    known = [r for r in (pace.per_second, rate.per_second) if r is not None]
    before = min([*known, max(seen, SLOWEST)]) if known or seen > 0 else 1.0
    wanted = pace.wanted or rate.per_second or before
    return Pace(
        changed_at=now,
        connections=max(1, (pace.connections or rate.connections) // 2),
        per_second=max(SLOWEST, before * HALF),
        wanted=wanted,
    )


def eased(pace: Pace, rate: Rate, *, now: float) -> Pace:
    """Back up by a step for each while that nobody complained.

    Where no ceiling is set, it goes on to twice the rate at which it was slowed, before the limit falls.
    """
    if not pace.is_slowed:
        return pace
    if now < pace.changed_at:
        # The clock was set back: without this, nothing would move until it has caught up.
        return replace(pace, changed_at=now)
    steps = int((now - pace.changed_at) / rate.step_s)
    if steps < 1:
        return pace
    wanted = pace.wanted or SLOWEST
    top = rate.per_second if rate.per_second is not None else 2 * wanted
    per_second = (pace.per_second or top) + steps * max(SLOWEST, wanted / STEPS_BACK)
    connections = (pace.connections or rate.connections) + steps
    if per_second >= top and connections >= rate.connections:
        return Pace(changed_at=now)
    return Pace(now, min(connections, rate.connections), min(per_second, top), wanted)


def limit(pace: Pace, rate: Rate) -> Rate:
    """What may leave for a provider now, by all workers together."""
    per_second = min((r for r in (pace.per_second, rate.per_second) if r is not None), default=None)
    connections = min(rate.connections, pace.connections if pace.connections is not None else rate.connections)
    return Rate(connections, rate.per_connection, per_second, rate.recovery_s)


def share(whole: Rate, others: Sequence[Rate], rank: int) -> Rate:
    """This worker's part, where `others` hold theirs and it is the `rank`-th (from 0) of them all in order.

    Never more than the others leave, so that the sum stays within the whole while shares move; where there are more
    workers than connections, those of the last ranks get nothing.
    """
    workers = len(others) + 1
    fair = whole.connections // workers + (1 if rank < whole.connections % workers else 0)
    connections = max(0, min(fair, whole.connections - sum(o.connections for o in others)))
    if whole.per_second is None:
        return Rate(connections, whole.per_connection, None)
    part = whole.per_second / min(workers, max(whole.connections, 1))
    taken = sum(o.per_second if o.per_second is not None else part for o in others if o.connections)
    return Rate(
        connections, whole.per_connection, max(0.0, min(part, whole.per_second - taken)) if connections else 0.0
    )


@dataclass(slots=True)
class Bucket:
    """Messages that may leave now, filled at a rate and holding a fifth of a second's worth, or one."""

    per_second: float | None
    level: float = 1.0
    at: float = 0.0
    """Monotonic seconds of the last look."""

    def room(self, now: float) -> int | None:
        """Whole messages that may leave now; None where there is no limit."""
        if self.per_second is None:
            self.at = now
            return None
        most = max(1.0, self.per_second * 0.2)
        self.level = min(most, self.level + max(0.0, now - self.at) * self.per_second)
        self.at = now
        return max(0, int(self.level + 1e-9))

    def take(self, count: int) -> None:
        """Note that `count` were claimed; a negative count gives back."""
        if self.per_second is not None:
            self.level -= count
