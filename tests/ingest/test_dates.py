"""Dates in cells."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sillage.ingest.dates import DateOrder, OrderEvidence, parse_dates, parse_moments, with_answer
from sillage.store.columns import from_micros


def _evidence(*cells: str) -> OrderEvidence:
    return OrderEvidence.of(pl.Series(cells, dtype=pl.String))


def test_order_is_decided_by_one_cell() -> None:
    """A 31st decides for its whole column."""
    assert not _evidence("01/02/1990", "31/02/1990").is_open
    assert _evidence("01/02/1990", "31/02/1990").order is DateOrder.DMY
    assert _evidence("01/02/1990", "02/31/1990").order is DateOrder.MDY


@pytest.mark.parametrize("cells", [("01/02/1990",), ("01/02/1990", "03/04/1991"), ("13/01/2020", "01/13/2020")])
def test_order_is_a_question_where_cells_do_not_say(cells: tuple[str, ...]) -> None:
    """Where every date reads both ways, or cells contradict each other, a person has to say."""
    assert _evidence(*cells).is_open
    assert not with_answer(_evidence(*cells), DateOrder.MDY).is_open
    assert with_answer(_evidence(*cells), DateOrder.MDY).order is DateOrder.MDY


@pytest.mark.parametrize("cells", [("2020-01-02",), ("01.02.1990",), ("05/05/1990",), ("",), ("1 mars 2020",)])
def test_order_is_no_question_where_it_does_not_matter(cells: tuple[str, ...]) -> None:
    """ISO dates, dates with dots and the fifth of May read one way only."""
    assert not _evidence(*cells).is_open


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2025-01-05T10:00:00+01:00", datetime(2025, 1, 5, 9, tzinfo=UTC)),
        ("2025-07-05 10:00", datetime(2025, 7, 5, 8, tzinfo=UTC)),
        ("13/02/2025 14:05", datetime(2025, 2, 13, 13, 5, tzinfo=UTC)),
        ("13/02/2025 à 14h05", datetime(2025, 2, 13, 13, 5, tzinfo=UTC)),
        ("5/6/24 3:05 PM", datetime(2024, 6, 5, 13, 5, tzinfo=UTC)),
        ("24 novembre 2025", datetime(2025, 11, 23, 23, tzinfo=UTC)),
        ("Nov 24, 2025", datetime(2025, 11, 23, 23, tzinfo=UTC)),
        ("20251124", datetime(2025, 11, 23, 23, tzinfo=UTC)),
        ("45985", datetime(2025, 11, 23, 23, tzinfo=UTC)),
        ("32/01/2025", None),
        ("29/02/2025", None),
        ("2025-01-05 25:00", None),
        ("0000-01-01", None),
        ("soon", None),
    ],
)
def test_moment_is_read_in_the_zone_of_the_account(text: str, moment: datetime | None) -> None:
    """A cell's own zone counts, else the account's; what is no moment is null."""
    (found,) = parse_moments(pl.Series([text]), DateOrder.DMY, "Europe/Paris", 2026)
    assert (None if found is None else from_micros(found)) == moment


@given(st.dates(date(1900, 1, 1), date(2100, 12, 31)), st.sampled_from(DateOrder))
def test_date_round_trips_in_either_order(day: date, order: DateOrder) -> None:
    """A date written in an order is read as itself in that order."""
    text = day.strftime("%d/%m/%Y" if order is DateOrder.DMY else "%m/%d/%Y")
    assert list(parse_dates(pl.Series([text, day.isoformat()]), order, 2026)) == [day.isoformat()] * 2


def test_date_with_two_digits_of_year_is_not_in_the_future() -> None:
    """Somebody born in 31 was born in 1931; one of 24 may be a child."""
    assert list(parse_dates(pl.Series(["01.02.31", "01.02.24"]), DateOrder.DMY, 2026)) == ["1931-02-01", "2024-02-01"]


@given(st.lists(st.text(max_size=25) | st.from_regex(r"\A\d\d/\d\d/\d{4}\Z"), max_size=8))
def test_dates_survive_any_text(cells: list[str]) -> None:
    """Any text is a date or null."""
    series = pl.Series(cells, dtype=pl.String)
    assert len(parse_moments(series, DateOrder.MDY, "Europe/Paris", 2026)) == len(cells)
    OrderEvidence.of(series)
