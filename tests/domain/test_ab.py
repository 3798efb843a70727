"""Tests of versions: the line of the sequential design, its size, the verdict, and what is believed."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sillage.domain.ab_boundary import NEVER, boundaries, power, reacted_by, spent_by
from sillage.domain.ab_posterior import beliefs
from sillage.domain.ab_size import MIN_PEOPLE, MIN_REACTIONS, drift_of, once_looked_at, propose
from sillage.domain.ab_test import Criterion, Decide
from sillage.domain.ab_verdict import Count, Look, Standing, judge

HOURS = 24
TESTS = 150


def looks(*arms: tuple[int, list[int]]) -> list[Look]:
    """Looks at hours 1, 2, …: of each arm its people, and how many had reacted by each hour."""
    ages = range(1, len(arms[0][1]) + 1)
    return [Look(a, {n + 1: Count(people, path[a - 1]) for n, (people, path) in enumerate(arms)}) for a in ages]


def simulated(chance: np.random.Generator, people: int, rate: float) -> list[int]:
    """How many of some people had reacted by each hour: independent people, delays of their own kind."""
    reacts = chance.random(people) < rate
    after = np.exp(chance.normal(math.log(3.0), 1.7, people))
    return [int((reacts & (after <= hour)).sum()) for hour in range(1, HOURS + 1)]


def test_lines_are_the_published_ones():
    """Five equal looks, O'Brien and Fleming's spending, two-sided 5 %: the line of the literature to three digits."""
    known = [0.2, 0.4, 0.6, 0.8, 1.0]
    spent = [2 * (1 - _phi(2.241403 / math.sqrt(share))) for share in known]
    assert boundaries(known, spent) == pytest.approx([4.877, 3.357, 2.680, 2.290, 2.031], abs=1e-3)


def test_one_look_is_the_fixed_test():
    """With a single look all is spent there: the line is the normal quantile, and the power the textbook's."""
    assert boundaries([1.0], [spent_by(HOURS, HOURS, 0.025)]) == pytest.approx([1.95996], abs=1e-4)
    assert drift_of(2, HOURS, once=True) == pytest.approx(1.95996 + 0.84162, abs=1e-3)
    assert power([1.0], [1.95996], 0.0) == pytest.approx(0.025, abs=1e-5)


def _phi(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2))


@given(st.lists(st.floats(0.01, 1.0), min_size=1, max_size=12))
def test_no_more_is_spent_than_allowed(steps: list[float]):
    """Whatever looks are taken when, a path of pure chance crosses the upper line no more often than allowed."""
    known = np.cumsum(steps).tolist()
    ages = [max(1, round(HOURS * k / known[-1])) for k in known]
    lines = boundaries(known, [spent_by(age, HOURS, 0.025) for age in ages])
    assert power(known, lines, 0.0) <= 0.025 + 1e-6


@pytest.mark.parametrize(("rate", "better", "people"), [(0.20, 0.22, 6507), (0.20, 0.25, 1091), (0.03, 0.035, 19_740),
                                                       (0.03, 0.04, 5298)])  # fmt: skip
def test_fixed_sizes_are_the_textbooks(rate: float, better: float, people: int):
    """A test that is looked at once, two-sided 95 %, power 80 %."""
    assert once_looked_at(rate, better) == people


@pytest.mark.parametrize("criterion", [Criterion.OPENS, Criterion.CLICKS, Criterion.CONVERSIONS])
def test_the_size_is_that_of_the_sequential_design(criterion: Criterion):
    """It is larger than a test looked at once, by little; it grows with versions and falls with patience."""
    within = {
        hours: propose(criterion, 0.16, 0.02, arms=2, hours=hours, decide=Decide.WHEN_SURE).size
        for hours in (6, 24, 168)
    }
    assert 1.0 < within[168] / once_looked_at(0.16, 0.18) < 1.08
    assert within[6] > within[24] > within[168]
    sizes = [propose(criterion, 0.16, 0.02, arms=n, hours=24, decide=Decide.WHEN_SURE).size for n in (2, 3, 4, 5)]
    assert sizes == sorted(sizes)
    assert propose(criterion, 0.16, 0.02, arms=2, hours=24, decide=Decide.AT_TIME).size < within[24]


