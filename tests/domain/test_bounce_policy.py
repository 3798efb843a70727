"""What an account may say that follows from a bounce."""

from __future__ import annotations

import pytest

from sillage.domain.bounce_policy import CHOICES, DEFAULT_POLICY, BouncePolicy, Follow
from sillage.domain.bounce_rules import BounceClass
from sillage.errors import BadInput


def test_default_policy_is_the_one_that_the_reference_asks_for() -> None:
    """NPAI and hard end it, soft is counted (5 in 90 days over 3 campaigns), transient is retried, a block warns us."""
    assert [DEFAULT_POLICY.of(kind).value for kind in BounceClass] == [
        "deactivate", "deactivate", "count", "retry", "warn", "retry"
    ]  # fmt: skip
    assert (DEFAULT_POLICY.recommend_after, DEFAULT_POLICY.within_days, DEFAULT_POLICY.min_campaigns) == (5, 90, 3)


@pytest.mark.parametrize("kind", [BounceClass.BLOCK, BounceClass.UNKNOWN, BounceClass.TRANSIENT])
def test_nobody_is_lost_by_what_is_not_their_doing(kind: BounceClass) -> None:
    """No policy deactivates for a block, for what is temporary or for what nobody understands (traps 21, 22)."""
    assert Follow.DEACTIVATE not in CHOICES[kind]
    with pytest.raises(BadInput, match=kind.value):
        BouncePolicy({**DEFAULT_POLICY.follows, kind: Follow.DEACTIVATE})


@pytest.mark.parametrize(
    ("numbers", "field"),
    [((0, 90, 1), "recommend_after"), ((5, 0, 1), "within_days"), ((5, 90, 0), "min_campaigns"),
     ((2, 90, 3), "min_campaigns"), ((5, 10_000, 3), "within_days")],
)  # fmt: skip
def test_numbers_that_make_no_sense_are_refused(numbers: tuple[int, int, int], field: str) -> None:
    """Each number has its bounds, and more campaigns than bounces can't be asked for; the error names the field."""
    with pytest.raises(BadInput) as refused:
        BouncePolicy(DEFAULT_POLICY.follows, *numbers)
    assert refused.value.field == field
