"""One worker's part of a provider's rate: how many messages may leave now, and what was heard of the provider."""

from __future__ import annotations

import time

from sillage.domain.pace import Answers, Bucket, Rate, pushes_back
from sillage.store.deliveries import Outcome
from sillage.store.rates import Feedback

IDLE_S = 5.0
"""A provider that nothing was claimed for in so long gives its share back."""
SEEN_OVER_S = 0.8
"""The shortest time that says how many messages a second leave: over less, a lull looks like a standstill."""


class Pacer:
    """Holds a worker's share of a provider."""

    def __init__(self, share: Rate) -> None:
        now = time.monotonic()
        self._bucket = Bucket(share.per_second, at=now)
        self._share = share
        self._answers = Answers()
        self._pushed_back: str | None = None
        self._left = 0
        self._per_second = 0.0
        self._since = now
        self._used_at = now

    def lease(self, share: Rate) -> None:
        """From now on this is what may be used; what was saved up of the old share stays within the new one."""
        if share.per_second != self._share.per_second:
            now = time.monotonic()
            level = min(self._bucket.level, 1.0) if share.per_second is not None else 1.0
            self._bucket = Bucket(share.per_second, level=level, at=now)
        self._share = share

    def room(self, lane: int) -> int:
        """Of what a lane has room for, what the provider's rate lets through now."""
        if self._share.connections == 0:
            return 0
        allowed = self._bucket.room(time.monotonic())
        return lane if allowed is None else min(lane, allowed)

    def took(self, count: int) -> None:
        """So many were claimed."""
        self._bucket.take(count)
        self._used_at = time.monotonic()

    def heard(self, outcome: Outcome) -> None:
        """Learn from what became of a message: it left, it came back unsent, or the provider wants less."""
        if not outcome.events:
            self._bucket.take(-1)
            return
        self._left += 1
        event = outcome.events[0]
        if self._answers.hear(slower=pushes_back(event.smtp_code, event.status, event.reason)):
            self.refused(f"{event.smtp_code} {event.status or ''} {event.reason or ''}".strip())

    def refused(self, why: str) -> None:
        """The provider wants less: it says so to more than a few, or would not talk to us at all."""
        self._pushed_back = why

    @property
    def is_pushed_back(self) -> bool:
        """Whether the provider has said "slower" since the last report: that can't wait."""
        return self._pushed_back is not None

    @property
    def is_idle(self) -> bool:
        """Whether others can use the share better."""
        slow = self._share.per_second
        # At one message in ten seconds, nine without any are no sign of having nothing to do.
        return time.monotonic() - self._used_at > (IDLE_S + 1 / slow if slow else IDLE_S)

    def report(self) -> Feedback:
        """What was seen since the last report."""
        now = time.monotonic()
        took = now - self._since
        if took >= SEEN_OVER_S or not self._per_second:
            self._per_second = self._left / max(took, 0.05)
        told = Feedback(self._per_second, self._pushed_back)
        if took >= SEEN_OVER_S:
            self._left, self._since = 0, now
        self._pushed_back = None
        return told