def test_who_does_not_count_is_sent_to_besides():
    """Where six in ten may be measured, so many more get it; who asks for the impossible is told so."""
    all_count = propose(Criterion.OPENS, 0.2, 0.02, arms=2, hours=24, decide=Decide.WHEN_SURE)
    some = propose(Criterion.OPENS, 0.2, 0.02, arms=2, hours=24, decide=Decide.WHEN_SURE, counted=0.6)
    assert some.size == math.ceil(all_count.reached / 0.6)
    for rate, lift in ((0.002, 0.01), (0.0, 0.1)):
        with pytest.raises(ValueError, match="no test sees"):
            propose(Criterion.UNSUBSCRIBES, rate, lift, arms=2, hours=24, decide=Decide.WHEN_SURE)


def test_hourly_watching_names_few_false_winners_and_most_true_ones():
    """Watched each hour, of tests without a difference at most one in twenty is called (with room for chance:
    there are few); of tests with the design's lift at least four in five are, and rightly. The naive test fails.
    """
    chance = np.random.default_rng(5)
    wanted = propose(Criterion.OPENS, 0.2, 0.05, arms=2, hours=HOURS, decide=Decide.WHEN_SURE)
    called = naive = right = wrong = 0
    for _ in range(TESTS):
        same = looks(
            (wanted.size, simulated(chance, wanted.size, 0.2)), (wanted.size, simulated(chance, wanted.size, 0.2))
        )
        called += judge(same, criterion=Criterion.OPENS, decide=Decide.WHEN_SURE, hours=HOURS).winner is not None
        naive += any(_naive(look) for look in same)
        other = looks(
            (wanted.size, simulated(chance, wanted.size, 0.2)), (wanted.size, simulated(chance, wanted.size, 0.25))
        )
        winner = judge(other, criterion=Criterion.OPENS, decide=Decide.WHEN_SURE, hours=HOURS).winner
        right += winner == 2
        wrong += winner == 1
    assert called <= TESTS * 0.05 + 2 * math.sqrt(TESTS * 0.05 * 0.95)
    assert naive > TESTS * 0.08
    assert right >= TESTS * 0.8 - 2 * math.sqrt(TESTS * 0.8 * 0.2)
    assert wrong <= 2


def _naive(look: Look) -> bool:
    one, other = look.counts[1], look.counts[2]
    pooled = (one.reacted + other.reacted) / (one.people + other.people)
    spread = math.sqrt(pooled * (1 - pooled) * (1 / one.people + 1 / other.people))
    return spread > 0 and abs(one.reacted / one.people - other.reacted / other.people) / spread > 1.96


@st.composite
def paths(draw: st.DrawFn) -> list[Look]:
    arms = draw(st.integers(2, 5))
    length = draw(st.integers(1, HOURS))
    found = []
    for _ in range(arms):
        people = draw(st.integers(0, 3_000))
        steps = draw(st.lists(st.integers(0, 200), min_size=length, max_size=length))
        found.append((people, np.minimum(np.cumsum(steps), people).tolist()))
    return looks(*found)


@given(paths(), st.sampled_from(Criterion), st.sampled_from(list(Decide)))
def test_nothing_is_called_below_the_minimum_or_without_a_lead(path: list[Look], criterion: Criterion, decide: Decide):
    """A winner has enough people and reactions on both sides, is ahead of each other one in the right direction, and
    is named at one look of all.
    """
    verdict = judge(path, criterion=criterion, decide=decide, hours=HOURS)
    assert (verdict.winner is None) == (verdict.standing is not Standing.SURE)
    if verdict.winner is None:
        return
    (look,) = [one for one in path if one.age == verdict.age]
    mine = look.counts[verdict.winner]
    for arm, other in look.counts.items():
        if arm == verdict.winner:
            continue
        assert min(mine.people, other.people) >= MIN_PEOPLE
        reacted = mine.reacted + other.reacted
        assert min(reacted, mine.people + other.people - reacted) >= MIN_REACTIONS
        assert mine.rate is not None
        assert other.rate is not None
        assert (mine.rate < other.rate) if criterion.fewest_wins else (mine.rate > other.rate)
    assert decide is not Decide.AT_TIME or verdict.age == HOURS


