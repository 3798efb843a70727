"""When a message that was put off is tried again."""

from __future__ import annotations

from datetime import datetime, timedelta

# RFC 5321 4.5.4.1 asks for 30 minutes at least for a retry after the first; greylisting lets pass after some 5,
# so the first retries come sooner, and each waits twice as long as the one before.
FIRST_WAIT_S = 300.0
LONGEST_WAIT_S = 4 * 3600.0


def wait_seconds(attempt: int, chance: float) -> float:
    """Wait in seconds after attempt n (1-based) before the next, jittered by `chance` (0 to 1), at most 14,400.

    Source: RFC 5321 4.5.4.1.
    """
    plain = FIRST_WAIT_S * 2.0 ** min(attempt - 1, 20)
    return min(LONGEST_WAIT_S, plain * (0.75 + 0.5 * chance))


def next_attempt_at(
    attempt: int, now: datetime, *, first_attempt_at: datetime, retry_for_s: int, chance: float
) -> datetime | None:
    """When to try again after attempt n, or None where the deadline leaves no time for it."""
    at = now + timedelta(seconds=wait_seconds(attempt, chance))
    deadline = first_attempt_at + timedelta(seconds=retry_for_s)
    if at <= deadline:
        return at
    # One last attempt at the deadline itself, unless this was it.
    return deadline if now < deadline else None
