"""What follows from a bounce: an account's policy by class.

Defaults as the functional reference has them: nobody at an address ends it at once; a full or disabled mailbox is
kept and counted, and recommended for removal after five in 90 days over three campaigns; what is temporary is tried
again; a block is the sender's problem, never the person's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from sillage.domain.bounce_rules import BounceClass
from sillage.errors import BadInput

MAX_COUNT = 100
MAX_DAYS = 730


class Follow(StrEnum):
    """What is done about a bounce."""

    DEACTIVATE = "deactivate"
    """No more mail, at once."""
    COUNT = "count"
    """Keep and count; recommend removal where it goes on."""
    RETRY = "retry"
    """Keep: the message was tried until its deadline, the next campaign tries again."""
    WARN = "warn"
    """Keep: the sender has a problem, and is told."""


CHOICES: dict[BounceClass, tuple[Follow, ...]] = {
    BounceClass.NPAI: (Follow.DEACTIVATE, Follow.COUNT),
    BounceClass.HARD: (Follow.DEACTIVATE, Follow.COUNT),
    BounceClass.SOFT: (Follow.COUNT, Follow.DEACTIVATE, Follow.RETRY),
    BounceClass.TRANSIENT: (Follow.RETRY, Follow.COUNT),
    BounceClass.BLOCK: (Follow.WARN,),
    BounceClass.UNKNOWN: (Follow.RETRY,),
}
"""What may be chosen for each class, the default first. A block and what nobody understands end no relation."""

SUPPRESSION_REASONS = {BounceClass.NPAI: "npai", BounceClass.HARD: "hard_bounce", BounceClass.SOFT: "soft_bounce"}
"""Under which reason an address stands in the suppression list."""


def _defaults() -> dict[BounceClass, Follow]:
    return {bounce_class: choices[0] for bounce_class, choices in CHOICES.items()}


@dataclass(frozen=True, slots=True)
class BouncePolicy:
    """A follow for each class, and when removal is recommended of those that are counted.

    Raises: BadInput that names the field and what is allowed.
    """

    follows: dict[BounceClass, Follow] = field(default_factory=_defaults)
    recommend_after: int = 5
    within_days: int = 90
    min_campaigns: int = 3

    def __post_init__(self) -> None:
        for bounce_class, choices in CHOICES.items():
            chosen = self.follows.get(bounce_class)
            if chosen not in choices:
                raise BadInput(
                    f"bounce policy: {bounce_class} is one of {', '.join(choices)}, not {chosen}",
                    code="bad_policy",
                    field=bounce_class.value,
                )
        for name, value, most in (
            ("recommend_after", self.recommend_after, MAX_COUNT),
            ("within_days", self.within_days, MAX_DAYS),
            ("min_campaigns", self.min_campaigns, MAX_COUNT),
        ):
            if not 1 <= value <= most:
                raise BadInput(f"bounce policy: {name} is from 1 to {most}, not {value}", code="bad_policy", field=name)
        if self.min_campaigns > self.recommend_after:
            raise BadInput(
                f"bounce policy: {self.recommend_after} bounces can't come from {self.min_campaigns} campaigns: "
                "min_campaigns is at most recommend_after",
                code="bad_policy",
                field="min_campaigns",
            )

    def of(self, bounce_class: BounceClass) -> Follow:
        """What follows from a bounce of this class."""
        return self.follows[bounce_class]

    def classes(self, follow: Follow) -> list[BounceClass]:
        """The classes from which this follows."""
        return [bounce_class for bounce_class in CHOICES if self.follows[bounce_class] is follow]


DEFAULT_POLICY = BouncePolicy()
