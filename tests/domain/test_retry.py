"""Retries: later each time, spread by chance, never after the deadline, and one at it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sillage.domain.retry import FIRST_WAIT_S, LONGEST_WAIT_S, next_attempt_at, wait_seconds

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@given(st.integers(1, 1000), st.floats(0, 1))
def test_wait_is_bounded_and_jittered(attempt: int, chance: float):
    """A wait is at least three quarters of the first and at most four hours; chance moves it by a quarter."""
    wait = wait_seconds(attempt, chance)
    assert FIRST_WAIT_S * 0.75 <= wait <= LONGEST_WAIT_S
    assert wait_seconds(attempt, 0.0) <= wait <= wait_seconds(attempt, 1.0)


@given(st.integers(1, 50), st.floats(0, 1))
def test_wait_grows_with_each_attempt(attempt: int, chance: float):
    """The next wait is no shorter than this one."""
    assert wait_seconds(attempt + 1, chance) >= wait_seconds(attempt, chance)


@given(st.integers(0, 259_200), st.lists(st.floats(0, 1), min_size=120, max_size=120))
def test_retries_end_at_the_deadline(retry_for_s: int, chances: list[float]):
    """Whatever chance does, attempts go on to the deadline and not past it, and then there is none any more."""
    now, attempt = NOON, 1
    deadline = NOON + timedelta(seconds=retry_for_s)
    for chance in chances:
        again = next_attempt_at(attempt, now, first_attempt_at=NOON, retry_for_s=retry_for_s, chance=chance)
        if again is None:
            break
        assert now < again <= deadline
        now, attempt = again, attempt + 1
    assert now == deadline
    assert next_attempt_at(attempt, now, first_attempt_at=NOON, retry_for_s=retry_for_s, chance=0.5) is None
