"""Limits over a stretch of time: so many an hour for a campaign, so many a day for a new sending domain. Pure."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from sillage.errors import BadInput

WARMUP_PATH = Path(__file__).resolve().parents[2] / "data" / "warmup.toml"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def minute_of(moment: datetime) -> int:
    """Minutes since 1970."""
    return (moment - _EPOCH) // timedelta(minutes=1)


def day_of(moment: datetime) -> int:
    """Days since 1970, UTC."""
    return (moment - _EPOCH) // timedelta(days=1)


def end_of_minute(minute: int) -> datetime:
    """The moment at which a minute is over."""
    return _EPOCH + timedelta(minutes=minute + 1)


def end_of_day(day: int) -> datetime:
    """The moment at which a day is over, UTC."""
    return _EPOCH + timedelta(days=day + 1)


def minute_cap(per_hour: int, minute: int) -> int:
    """Messages of a campaign in one minute, so that any sixty minutes on end hold exactly `per_hour`."""
    return per_hour * (minute + 1) // 60 - per_hour * minute // 60


@cache
def warmup_plan(path: Path = WARMUP_PATH) -> tuple[int, ...]:
    """Messages on day 1, 2 … of a new sending domain, all providers together.

    Raises: BadInput where the plan is empty or goes down.
    """
    caps = [int(day["messages"]) for day in tomllib.loads(path.read_text("utf-8"))["day"]]
    if not caps or caps != sorted(caps) or caps[0] < 1:
        raise BadInput(f"{path.name}: the days must rise from 1 message at least", code="bad_warmup")
    return tuple(caps)


def warmup_cap(started_on: int, today: int) -> int | None:
    """Messages of a domain on a day; None where its warm-up is over. Days are counted since 1970.

    A clock that was set back before the start is the first day.
    """
    plan = warmup_plan()
    day = max(0, today - started_on)
    return plan[day] if day < len(plan) else None
