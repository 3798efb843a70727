"""When a recurring campaign leaves: a cron line on the clock of the account, with what the clocks do to it. Pure.

`MINUTE HOUR DAY MONTH WEEKDAY`, with lists, ranges and steps; `L` is a month's last day; weekdays are 0 to 7 or MON to
SUN. Where a day of the month and a weekday are both given, either will do. Source: POSIX.1-2024 crontab; `L` is ours.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from sillage.errors import BadInput

LAST = "L"
_FIELDS = 5
_HORIZON = timedelta(days=366 * 9)
"""A 29 February may be eight years away."""
_DAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


class Clocks(StrEnum):
    """What the clocks do to an hour."""

    ONCE = "once"
    SKIPPED = "skipped"
    """The change to summer leaves it out: it comes as much later as the clocks jump."""
    TWICE = "twice"
    """The change back has it twice: it is the first of the two."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A cron line, read. `days` and `weekdays` (0: Monday) are None where every one will do."""

    text: str
    minute: int
    hours: tuple[int, ...]
    days: frozenset[int] | None
    has_last_day: bool
    months: frozenset[int]
    weekdays: frozenset[int] | None

    def is_on(self, day: date) -> bool:
        """Whether it falls on a day."""
        if day.month not in self.months:
            return False
        last = calendar.monthrange(day.year, day.month)[1]
        by_day = self.days is not None and (day.day in self.days or (self.has_last_day and day.day == last))
        by_weekday = self.weekdays is not None and day.weekday() in self.weekdays
        if self.days is None and self.weekdays is None:
            return True
        return by_day or by_weekday


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time: the moment (UTC), what the account's clock was meant to show, and what the clocks do to it."""

    at: datetime
    shown: datetime
    clocks: Clocks


def parse_rule(text: str) -> Rule:
    """Raises: BadInput that names the field and what it takes."""
    parts = text.split()
    if len(parts) != _FIELDS:
        raise BadInput(
            f"{text[:60]!r}: a rule has five fields, MINUTE HOUR DAY MONTH WEEKDAY, as in 0 9 * * MON", code="bad_rule"
        )
    minutes = _numbers(parts[0], 0, 59, "the minute")
    if len(minutes) != 1:
        raise BadInput(f"{text[:60]!r}: name one minute; a campaign leaves once an hour at most", code="bad_rule")
    asked_days = parts[2].upper().split(",")
    has_last = LAST in asked_days
    left = ",".join(part for part in asked_days if part != LAST)
    days: frozenset[int] | None = None
    if parts[2] != "*":
        days = _numbers(left, 1, 31, "the day") if left else frozenset()
    weekdays: frozenset[int] | None = None
    if parts[4] != "*":
        # 0 and 7 are Sunday; our own count begins on Monday.
        weekdays = frozenset((n - 1) % 7 for n in _numbers(parts[4], 0, 7, "the weekday", _DAYS, first=1))
    rule = Rule(
        " ".join(parts), next(iter(minutes)), tuple(sorted(_numbers(parts[1], 0, 23, "the hour"))), days, has_last,
        _numbers(parts[3], 1, 12, "the month", _MONTHS, first=1), weekdays,
    )  # fmt: skip
    if next(occurrences(rule, ZoneInfo("UTC"), after=datetime(2026, 1, 1, tzinfo=UTC)), None) is None:
        raise BadInput(f"{text[:60]!r}: no day is such a day", code="bad_rule")
    return rule


def daily(at: time) -> str:
    """Each day, as a cron line."""
    return f"{at.minute} {at.hour} * * *"


def weekly(days: list[int], at: time) -> str:
    """On some days of the week (0: Monday), as a cron line."""
    return f"{at.minute} {at.hour} * * {','.join(_DAYS[d] for d in sorted(set(days)))}"


def monthly(day: int | None, at: time) -> str:
    """On a day of each month that has it, or on its last (None), as a cron line."""
    return f"{at.minute} {at.hour} {LAST if day is None else day} * *"


def occurrences(rule: Rule, zone: ZoneInfo, *, after: datetime) -> Iterator[Occurrence]:
    """The times of a rule after a moment, in their order, for nine years; each moment and each hour shown once."""
    day, end = after.astimezone(zone).date() - timedelta(days=1), after + _HORIZON
    last = after
    while datetime.combine(day, time(0), UTC) < end:
        if rule.is_on(day):
            found = (_at(datetime.combine(day, time(hour, rule.minute)), zone) for hour in rule.hours)
            for one in sorted(found, key=lambda o: o.at):
                if one.at > last:
                    last = one.at
                    yield one
        day += timedelta(days=1)


def _at(shown: datetime, zone: ZoneInfo) -> Occurrence:
    moment = shown.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) != shown:
        return Occurrence(moment, shown, Clocks.SKIPPED)
    second = shown.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return Occurrence(moment, shown, Clocks.ONCE if second == moment else Clocks.TWICE)


def _numbers(text: str, low: int, high: int, what: str, names: tuple[str, ...] = (), first: int = 0) -> frozenset[int]:
    """A list of numbers, ranges and steps. Raises: BadInput."""
    found: set[int] = set()
    for part in text.upper().split(","):
        try:
            span = _span(part, low, high, names, first)
        except ValueError:
            span = range(0)
        if not span or span[0] < low or span[-1] > high:
            raise BadInput(
                f"{part[:30]!r} is no value for {what}: {low} to {high}, a list, a range or a step", code="bad_rule"
            )
        found.update(span)
    return frozenset(found)


def _span(part: str, low: int, high: int, names: tuple[str, ...], first: int) -> range:
    """One number, a range, or every so many of one. Raises: ValueError."""
    span, slash, step = part.partition("/")
    by = _number(step, (), 0) if slash else 1
    if span == "*":
        return range(low, high + 1, by)
    begin, dash, end = span.partition("-")
    start = _number(begin, names, first)
    stop = _number(end, names, first) if dash else (high if slash else start)
    return range(start, stop + 1, by)


def _number(text: str, names: tuple[str, ...], first: int) -> int:
    if text in names:
        return names.index(text) + first
    if not (text.isascii() and text.isdigit() and len(text) <= 2):  # noqa: PLR2004  # two digits say all of them
        raise ValueError
    return int(text)
