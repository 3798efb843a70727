"""How a person writes down a test, and the test that it becomes: its size from the account's own rates."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from sillage.domain.ab_size import Proposal, propose
from sillage.domain.ab_test import DEFAULT_HOURS, MAX_HOURS, AbTest, Criterion, Decide, Otherwise
from sillage.domain.ids import AccountId
from sillage.errors import BadInput
from sillage.lake.reader import Reader
from sillage.lake.usual import Usual, usual
from sillage.settings import Settings

RELATIVE_LIFT = 0.1
"""What is looked for where nothing else is said: a tenth of the usual rate more."""


class AbSpec(BaseModel):
    """The block `[test]` of campaign.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    criterion: Criterion = Criterion.CLICKS
    lift: Annotated[float, Field(gt=0, lt=1)] | None = None
    decide: Decide = Decide.WHEN_SURE
    decide_after_hours: Annotated[int, Field(ge=1, le=MAX_HOURS)] = DEFAULT_HOURS
    otherwise: Otherwise = Otherwise.FIRST
    hold_out: Annotated[int, Field(ge=0)] = 0


def proposal(spec: AbSpec, arms: int, known: Mapping[Criterion, Usual]) -> Proposal:
    """How many people a test needs, from these usual rates.

    Raises: BadInput where no test sees such a difference.
    """
    base = known[spec.criterion]
    try:
        return propose(
            spec.criterion, base.rate, spec.lift or base.rate * RELATIVE_LIFT, arms=arms,
            hours=spec.decide_after_hours, decide=spec.decide, counted=base.counted,
        )  # fmt: skip
    except ValueError as exc:
        raise BadInput(
            f"test.lift: {exc}; the usual rate is {base.rate:.2%}, so choose a smaller lift", code="bad_lift",
            field="test.lift",
        ) from exc  # fmt: skip


def known_of(settings: Settings, account_id: AccountId) -> Mapping[Criterion, Usual]:
    """The account's usual rates, and what is assumed where there are none."""
    with closing(Reader(settings)) as reader:
        return usual(reader, account_id)


def ab_test_of(spec: AbSpec, arms: int, settings: Settings, account_id: AccountId) -> AbTest:
    """The test, with its size worked out where that was left to us.

    Raises: BadInput.
    """
    known = known_of(settings, account_id)
    wanted = proposal(spec, arms, known)
    return AbTest(
        criterion=spec.criterion,
        decide=spec.decide,
        otherwise=spec.otherwise,
        hours=spec.decide_after_hours,
        size=wanted.size if spec.size == "auto" else spec.size,
        lift=abs(wanted.better - wanted.rate),
        usual_rate=wanted.rate,
        is_exact=spec.size != "auto",
        hold_out=spec.hold_out,
    )
