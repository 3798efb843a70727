"""What rates an account usually has, to work out from how many people a test needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sillage.domain.ab_test import Criterion
from sillage.domain.ids import AccountId
from sillage.errors import NotFound, TransientError
from sillage.lake.reader import Reader

ENOUGH = 1_000
"""Below so many people in its campaigns an account's own rates tell nothing yet."""
_ASSUMED = {
    Criterion.OPENS: 0.20, Criterion.CLICKS: 0.025, Criterion.REACTIVITY: 0.12, Criterion.CONVERSIONS: 0.01,
    Criterion.UNSUBSCRIBES: 0.002,
}  # fmt: skip
_COUNTED = {
    Criterion.OPENS: 0.7, Criterion.CLICKS: 0.98, Criterion.REACTIVITY: 0.2, Criterion.CONVERSIONS: 0.98,
    Criterion.UNSUBSCRIBES: 0.98,
}  # fmt: skip
_PARTS = {
    Criterion.OPENS: ("human_open_count", "measurable_count"),
    Criterion.CLICKS: ("human_click_count", "delivered_count"),
    Criterion.REACTIVITY: ("human_click_count", "human_reaction_count"),
    Criterion.CONVERSIONS: ("converted_count", "delivered_count"),
    Criterion.UNSUBSCRIBES: ("unsubscribed_count", "delivered_count"),
}
_CAMPAIGNS = 20
_SUMS = ", ".join(
    f"sum({name})::bigint as {name}"
    for name in sorted({"sent_count", *(part for parts in _PARTS.values() for part in parts)})
)
_QUERY = f"""
select {_SUMS} from (
    select figures.* from marts.main.fct_campaign_performance as figures
    inner join marts.main.dim_campaign as campaigns on figures.campaign_id = campaigns.campaign_id
    where figures.account_id = ? and figures.is_closed
    order by campaigns.started_at desc nulls last, figures.campaign_id desc limit {_CAMPAIGNS}
)
"""


@dataclass(frozen=True, slots=True)
class Usual:
    """One criterion's usual figures."""

    rate: float
    counted: float
    """The share of those sent to who count in the rate."""
    is_own: bool
    """Whether they are the account's; else they are assumed, for it has sent too little yet."""


def usual(reader: Reader, account_id: AccountId) -> Mapping[Criterion, Usual]:
    """Over the account's last closed campaigns, all of them together; what is assumed where they tell too little."""
    try:
        rows = reader.query_marts(_QUERY, [account_id])
    except (NotFound, TransientError):
        rows = []
    row = rows[0] if rows else {}
    return {criterion: _of(row, criterion) for criterion in Criterion}


def _of(row: Mapping[str, int | None], criterion: Criterion) -> Usual:
    numerator, denominator = (row.get(name) or 0 for name in _PARTS[criterion])
    sent = row.get("sent_count") or 0
    if denominator < ENOUGH or not 0 < numerator < denominator:
        return Usual(_ASSUMED[criterion], _COUNTED[criterion], is_own=False)
    return Usual(numerator / denominator, min(1.0, denominator / sent), is_own=True)
