"""Charts as data: what they show, in which colours, with which menu."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards import charts
from dashboards.words import Words

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
FR, EN = Words("fr", "UTC"), Words("en", "UTC")
BAR = [{"label": "sent", "count": 12, "text": "12", "place": "wake"}]


def _every_chart(words: Words) -> list[Any]:
    return [
        charts.balance_bar([{"state": "accepted", "label": "accepted", "count": 3}], words),
        charts.funnel(BAR, words),
        charts.ranked(BAR, words, title="clickers"),
        charts.curve(
            [{"elapsed": 1.0, "total": 3, "label": "x", "place": "sea", "is_last": True}], words, unit="minutes"
        ),
        charts.intervals([{"label": "A", "rate": 0.1, "low": 0.05, "high": 0.2, "text": "10 %"}], words, title="rate"),
        charts.health(
            [{"day": "24 Nov", "rate": 0.01, "text": "1 %"}],
            [{"at": 0.02, "label": "warning", "place": "amber"}],
            words,
        ),
        charts.steps(BAR, words, title="openers"),
        charts.week([{"day": "Monday", "hour": 9, "count": 3, "text": "3"}], words),
        charts.decay(
            [{"label": "May", "elapsed": 0, "rate": 0.1, "text": "10 %", "place": "sea", "is_last": True}],
            words,
            title="x",
        ),
        charts.against_usual(
            [{"label": "May", "moment": NOON, "rate": 0.1, "low": 0.05, "high": None, "text": "10 %"}], words, title="x"
        ),
        charts.sizes_over_time([{"label": "All", "moment": NOON, "size": 3}], words),
    ]


@pytest.mark.parametrize("number", range(11))
def test_a_chart_is_valid_and_can_be_saved_but_not_sent_away(number: int) -> None:
    """Each chart has a menu that saves it, and none that opens it in somebody's editor."""
    chart = _every_chart(EN)[number]
    spec = chart.to_dict()
    # Against Vega-Lite's schema, which nobody waits for while a page is drawn.
    assert chart.to_dict(validate=True) == spec
    assert spec["usermeta"]["embedOptions"]["actions"] == {
        "export": True, "source": False, "compiled": False, "editor": False,
    }  # fmt: skip
    assert spec["datasets"]["rows"]


def test_a_chart_stands_still_while_its_rows_move() -> None:
    """New rows of the same size change the data alone, so that nothing jumps on a live page."""
    before = charts.funnel(BAR, EN).to_dict()
    after = charts.funnel([{**BAR[0], "count": 12.1, "text": "12.1"}], EN).to_dict()
    assert before.pop("datasets") != after.pop("datasets")
    assert before == after


def test_a_chart_speaks_the_readers_language() -> None:
    """French numbers have a comma and a thin space."""
    locale = charts.funnel(BAR, FR).to_dict()["config"]["locale"]["number"]
    assert (locale["decimal"], locale["thousands"]) == (",", "\u202f")


def test_bars_begin_at_nought() -> None:
    """A bar's length is its value."""
    layer = charts.funnel(BAR, EN).to_dict()["layer"][0]
    assert layer["encoding"]["x"]["scale"]["domainMin"] == 0


@given(st.lists(st.tuples(st.floats(0, 300), st.floats(0, 1e6)), min_size=1, max_size=6))
def test_words_at_line_ends_do_not_stand_on_each_other(ends: list[tuple[float, float]]) -> None:
    """Words of ends that are close along the chart are a line's height apart, none below its end, in the same order."""
    rows = [{"label": str(n), "elapsed": x, "total": y, "is_last": True} for n, (x, y) in enumerate(ends)]
    drawn = charts.labels_apart([{**rows[0], "is_last": False}, *rows], "total")
    assert "label_at" not in drawn[0]
    high, wide = max(y for _, y in ends), max(x for x, _ in ends)
    for one, other in itertools.combinations(drawn[1:], 2):
        assert one["label_at"] >= one["total"]
        if abs(one["elapsed"] - other["elapsed"]) <= wide * charts.LABEL_REACH:
            assert abs(one["label_at"] - other["label_at"]) >= high * charts.LABEL_SHARE * (1 - 1e-6) - 1e-6
            if one["total"] < other["total"]:
                assert one["label_at"] <= other["label_at"]


def test_a_line_alone_has_its_word_at_its_end() -> None:
    """Nothing moves where nothing meets."""
    rows = [{"label": "x", "elapsed": 1.0, "total": 3, "is_last": True}]
    assert charts.labels_apart(rows, "total")[0]["label_at"] == 3
    assert charts.labels_apart([], "total") == []