@given(paths(), st.sampled_from(Criterion))
def test_what_was_sure_stays_sure(path: list[Look], criterion: Criterion):
    """Looks that come later don't take a verdict back: whoever looks when, it is the same."""
    told = [judge(path[: n + 1], criterion=criterion, decide=Decide.WHEN_SURE, hours=HOURS) for n in range(len(path))]
    sure = [verdict for verdict in told if verdict.standing is Standing.SURE]
    assert len({(verdict.winner, verdict.age) for verdict in sure}) <= 1
    assert [v.standing is Standing.SURE for v in told] == sorted(v.standing is Standing.SURE for v in told)


def test_the_fewest_unsubscribes_win():
    """Unsubscribes: the version with fewer wins; by clicks the same figures name the other one."""
    path = looks((5_000, [90] * HOURS), (5_000, [20] * HOURS))
    for criterion, winner in ((Criterion.UNSUBSCRIBES, 2), (Criterion.CLICKS, 1)):
        assert judge(path, criterion=criterion, decide=Decide.WHEN_SURE, hours=HOURS).winner == winner


@pytest.mark.parametrize("people", [0, 1, 60])
def test_a_version_that_hardly_anybody_got_is_never_judged(people: int):
    """Nothing delivered, one recipient, a few: no winner, and at the end it is said that nothing is sure."""
    path = looks((people, [0] * HOURS), (3_000, [900] * HOURS))
    assert (
        judge(path, criterion=Criterion.CLICKS, decide=Decide.WHEN_SURE, hours=HOURS).standing is Standing.INCONCLUSIVE
    )
    assert (
        judge(path[:3], criterion=Criterion.CLICKS, decide=Decide.WHEN_SURE, hours=HOURS).standing is Standing.WAITING
    )
    assert judge([], criterion=Criterion.CLICKS, decide=Decide.WHEN_SURE, hours=HOURS).standing is Standing.WAITING


@given(st.dictionaries(st.integers(1, 5), st.integers(0, 500), min_size=1), st.sampled_from(Criterion))
def test_beliefs_are_chances(reacted: dict[int, int], criterion: Criterion):
    """Chances to be the best add up to one, intervals hold their rate, and the same counts give the same figures."""
    counts = {arm: Count(500, n) for arm, n in sorted(reacted.items())}
    found = beliefs(counts, criterion=criterion)
    assert sum(b.best for b in found.values()) == pytest.approx(1.0)
    assert found == beliefs(counts, criterion=criterion)
    for arm, belief in found.items():
        assert belief.low <= (1 + counts[arm].reacted) / 502 <= belief.high
        assert (belief.lift is None) == (arm == min(found))


def test_the_best_is_the_one_with_the_better_rate():
    """Far apart, one is the best beyond doubt: with the most clicks, or with the fewest unsubscribes."""
    counts = {1: Count(1_000, 100), 2: Count(1_000, 300)}
    assert beliefs(counts, criterion=Criterion.CLICKS)[2].best > 0.999
    found = beliefs(counts, criterion=Criterion.UNSUBSCRIBES)
    assert found[1].best > 0.999
    assert found[2].lift == pytest.approx(0.2, abs=0.01)


def test_the_curve_of_reactions_rises_to_one():
    """Half in three hours, all of them in the end, none before the beginning; an early line is out of reach."""
    assert [reacted_by(h) for h in (0, 3, 1e9)] == pytest.approx([0.0, 0.5, 1.0])
    assert spent_by(0, HOURS, 0.025) == 0.0
    assert boundaries([1.0, 2.0], [0.0, 0.025])[0] == NEVER
