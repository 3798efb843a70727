"""When a report by mail is due: at an hour of the account's calendar, each day or each week. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo


class Every(StrEnum):
    """How often."""

    DAY = "day"
    WEEK = "week"

    @property
    def span(self) -> timedelta:
        """What a report looks back on."""
        return timedelta(days=1 if self is Every.DAY else 7)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often, and at which hour (0 to 23); of a week, on which weekday (0 is Monday)."""

    every: Every
    hour: int
    weekday: int = 0

    def next_after(self, moment: datetime, timezone: str) -> datetime:
        """The first due time (UTC) after a moment.

        Where clocks are put back an hour comes twice, and the first one counts; where they are put forward an hour is
        left out, and what is due in it comes an hour later by the clock.
        """
        zone = ZoneInfo(timezone)
        day = moment.astimezone(zone).date()
        for _ in range(9):
            if self.every is Every.DAY or day.weekday() == self.weekday:
                due = datetime.combine(day, time(self.hour), zone).astimezone(UTC)
                if due > moment:
                    return due
            day += timedelta(days=1)
        raise AssertionError("unreachable: a week has every weekday")
