"""A test of two to five versions: what is compared, how long it is watched, and what is done where nothing is sure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sillage.domain.ids import VariantId

MAX_HOURS = 168
"""A test is decided within a week: what is held back meanwhile goes stale."""
DEFAULT_HOURS = 24
ERROR = 0.05
"""How often at most a winner is named where there is none, however often anybody looks."""
POWER = 0.80


class Criterion(StrEnum):
    """What makes a version better. Rates are those of dbt; denominators as there."""

    OPENS = "opens"
    CLICKS = "clicks"
    REACTIVITY = "reactivity"
    CONVERSIONS = "conversions"
    UNSUBSCRIBES = "unsubscribes"

    @property
    def fewest_wins(self) -> bool:
        """Whether the smaller rate is the better one."""
        return self is Criterion.UNSUBSCRIBES

    @property
    def rate(self) -> str:
        """The rate of dbt that it goes by."""
        return _RATES[self]


_RATES = {
    Criterion.OPENS: "open_rate",
    Criterion.CLICKS: "click_rate",
    Criterion.REACTIVITY: "reactivity_rate",
    Criterion.CONVERSIONS: "conversion_rate",
    Criterion.UNSUBSCRIBES: "unsubscribe_rate",
}


class Decide(StrEnum):
    """Who names the winner, and when. Each of them ends after the test's hours."""

    WHEN_SURE = "when_sure"
    """As soon as the sequential test is sure."""
    AT_TIME = "at_time"
    """When the hours are over, and not before."""
    BY_HAND = "by_hand"
    """A person; what is set for an open end holds where nobody has when the hours are over."""


class Otherwise(StrEnum):
    """What becomes of the rest where nobody is sure when the hours are over."""

    FIRST = "first"
    """It gets the first version."""
    NOBODY = "nobody"
    """It gets nothing: skipped, `winner_not_chosen`."""


class How(StrEnum):
    """How a test ended."""

    SURE = "sure"
    HAND = "hand"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class AbTest:
    """A test as it was set up."""

    criterion: Criterion
    decide: Decide
    otherwise: Otherwise
    hours: int
    size: int
    """People of each version."""
    lift: float
    """The smallest difference of the rate that it was made to see, a share of one."""
    usual_rate: float
    """The rate that the size was worked out from, a share of one."""
    is_exact: bool
    """Whether somebody asked for this very size: an audience that is too small for it is then refused; else it is
    taken whole, in equal parts."""
    hold_out: int = 0
    """People who get nothing, to measure the campaign itself against."""


@dataclass(frozen=True, slots=True)
class Decision:
    """How a test ended, and when."""

    how: How
    winner: VariantId | None
    """The version that the rest gets; None: it gets nothing."""
    at: datetime
    by: str
