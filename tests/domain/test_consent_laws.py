"""The laws of current consent: order, repetition, returns and the three years."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from sillage.domain.consent import (
    CONSENT_LASTS,
    Basis,
    Channel,
    ConsentAct,
    ConsentState,
    Purpose,
    current,
    lapses_at,
)

NOW = datetime(2026, 11, 24, tzinfo=UTC)
MOMENTS = st.integers(0, 8).map(lambda days: NOW + timedelta(days=days))
ACTS = st.builds(
    ConsentAct,
    st.sampled_from(Channel),
    st.sampled_from(Purpose),
    st.sampled_from(ConsentState),
    MOMENTS,
    st.sampled_from(Basis),
    st.sampled_from(["", "row 2"]),
    st.booleans(),
)


@given(st.lists(ACTS, max_size=15), st.randoms(use_true_random=False))
def test_order_and_replay_of_acts_change_nothing(acts: list[ConsentAct], random: Random) -> None:
    """A ledger that came in any order, with lines twice, says the same as it did."""
    again = acts + random.sample(acts, k=len(acts) // 2)
    random.shuffle(again)
    assert current(again) == current(acts)


@given(st.lists(ACTS, max_size=15))
def test_one_purpose_says_nothing_of_another(acts: list[ConsentAct]) -> None:
    """What holds for a purpose is the same with and without the acts of all others."""
    for (channel, purpose), held in current(acts).items():
        alone = [act for act in acts if (act.channel, act.purpose) == (channel, purpose)]
        assert current(alone) == {(channel, purpose): held}


@given(st.lists(ACTS, max_size=15))
def test_nobody_who_left_comes_back_without_a_return(acts: list[ConsentAct]) -> None:
    """After a withdrawal only a later act that is marked as a return makes a grant hold."""
    for (channel, purpose), held in current(acts).items():
        mine = [act for act in acts if (act.channel, act.purpose) == (channel, purpose)]
        left = [act.occurred_at for act in mine if act.state is ConsentState.WITHDRAWN]
        back = [act for act in mine if act.state is ConsentState.GRANTED and act.is_return]
        is_back = bool(left) and any(act.occurred_at > max(left) for act in back)
        assert (held.state is ConsentState.GRANTED) == (not left or is_back)


def test_own_consent_outlives_a_later_customer_relation() -> None:
    """A file of customers that comes later does not replace what the person agreed to."""
    own = ConsentAct(Channel.EMAIL, Purpose.MARKETING, ConsentState.GRANTED, NOW)
    customer = ConsentAct(
        Channel.EMAIL, Purpose.MARKETING, ConsentState.GRANTED, NOW + timedelta(days=9), Basis.EXISTING_CUSTOMER
    )
    assert current([own, customer])[Channel.EMAIL, Purpose.MARKETING] is own


@given(st.lists(st.integers(0, 4_000), max_size=12), st.randoms(use_true_random=False))
def test_acts_put_the_end_off_in_a_chain_without_a_gap(days: list[int], random: Random) -> None:
    """The end is three years after the last act before which no three years passed, in whatever order acts came."""
    acts = [NOW + timedelta(days=day) for day in days]
    random.shuffle(acts)
    end = NOW + CONSENT_LASTS
    while later := [act for act in acts if act < end and act + CONSENT_LASTS > end]:
        end = max(later) + CONSENT_LASTS
    assert lapses_at(NOW, *acts, *acts) == end


def test_act_after_the_end_revives_nothing() -> None:
    """A click four years later finds a consent that has lapsed: it must be confirmed."""
    assert lapses_at(NOW, NOW + CONSENT_LASTS + timedelta(days=1)) == NOW + CONSENT_LASTS
