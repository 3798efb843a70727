"""The ledger of consent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sillage.domain.consent import CONSENT_LASTS, Channel, ConsentAct, ConsentState, Purpose, current, lapses_at

NOW = datetime(2026, 11, 24, tzinfo=UTC)
ACTS = st.builds(
    ConsentAct,
    st.sampled_from(Channel),
    st.sampled_from(Purpose),
    st.sampled_from(ConsentState),
    st.integers(0, 5).map(lambda days: NOW + timedelta(days=days)),
)


@given(st.lists(ACTS, max_size=12), st.randoms())
def test_current_consent_does_not_depend_on_the_order_of_the_ledger(acts: list[ConsentAct], random: object) -> None:
    """Acts become known in any order; what holds is the same."""
    shuffled = list(acts)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert {k: (a.state, a.occurred_at) for k, a in current(acts).items()} == {
        k: (a.state, a.occurred_at) for k, a in current(shuffled).items()
    }


@given(st.lists(ACTS, min_size=1, max_size=12))
def test_current_consent_lets_a_withdrawal_win_a_tie(acts: list[ConsentAct]) -> None:
    """Of a yes and a no at the same moment the no holds."""
    for (channel, purpose), act in current(acts).items():
        same = [a for a in acts if (a.channel, a.purpose) == (channel, purpose) and a.occurred_at == act.occurred_at]
        if any(a.state is ConsentState.WITHDRAWN for a in same):
            assert act.state is ConsentState.WITHDRAWN


def test_consent_lapses_three_years_after_the_last_act() -> None:
    """A click puts the end off; an older act does not bring it nearer."""
    assert lapses_at(NOW, None) == NOW + CONSENT_LASTS
    assert lapses_at(NOW, NOW + timedelta(days=9)) == NOW + timedelta(days=9) + CONSENT_LASTS
    assert lapses_at(NOW, NOW - timedelta(days=9)) == NOW + CONSENT_LASTS
