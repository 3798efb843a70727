"""Errors of the core become what Dagster does about them; plots are pictures."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from pipelines.failures import told_once
from pipelines.plots import MAX_LINES, bars, lines
from sillage.errors import BadInput, Refused, TransientError

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(("error", "code"), [(BadInput("no", code="bad_x"), "bad_x"), (Refused("no"), "Refused")])
def test_a_permanent_error_is_final(error: Exception, code: str):
    """The failure has the error's words and code, and allows no retry."""
    with pytest.raises(dg.Failure) as caught, told_once(dg.build_asset_context()):
        raise error
    assert (caught.value.description, caught.value.allow_retries) == ("no", False)
    assert caught.value.metadata["code"].value == code


def test_a_transient_error_is_tried_again():
    """What may help itself is asked for again after a while, three times."""
    with pytest.raises(dg.RetryRequested) as caught, told_once(dg.build_asset_context()):
        raise TransientError("the disk is full")
    assert (caught.value.max_retries, caught.value.seconds_to_wait) == (3, 10)


def test_a_fault_of_ours_stays_what_it_is():
    """A bug is neither tried again nor dressed up."""
    with pytest.raises(KeyError), told_once(dg.build_asset_context()):
        raise KeyError("x")


def picture(markdown: str) -> bytes:
    return base64.b64decode(markdown.split("base64,")[1].removesuffix(")"))


@pytest.mark.parametrize("counts", [{}, {"new": 0}, {"new": 3, "refused": 12_345}])
def test_bars_are_a_picture(counts: dict[str, int]):
    """Any counts can be drawn, none at all too."""
    assert picture(str(bars("Rows", counts).value)).startswith(PNG)


@pytest.mark.parametrize("count", [0, 1, MAX_LINES + 5])
def test_lines_are_a_picture(count: int):
    """Any number of series can be drawn, with one point or many."""
    start = datetime(2026, 11, 24, tzinfo=UTC)
    series = {f"s{n}": [(start + timedelta(hours=h), h * n) for h in range(n)] for n in range(count)}
    assert picture(str(lines("Sizes", series).value)).startswith(PNG)
