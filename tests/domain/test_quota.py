"""Limits by the hour and by the day."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sillage.domain.quota import minute_cap, warmup_cap, warmup_plan
from sillage.errors import BadInput


@given(st.integers(1, 10_000_000), st.integers(0, 50_000_000))
def test_any_sixty_minutes_hold_exactly_the_hours_limit(per_hour: int, first: int):
    """Whichever minute an hour begins at, its minutes let through what the hour may have, no message more."""
    assert sum(minute_cap(per_hour, minute) for minute in range(first, first + 60)) == per_hour


def test_warmup_rises_day_by_day_and_ends():
    """Each day lets through as much as the last or more; after the plan nothing is capped; before it, day one."""
    plan = warmup_plan()
    assert [warmup_cap(100, 100 + day) for day in range(len(plan))] == sorted(plan)
    assert warmup_cap(100, 100 + len(plan)) is None
    assert warmup_cap(100, 90) == plan[0]


def test_warmup_that_goes_down_is_refused(tmp_path: Path):
    """A plan whose days fall is a typing error, and is said to be one."""
    path = tmp_path / "warmup.toml"
    path.write_text("[[day]]\nmessages = 50\n[[day]]\nmessages = 5\n")
    with pytest.raises(BadInput, match=r"warmup.toml.*rise"):
        warmup_plan(path)
