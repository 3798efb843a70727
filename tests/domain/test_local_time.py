"""The same hour everywhere, also on the nights when clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sillage.domain.local_time import EARLIEST, earliest, local_moment, zone_named, zone_of

PARIS = ZoneInfo("Europe/Paris")
ZONES = st.sampled_from(
    [
        "Europe/Paris",
        "America/New_York",
        "Asia/Kolkata",
        "Pacific/Kiritimati",
        "Pacific/Pago_Pago",
        "Australia/Lord_Howe",
    ]
).map(ZoneInfo)
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)).map(lambda m: m.replace(tzinfo=UTC))  # noqa: DTZ001  # given a zone at once


@given(MOMENTS, ZONES, ZONES)
def test_clock_there_shows_what_was_meant(meant: datetime, home: ZoneInfo, there: ZoneInfo):
    """At the moment that is found, the clock there shows the sender's hour, unless clocks leave that hour out."""
    moment = local_moment(meant, home, there, not_before=meant - timedelta(days=2))
    shown, wanted = moment.astimezone(there).replace(tzinfo=None), meant.astimezone(home).replace(tzinfo=None)
    assert shown == wanted or timedelta(0) < shown - wanted <= timedelta(hours=1)
    assert moment >= earliest(meant, home)
    assert abs(moment - meant) <= 2 * EARLIEST


@given(MOMENTS, ZONES)
def test_home_gets_it_when_it_was_meant(meant: datetime, home: ZoneInfo):
    """Who lives where the account is gets it at its own time, to one hour that comes twice."""
    assert (
        timedelta(0)
        <= meant - local_moment(meant, home, home, not_before=meant - timedelta(days=1))
        <= timedelta(hours=1)
    )


@given(MOMENTS, ZONES, st.integers(0, 72))
def test_hour_that_has_passed_comes_the_next_day(meant: datetime, there: ZoneInfo, hours: int):
    """Nobody's moment lies before the plan, and nobody's is more than a day and an hour after it for having passed."""
    not_before = meant + timedelta(hours=hours)
    moment = local_moment(meant, PARIS, there, not_before=not_before)
    assert not_before <= moment <= max(not_before, meant + EARLIEST * 2) + timedelta(hours=25)


def test_hour_that_spring_leaves_out_comes_an_hour_later():
    """On the night to summer time there is no half past two in Paris: it comes at half past three."""
    meant = datetime(2026, 3, 29, 2, 30, tzinfo=ZoneInfo("UTC"))
    moment = local_moment(meant, ZoneInfo("UTC"), PARIS, not_before=meant - timedelta(days=1))
    assert moment.astimezone(PARIS).strftime("%d %H:%M") == "29 03:30"


def test_hour_that_autumn_has_twice_is_the_first():
    """On the night to winter time half past two comes twice in Paris: it leaves at the first."""
    meant = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("UTC"))
    moment = local_moment(meant, ZoneInfo("UTC"), PARIS, not_before=meant - timedelta(days=1))
    assert moment == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("timezone", "country", "name"),
    [
        ("Asia/Tokyo", "FR", "Asia/Tokyo"),
        ("nonsense/../zone", "FR", "Europe/Paris"),
        (None, "fr", "Europe/Paris"),
        (None, "Japon", "Asia/Tokyo"),
        (None, "états-unis", "America/New_York"),
        (None, "Germany", "Europe/Berlin"),
        (None, "Atlantis", None),
        ("", "", None),
        (None, None, None),
    ],
)
def test_zone_comes_from_the_field_then_the_country(timezone: str | None, country: str | None, name: str | None):
    """A field wins if it names a zone; countries are read by code and by their French and English names."""
    assert zone_of(timezone, country) == (zone_named(name) if name else None)
