"""Weighted turns: everything is given out, and nobody stays ahead of its part."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sillage.domain.fair import allot

WEIGHTS = st.dictionaries(st.integers(0, 20), st.integers(1, 100), min_size=1, max_size=8)


@given(WEIGHTS, st.lists(st.integers(1, 200), min_size=1, max_size=50))
def test_allotment_is_exact_and_fair_over_time(weights: dict[int, int], rooms: list[int]):
    """All room is given out each time, and after any number of rounds nobody is off its part by many messages."""
    credit: dict[int, float] = {}
    got = dict.fromkeys(weights, 0)
    for room in rooms:
        given_now, credit = allot(room, weights, credit)
        assert sum(given_now.values()) == room
        assert all(n >= 0 for n in given_now.values())
        for key, count in given_now.items():
            got[key] += count
    total = sum(weights.values())
    for key, weight in weights.items():
        assert abs(got[key] - sum(rooms) * weight / total) <= len(weights)


def test_allotment_of_one_message_at_a_time_goes_around():
    """With room for one, a heavy campaign has its turns and a light one too."""
    credit: dict[str, float] = {}
    order = []
    for _ in range(8):
        given_now, credit = allot(1, {"heavy": 3, "light": 1}, credit)
        order.append(next(k for k, n in given_now.items() if n))
    assert order.count("light") == 2
    assert "light" in order[:4]


def test_allotment_without_room_changes_nothing():
    """No room, no turns."""
    assert allot(0, {"a": 1}, {"a": 0.5}) == ({}, {"a": 0.5})
