"""When a report is due, also where clocks are changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sillage.domain.report_time import Every, Rhythm

PARIS = "Europe/Paris"


def test_each_due_time_comes_once_where_clocks_are_put_back_and_forward() -> None:
    """Two o'clock comes twice on 25 October 2026 and not at all on 28 March 2027: the report comes once each day."""
    rhythm, moment = Rhythm(Every.DAY, 2), datetime(2026, 10, 23, 12, tzinfo=UTC)
    due = []
    for _ in range(4):
        moment = rhythm.next_after(moment, PARIS)
        due.append(moment)
    assert [at.day for at in due] == [24, 25, 26, 27]
    assert due[1] == datetime(2026, 10, 25, 0, tzinfo=UTC)
    assert due[2] == datetime(2026, 10, 26, 1, tzinfo=UTC)
    spring = rhythm.next_after(datetime(2027, 3, 27, 12, tzinfo=UTC), PARIS)
    assert spring == datetime(2027, 3, 28, 1, tzinfo=UTC)
    assert rhythm.next_after(spring, PARIS).day == 29


@given(
    st.sampled_from(list(Every)), st.integers(0, 23), st.integers(0, 6),
    st.integers(1_704_067_200, 1_893_456_000),
    st.sampled_from([PARIS, "Australia/Lord_Howe", "America/New_York", "Pacific/Kiritimati", "UTC"]),
)  # fmt: skip
def test_the_next_one_is_always_later_and_within_its_span(
    every: Every, hour: int, weekday: int, second: int, zone: str
) -> None:
    """Whatever the zone: later than now, no later than a day or a week and an hour, and on its weekday."""
    now = datetime.fromtimestamp(second, UTC)
    due = Rhythm(every, hour, weekday).next_after(now, zone)
    assert now < due <= now + every.span + timedelta(hours=1)
