"""Which servers take the mail of a recipient: the post office, or one of several relays. Direct mode: `direct`."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from sendworker.reply import Reply
from sendworker.smtp import Hop

REST_S = (1.0, 5.0, 15.0, 60.0)
"""A hop that failed is asked last for so long, by how often it failed in a row."""


class NoRouteError(Exception):
    """No server will ever take mail for this domain; `reply` says why, as a server would have."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.text)
        self.reply = reply


class Router(Protocol):
    """Finds the way."""

    def pool_of(self, address: str) -> str:
        """The name of the queue that a recipient's mail waits in: mail with the same name goes the same way."""

    async def hops(self, pool: str) -> Sequence[Hop]:
        """The servers for a pool, in the order to try them. Raises: NoRouteError, SessionError."""

    def tried(self, hop: Hop, *, worked: bool) -> None:
        """What came of connecting to a hop."""


@dataclass(slots=True)
class _Health:
    failures: int = 0
    resting_until: float = 0.0


class Relays:
    """One or several smart hosts: each gets connections by its weight; those that failed lately come last."""

    def __init__(
        self, hops: Sequence[tuple[Hop, float]], *, chance: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._hops = list(hops)
        self._chance = chance
        self._clock = clock
        self._health = [_Health() for _ in hops]

    def pool_of(self, address: str) -> str:  # noqa: ARG002  # the same way for all
        """All mail goes the same way."""
        return ""

    async def hops(self, pool: str) -> Sequence[Hop]:  # noqa: ARG002
        """The relays in order: drawn by weight (Efraimidis and Spirakis), those at rest behind the others."""
        now = self._clock()

        def place(at: int) -> tuple[bool, float]:
            _, weight = self._hops[at]
            return self._health[at].resting_until > now, -(max(self._chance(), 1e-12) ** (1.0 / weight))

        return [self._hops[at][0] for at in sorted(range(len(self._hops)), key=place)]

    def tried(self, hop: Hop, *, worked: bool) -> None:
        """Let a relay that failed rest, the longer the more often it failed in a row."""
        at = next(i for i, (known, _) in enumerate(self._hops) if known is hop)
        health = self._health[at]
        if worked:
            health.failures, health.resting_until = 0, 0.0
        else:
            rest = REST_S[min(health.failures, len(REST_S) - 1)]
            health.failures += 1
            health.resting_until = self._clock() + rest
