"""Business time as the post office reads it: the same string, the same formula, a reading of its own."""

from __future__ import annotations

import time
from dataclasses import dataclass


class BadClock(ValueError):
    """The clock's text is not ORIGIN@WALL*SPEED."""


@dataclass(frozen=True, slots=True)
class BusinessClock:
    """Business time = `origin` + (wall time - `wall`) x `speed`, all in seconds since 1970."""

    origin: float = 0.0
    wall: float = 0.0
    speed: float = 1.0

    def now(self) -> float:
        """Business time in seconds since 1970."""
        return self.origin + (time.time() - self.wall) * self.speed

    def wall_wait(self, due: float) -> float:
        """Wall seconds until a moment of business time; below zero when it is past."""
        return (due - self.now()) / self.speed

    def later(self, wall_seconds: float) -> float:
        """The business time that it will be after so many seconds on the wall."""
        return self.now() + wall_seconds * self.speed

    @classmethod
    def parse(cls, text: str) -> BusinessClock:
        """Read `ORIGIN@WALL*SPEED`; an empty text is wall time.

        Raises: BadClock.
        """
        if not text:
            return cls()
        try:
            origin, rest = text.split("@")
            wall, speed = rest.split("*")
            clock = cls(float(origin), float(wall), float(speed))
        except ValueError as exc:
            raise BadClock(f"the clock is {text!r}; write ORIGIN@WALL*SPEED, as in 1795600000@1795600000*60") from exc
        if not 0 < clock.speed < float("inf"):
            raise BadClock("the clock must run forward: SPEED above 0")
        return clock
