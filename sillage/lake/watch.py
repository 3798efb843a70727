"""What the guard asks of dbt's narrow live views. Ids are our own integers: as literals they go down to the files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sillage.domain.ids import AccountId, CampaignId
from sillage.domain.thresholds import Threshold
from sillage.lake.reader import Reader

_THRESHOLDS = """
select
    thresholds.metric, thresholds.scope, thresholds.window_name, thresholds.window_seconds,
    coalesce(overrides.warn_at, thresholds.warn_at) as warn_at,
    coalesce(overrides.critical_at, thresholds.critical_at) as critical_at,
    coalesce(overrides.min_denominator, thresholds.min_denominator) as min_denominator,
    coalesce(overrides.min_events, thresholds.min_events) as min_events,
    coalesce(overrides.when_critical, thresholds.when_critical) as when_critical
from marts.reference.thresholds as thresholds
left join marts.reference.threshold_overrides as overrides
    on overrides.account_slug = ? and thresholds.metric = overrides.metric
    and thresholds.scope = overrides.scope and thresholds.window_name = overrides.window_name
"""
_SIGNALS = """
select account_id, campaign_id, provider, metric, count(*) as signals
from marts.main.live_signals
where lake_seq > {after} and lake_seq <= {until} and metric is not null and campaign_id in ({ids})
group by all
"""
# Numerator and denominator of each watched rate, as columns of live_guard.
RATES = {
    "complaint_rate": ("complained_count", "reporting_count"),
    "unsubscribe_rate": ("unsubscribed_count", "delivered_count"),
    "permanent_bounce_rate": ("permanent_count", "sent_count"),
}
_COLUMNS = ("sent_count", "delivered_count", "reporting_count", "permanent_count", "unsubscribed_count",
            "complained_count")  # fmt: skip
_COUNTS = """
select {sums}
from marts.main.live_guard
where account_id = ? and campaign_id in ({ids}) and attempted_at >= ?
"""
_ATTEMPTS = """
select provider, count(distinct event_id) filter (where is_refused) as refused, count(distinct event_id) as attempts
from marts.main.live_attempts
where account_id = ? and campaign_id = {id} and occurred_at > ?
group by provider
"""


@dataclass(frozen=True, slots=True)
class Signals:
    """New events that can raise a numerator."""

    account_id: AccountId
    campaign_id: CampaignId
    provider: str
    metric: str
    signals: int


def thresholds(reader: Reader, account_slug: str) -> list[Threshold]:
    """The rows that hold for an account: its own, else those of all."""
    return [Threshold(**row) for row in reader.query(_THRESHOLDS, [account_slug])]


def newest(reader: Reader) -> int:
    """The last number of the lake's sequence."""
    (row,) = reader.query("select coalesce(max(lake_seq), 0) as seq from lake.main.events")
    return int(row["seq"])


def signals(reader: Reader, campaigns: Iterable[CampaignId], *, after: int, until: int) -> list[Signals]:
    """Signals of some campaigns, counted from one number of the lake's sequence to another."""
    rows = reader.query(_SIGNALS.format(ids=_ids(campaigns), after=int(after), until=int(until)))
    return [
        Signals(AccountId(r["account_id"]), CampaignId(r["campaign_id"]), r["provider"], r["metric"], r["signals"])
        for r in rows
    ]


def counts(
    reader: Reader, account: AccountId, campaigns: Iterable[CampaignId], since: list[datetime]
) -> list[dict[str, int]]:
    """The watched counts of those first attempted since each of some moments, in their order."""
    sums = ", ".join(
        f"coalesce(sum({column}) filter (where attempted_at >= ?), 0)::bigint as {column}_{number}"
        for number in range(len(since))
        for column in _COLUMNS
    )
    moments = [moment for moment in since for _ in _COLUMNS]
    sql = _COUNTS.format(sums=sums, ids=_ids(campaigns))
    (row,) = reader.query(sql, [*moments, account, min(since)])
    return [{column: int(row[f"{column}_{number}"]) for column in _COLUMNS} for number in range(len(since))]


def attempts(reader: Reader, account: AccountId, campaign: CampaignId, since: datetime) -> dict[str, tuple[int, int]]:
    """Refused and all attempts of a campaign since a moment, by provider."""
    rows = reader.query(_ATTEMPTS.format(id=int(campaign)), [account, since])
    return {row["provider"]: (int(row["refused"]), int(row["attempts"])) for row in rows}


def _ids(campaigns: Iterable[CampaignId]) -> str:
    return ", ".join(str(int(c)) for c in campaigns) or "null"
