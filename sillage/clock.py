"""Business time, shared by all processes and able to run fast in demos and tests.

Only what a marketer would put in a diary runs on it: due times, opens, deadlines of retries.
Leases, windows and timeouts use `time.monotonic()`, whatever this clock says.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sillage.errors import BadInput


@dataclass(frozen=True, slots=True)
class Clock:
    """Business time = `origin` + (wall time - `wall`) x `speed`; by default it is wall time itself."""

    origin: float = 0.0
    wall: float = 0.0
    speed: float = 1.0

    def now(self) -> datetime:
        """The present moment in UTC, to the microsecond."""
        return datetime.fromtimestamp(self.origin + (time.time() - self.wall) * self.speed, UTC)

    def wall_seconds(self, business: timedelta) -> float:
        """How long a stretch of business time takes on the wall, in seconds."""
        return business.total_seconds() / self.speed

    @classmethod
    def started_now(cls, *, origin: datetime, speed: float) -> Clock:
        """A clock that shows `origin` now and goes on `speed` times as fast as the wall."""
        return cls(origin.timestamp(), time.time(), speed)

    @classmethod
    def parse(cls, text: str) -> Clock:
        """Read `ORIGIN@WALL*SPEED`, both in seconds since 1970; an empty text is wall time.

        Raises: BadInput.
        """
        if not text:
            return cls()
        try:
            origin, rest = text.split("@")
            wall, speed = rest.split("*")
            clock = cls(float(origin), float(wall), float(speed))
        except ValueError as exc:
            raise BadInput(
                f"SILLAGE_CLOCK is {text!r}; write ORIGIN@WALL*SPEED, as in 1795600000@1795600000*60",
                code="bad_clock",
            ) from exc
        if clock.speed <= 0:
            raise BadInput("SILLAGE_CLOCK must run forward: SPEED above 0", code="bad_clock")
        return clock

    def __str__(self) -> str:
        return f"{self.origin!r}@{self.wall!r}*{self.speed!r}"
