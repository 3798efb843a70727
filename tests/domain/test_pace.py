"""The pace of a provider: down at once, back slowly, shared without ever passing the whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sillage.domain.pace import SLOWEST, Answers, Bucket, Pace, Rate, eased, limit, pushes_back, share, slowed

RATES = st.builds(
    Rate,
    st.integers(1, 200),
    st.integers(1, 1000),
    st.none() | st.floats(0.2, 10_000),
    st.floats(1, 1000),
)
SIGNALS = st.lists(st.tuples(st.booleans(), st.floats(0, 60), st.floats(0, 5_000)), max_size=60)


@given(RATES, SIGNALS)
def test_pace_stays_between_standstill_and_ceiling(rate: Rate, signals: list[tuple[bool, float, float]]):
    """Whatever a provider says, and however the clock moves, something leaves and never more than the ceiling."""
    pace, now = Pace(0.0), 1000.0
    for complains, seconds, seen in signals:
        now += seconds - 5
        before = limit(pace, rate)
        pace = slowed(pace, rate, seen=seen, now=now) if complains else eased(pace, rate, now=now)
        now_allowed = limit(pace, rate)
        assert 1 <= now_allowed.connections <= rate.connections
        if rate.per_second is not None:
            assert now_allowed.per_second is not None
            assert min(SLOWEST, rate.per_second) <= now_allowed.per_second <= rate.per_second
        if complains and before.per_second is not None and now_allowed.per_second is not None:
            assert now_allowed.per_second <= max(before.per_second, SLOWEST)


@given(RATES, st.floats(0.1, 5_000))
def test_pace_comes_back_to_the_ceiling_when_nobody_complains(rate: Rate, seen: float):
    """After one slow-down, silence brings all of it back: within twice the recovery (more lines take a step each)."""
    pace, now = slowed(Pace(0.0), rate, seen=seen, now=0.0), 0.0
    assert pace.is_slowed
    for _ in range(45 + rate.connections):
        now += rate.step_s * 1.01
        pace = eased(pace, rate, now=now)
    assert limit(pace, rate) == rate


def test_pace_halves_once_for_a_burst_of_complaints():
    """Answers to what was in flight count once; a complaint after that halves again."""
    rate = Rate(8, 100, 40.0)
    once = slowed(Pace(0.0), rate, seen=40.0, now=100.0)
    assert (once.per_second, once.connections) == (20.0, 4)
    assert slowed(once, rate, seen=40.0, now=101.0) == once
    assert slowed(once, rate, seen=20.0, now=120.0).per_second == 10.0


def test_pace_without_a_ceiling_is_slowed_to_half_of_what_left():
    """Where no rate is set, what left is what is halved."""
    assert slowed(Pace(0.0), Rate(4, 100, None), seen=300.0, now=1.0).per_second == 150.0


def test_pace_comes_back_slower_than_it_went():
    """A tenth of the recovery gives a tenth back, not all."""
    rate = Rate(8, 100, 40.0, 200.0)
    down = slowed(Pace(0.0), rate, seen=40.0, now=0.0)
    assert eased(down, rate, now=5.0) == down
    assert eased(down, rate, now=20.0).per_second == pytest.approx(24.0)


@pytest.mark.parametrize(
    ("code", "status", "reason", "slower"),
    [
        (421, None, None, True),
        (451, "4.7.1", None, True),
        (450, "4.7.28", "rate_limited", True),
        (451, "4.7.1", "greylisted", False),
        (450, "4.2.1", None, False),
        (550, "5.7.1", "spam", False),
        (250, "2.0.0", None, False),
        (None, None, "network", False),
    ],
)
def test_answers_that_say_slower(code: int | None, status: str | None, reason: str | None, slower: bool):
    """421 and 4.7.x slow a provider down; greylisting, a busy mailbox or a refusal of one message do not."""
    assert pushes_back(code, status, reason) is slower


def test_one_slower_among_hundreds_is_about_one_message():
    """A provider that takes what it gets and says "slower" now and then is served on at the same pace."""
    answers = Answers()
    for n in range(2_000):
        assert not answers.hear(slower=n % 200 == 150)


@pytest.mark.parametrize(("taken", "needed"), [(0, 1), (5, 1), (50, 3), (1_000, 3)])
def test_slower_on_end_means_all(taken: int, needed: int):
    """Who has hardly spoken is taken at the first word; who took hundreds is when three on end are put off."""
    answers = Answers()
    for _ in range(taken):
        answers.hear(slower=False)
    told = [answers.hear(slower=True) for _ in range(needed)]
    assert told == [False] * (needed - 1) + [True]


def test_share_of_slower_means_all():
    """One in five put off, never two on end, is a provider that wants less."""
    answers = Answers()
    for _ in range(500):
        answers.hear(slower=False)
    assert any(answers.hear(slower=n % 5 == 0) for n in range(100))


@given(st.lists(st.booleans(), max_size=300))
def test_answers_never_ask_for_less_while_all_is_taken(said: list[bool]):
    """Only an answer that says "slower" slows down, whatever was said before it."""
    answers = Answers()
    for slower in said:
        assert answers.hear(slower=slower) <= slower


@given(RATES, st.lists(st.integers(0, 7), min_size=1, max_size=60))
def test_shares_never_sum_to_more_than_the_whole(rate: Rate, renewals: list[int]):
    """In whatever order eight workers renew, connections and rate of all shares stay within the provider's row."""
    held: dict[int, Rate] = {}
    for worker in renewals:
        others = {w: s for w, s in held.items() if w != worker}
        held[worker] = share(rate, list(others.values()), sum(1 for w in others if w < worker))
        assert sum(s.connections for s in held.values()) <= rate.connections
        if rate.per_second is not None:
            assert sum(s.per_second or 0 for s in held.values()) <= rate.per_second * (1 + 1e-9)


@given(RATES, st.integers(1, 8))
def test_shares_become_even_and_use_everything(rate: Rate, workers: int):
    """After all have renewed twice, connections are even to one and nothing of them lies idle."""
    held: dict[int, Rate] = {}
    for _ in range(3):
        for worker in range(workers):
            others = {w: s for w, s in held.items() if w != worker}
            held[worker] = share(rate, list(others.values()), sum(1 for w in others if w < worker))
    connections = [s.connections for s in held.values()]
    assert sum(connections) == rate.connections
    assert max(connections) - min(connections) <= 1
    if rate.per_second is not None:
        assert sum(s.per_second or 0 for s in held.values()) == pytest.approx(rate.per_second)


@given(st.floats(0.1, 2_000), st.lists(st.floats(0.001, 2.0), min_size=1, max_size=200))
def test_bucket_lets_through_no_more_than_its_rate(per_second: float, pauses: list[float]):
    """Over any stretch, what a bucket lets through is its rate times the stretch, and one fill."""
    bucket, now, sent = Bucket(per_second), 0.0, 0
    for pause in pauses:
        now += pause
        room = bucket.room(now)
        assert room is not None
        bucket.take(room)
        sent += room
    assert sent <= per_second * now + max(1.0, per_second * 0.2) + 1
