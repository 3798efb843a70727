"""Rules of recurring campaigns: each hour of the account's clock once, whatever the clocks do."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, time, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sillage.domain.recurrence import Clocks, daily, monthly, occurrences, parse_rule, weekly
from sillage.errors import BadInput

PARIS = ZoneInfo("Europe/Paris")
START = datetime(2026, 11, 28, 8, 0, tzinfo=UTC)
ZONES = ["Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca", "UTC"]


def shown(rule: str, count: int, *, zone: ZoneInfo = PARIS, after: datetime = START) -> list[str]:
    return [f"{o.shown:%Y-%m-%d %H:%M}" for o in islice(occurrences(parse_rule(rule), zone, after=after), count)]


def test_a_daily_rule_is_at_its_hour_each_day() -> None:
    """Nine in the morning in Paris is eight UTC in winter: the one of this very moment is over."""
    assert daily(time(9, 0)) == "0 9 * * *"
    assert shown("0 9 * * *", 2) == ["2026-11-29 09:00", "2026-11-30 09:00"]
    assert next(occurrences(parse_rule("0 9 * * *"), PARIS, after=START)).at == START + timedelta(days=1)


def test_a_weekly_rule_is_on_its_days() -> None:
    """Monday and Thursday, however they are written."""
    assert weekly([3, 0], time(18, 30)) == "30 18 * * MON,THU"
    wanted = ["2026-11-30 18:30", "2026-12-03 18:30", "2026-12-07 18:30"]
    assert shown("30 18 * * MON,THU", 3) == shown("30 18 * * 1,4", 3) == wanted
    assert shown("0 9 * * 0", 1) == shown("0 9 * * 7", 1) == shown("0 9 * * sun", 1) == ["2026-11-29 09:00"]


def test_a_monthly_rule_is_on_its_day_or_the_last() -> None:
    """A month without that day has none; the last day is of every month."""
    assert monthly(31, time(9)) == "0 9 31 * *"
    assert shown("0 9 31 * *", 3) == ["2026-12-31 09:00", "2027-01-31 09:00", "2027-03-31 09:00"]
    assert monthly(None, time(9)) == "0 9 L * *"
    assert shown("0 9 L * *", 4) == ["2026-11-30 09:00", "2026-12-31 09:00", "2027-01-31 09:00", "2027-02-28 09:00"]
    assert shown("0 9 29 2 *", 1) == ["2028-02-29 09:00"]


def test_a_cron_line_may_say_more() -> None:
    """Lists, ranges, steps and months; a day of the month or a weekday, where both are given."""
    assert shown("15 8-18/5 * * *", 3) == ["2026-11-28 13:15", "2026-11-28 18:15", "2026-11-29 08:15"]
    assert shown("0 9 1 JAN-FEB *", 3) == ["2027-01-01 09:00", "2027-02-01 09:00", "2028-01-01 09:00"]
    assert shown("0 9 1 12 MON", 3) == ["2026-12-01 09:00", "2026-12-07 09:00", "2026-12-14 09:00"]


def test_an_hour_that_summer_leaves_out_comes_later_and_says_so() -> None:
    """On 28 March 2027 there is no half past two in Paris: it leaves at half past three, once."""
    found = list(islice(occurrences(parse_rule("30 2 * * *"), PARIS, after=datetime(2027, 3, 27, 12, tzinfo=UTC)), 2))
    assert found[0].clocks is Clocks.SKIPPED
    assert found[0].at == datetime(2027, 3, 28, 1, 30, tzinfo=UTC)
    assert f"{found[0].at.astimezone(PARIS):%H:%M}" == "03:30"
    assert found[1].clocks is Clocks.ONCE


def test_an_hour_that_comes_twice_is_the_first_and_says_so() -> None:
    """On 31 October 2027 half past two comes twice in Paris: it leaves at the first, and not again."""
    found = list(islice(occurrences(parse_rule("30 2 * * *"), PARIS, after=datetime(2027, 10, 30, 12, tzinfo=UTC)), 2))
    assert found[0].clocks is Clocks.TWICE
    assert found[0].at == datetime(2027, 10, 31, 0, 30, tzinfo=UTC)
    assert f"{found[1].shown:%Y-%m-%d %H:%M}" == "2027-11-01 02:30"


def test_two_hours_that_become_one_are_one() -> None:
    """Where the clocks jump from two to three, half past two and half past three are the same moment."""
    rule = parse_rule("30 2,3 * * *")
    found = [o.at for o in islice(occurrences(rule, PARIS, after=datetime(2027, 3, 27, 12, tzinfo=UTC)), 3)]
    assert found[0] == datetime(2027, 3, 28, 1, 30, tzinfo=UTC)
    assert found[1] == datetime(2027, 3, 29, 0, 30, tzinfo=UTC)


def test_clocks_that_change_by_half_an_hour_are_right_too() -> None:
    """On Lord Howe Island the clocks jump by half an hour: a quarter past two becomes a quarter to three."""
    zone = ZoneInfo("Australia/Lord_Howe")
    found = next(occurrences(parse_rule("15 2 * * *"), zone, after=datetime(2026, 10, 3, 0, tzinfo=UTC)))
    assert found.clocks is Clocks.SKIPPED
    assert f"{found.at.astimezone(zone):%H:%M}" == "02:45"


@pytest.mark.parametrize(
    "text",
    ["", "9 * * *", "* 9 * * *", "0,30 9 * * *", "60 9 * * *", "0 24 * * *", "0 9 0 * *", "0 9 30 2 *", "0 9 * 13 *",
     "0 9 * * 8", "0 9 * * SUN-MON", "0 9 * * MOON", "0 9 */0 * *", "0 9 5-1 * *", "0 ٣ * * *",
     "0 9 * * * *", "0 9 -1 * *",
     "0 9 1/ * *"],
)  # fmt: skip
def test_what_is_no_rule_is_refused_in_words(text: str) -> None:
    """Too often, out of range, a day that no month has: each names what is wrong."""
    with pytest.raises(BadInput):
        parse_rule(text)


@given(st.text(max_size=30))
def test_any_text_is_a_rule_or_is_refused(text: str) -> None:
    """The parser survives any text."""
    with contextlib.suppress(BadInput):
        parse_rule(text)


@given(
    st.integers(0, 59), st.sets(st.integers(0, 23), min_size=1, max_size=4), st.sampled_from(ZONES),
    st.integers(0, 3 * 366 * 24 * 60).map(lambda minutes: START + timedelta(minutes=minutes)),
)  # fmt: skip
def test_times_are_in_order_each_once_and_leave_no_day_out(
    minute: int, hours: set[int], zone_name: str, after: datetime
) -> None:
    """Strictly later each time; no day is left out; the clocks are told truly."""
    zone = ZoneInfo(zone_name)
    rule = parse_rule(f"{minute} {','.join(map(str, sorted(hours)))} * * *")
    found = list(islice(occurrences(rule, zone, after=after), 40))
    moments = [o.at for o in found]
    assert all(a < b for a, b in pairwise(moments))
    assert moments[0] > after
    for one in found:
        back = one.at.astimezone(zone).replace(tzinfo=None)
        assert (back == one.shown) == (one.clocks is not Clocks.SKIPPED)
        assert one.shown.hour in hours
        # Beginning anywhere before it gives the very same time.
        assert next(occurrences(rule, zone, after=one.at - timedelta(microseconds=1))) == one
    days = {o.shown.date() for o in found}
    assert len(days) == (max(days) - min(days)).days + 1
