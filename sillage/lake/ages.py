"""How a test's versions stand at each age of their messages, counted from dbt's live view of ages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sillage.domain.ab_test import Criterion
from sillage.domain.ab_verdict import Count, Look
from sillage.domain.ids import AccountId, CampaignId
from sillage.lake.reader import Reader

MOST = 0.95
"""A version is as old as all but the last twentieth of its messages: some wait for hours at a slow server."""
_DELIVERED = f"""
select variant_id, quantile_disc(delivered_at, {MOST}) as most_at, count(*) as delivered
from marts.main.live_ages where account_id = ? and campaign_id = {{id}} group by 1
"""
# Who counts, and the age at which they reacted. Reactivity counts those who reacted, from then on.
_AGES = {
    Criterion.OPENS: ("is_measurable", "1", "opened_after_hours"),
    Criterion.CLICKS: ("true", "1", "clicked_after_hours"),
    Criterion.UNSUBSCRIBES: ("true", "1", "unsubscribed_after_hours"),
    Criterion.REACTIVITY: (
        "coalesce(opened_after_hours, clicked_after_hours) is not null",
        "least(opened_after_hours, clicked_after_hours)", "clicked_after_hours",
    ),
    Criterion.CONVERSIONS: ("true", "1", "converted_after_hours"),
}  # fmt: skip
_PEOPLE = "select * from marts.main.live_ages where account_id = $account and campaign_id = {id}"
# A conversion comes to who was delivered to, as every numerator does.
_CONVERTED = """
select people.*,
    case when bought.converted_at is not null
        then greatest(1, ceil(epoch(bought.converted_at - people.delivered_at) / 3600)) end::bigint
    as converted_after_hours
from (select * from marts.main.live_ages where account_id = $account and campaign_id = {id}) as people
left join (
    select contact_id, min(converted_at) as converted_at from marts.main.live_conversions
    where account_id = $account and campaign_id = {id} group by 1
) as bought on people.contact_id = bought.contact_id
"""
_COUNTS = """
select variant_id, {counts_from} as counts_from, {reacted_at} as reacted_at, count(*) as people
from ({people}) where delivered_at <= $until and {counts} group by all
"""


@dataclass(frozen=True, slots=True)
class Delivered:
    """One version's messages that have arrived."""

    most_at: datetime
    """When all but the last of them had."""
    count: int


def delivered(reader: Reader, account: AccountId, campaign: CampaignId) -> dict[int, Delivered]:
    """By version, what of the samples has arrived."""
    rows = reader.query(_DELIVERED.format(id=int(campaign)), [account])
    return {int(r["variant_id"]): Delivered(r["most_at"], int(r["delivered"])) for r in rows}


def looks(
    reader: Reader,
    account: AccountId,
    campaign: CampaignId,
    *,
    criterion: Criterion,
    arms: Sequence[int],
    age: int,
    until: datetime,
) -> list[Look]:
    """How the versions stood when each message was 1, 2, … `age` hours old: the same people at every age, those whose
    message arrived by `until`.
    """
    counts, counts_from, reacted_at = _AGES[criterion]
    people = (_CONVERTED if criterion is Criterion.CONVERSIONS else _PEOPLE).format(id=int(campaign))
    sql = _COUNTS.format(counts=counts, counts_from=counts_from, reacted_at=reacted_at, people=people)
    return fold(reader.query(sql, {"account": account, "until": until}), arms, age)


def fold(rows: Sequence[Mapping[str, Any]], arms: Sequence[int], age: int) -> list[Look]:
    """Rows of variant_id, counts_from, reacted_at (hours, or None) and people, as the counts at each age."""
    people = {arm: [0] * (age + 2) for arm in arms}
    reacted = {arm: [0] * (age + 2) for arm in arms}
    for row in rows:
        arm = int(row["variant_id"])
        if arm not in people:
            continue
        begins = int(row["counts_from"])
        people[arm][min(begins, age + 1)] += row["people"]
        if row["reacted_at"] is not None:
            reacted[arm][min(max(begins, int(row["reacted_at"])), age + 1)] += row["people"]
    found, so_far = [], {arm: Count(0, 0) for arm in arms}
    for at in range(1, age + 1):
        so_far = {
            arm: Count(so_far[arm].people + people[arm][at], so_far[arm].reacted + reacted[arm][at]) for arm in arms
        }
        found.append(Look(at, dict(so_far)))
    return found
