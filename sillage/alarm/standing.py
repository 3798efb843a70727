"""What stands: alerts of the last build of the marts, queues that do not move, a lake that lags.

Each is brought to its level in ops, which tells each change once. An alert of the marts that is not passed any more
falls only when builds have not shown it for `COOL`: a rate that dances about its line is told once.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from sillage.alarm.act import alert_key
from sillage.domain.campaign import CampaignState as S
from sillage.domain.ids import AccountId
from sillage.domain.thresholds import Level
from sillage.errors import NotFound
from sillage.lake.reader import Reader
from sillage.settings import Settings
from sillage.store import alerts, campaigns, outbox
from sillage.store.database import Store

COOL = timedelta(minutes=10)
STUCK_WARN, STUCK_CRITICAL = timedelta(minutes=5), timedelta(minutes=30)
"""A campaign with rows that are due whose balance has not moved for so long."""
LAG_WARN_S, LAG_CRITICAL_S = 30.0, 300.0
"""The oldest event that waits: the collector drains within a second, a merge may hold it for a few."""
_MARTS = """
select alerts.account_id, alerts.alert_key, alerts.level, alerts.metric, alerts.scope, alerts.window_name,
    alerts.campaign_id, campaigns.campaign_name, alerts.provider, alerts.measured_value, alerts.measured_value_low,
    alerts.measured_value_high, alerts.numerator_count, alerts.denominator_count, alerts.warn_at, alerts.critical_at,
    alerts.usual_low, alerts.usual_high, alerts.when_critical
from marts.main.alerts as alerts
left join marts.main.dim_campaign as campaigns on alerts.campaign_id = campaigns.campaign_id
where alerts.scope <> 'contact'
"""


@dataclass(slots=True)
class Standing:
    """Remembers between looks only what a clock has to be held against."""

    settings: Settings
    store: Store
    reader: Reader
    _moved: dict[int, tuple[str, datetime]] = field(default_factory=dict)
    _first: tuple[int, datetime] | None = None

    def look(self) -> int:
        """Bring all alerts to their levels; how many changed.

        Raises: TransientError.
        """
        return self._marts() + self._queues() + self._lag()

    def _marts(self) -> int:
        try:
            built = self.reader.query("select as_of_at from marts.main.as_of")
            rows = self.reader.query(_MARTS) if built else []
        except NotFound:
            return 0
        if not built:
            return 0  # the marts are laid out, and nothing has been built into them yet
        at: datetime = built[0]["as_of_at"]
        changed = 0
        passed = {(row["account_id"], row["alert_key"]) for row in rows}
        with self.store.write() as conn:
            for row in rows:
                changed += _raise(conn, row, at)
            for account_id, _ in alerts.account_ids(conn):
                for held in alerts.states(conn, account_id, raised=True):
                    is_ours = held.facts.get("scope") != "installation"
                    if is_ours and (account_id, held.alert_key) not in passed and at - held.seen_at >= COOL:
                        changed += alerts.set_level(conn, account_id, held.alert_key, Level.OK, held.facts, now=at)
        return changed

    def _queues(self) -> int:
        """A campaign that sends, has rows that are due, and whose balance does not move."""
        now, changed = self.settings.clock.now(), 0
        with self.store.read() as conn:
            running = campaigns.due(conn, states=(S.SENDING,), before=now)
            balances = {c.id: campaigns.balance(conn, c.account_id, c.id) for c in running}
            overdue = {c.id: campaigns.oldest_due(conn, c.account_id, c.id) for c in running}
        seen, self._moved = self._moved, {}
        for campaign in running:
            picture = json.dumps(balances[campaign.id].counts, sort_keys=True)
            known = seen.get(campaign.id)
            since = known[1] if known and known[0] == picture else now
            self._moved[campaign.id] = (picture, since)
            oldest = overdue[campaign.id]
            still = now - since if oldest is not None and oldest <= now else timedelta(0)
            level = _level(still.total_seconds(), STUCK_WARN.total_seconds(), STUCK_CRITICAL.total_seconds())
            facts = _facts("queue_stuck", still.total_seconds(), STUCK_WARN, STUCK_CRITICAL)
            facts |= {"campaign_id": campaign.id, "campaign": campaign.name}
            changed += self._set(campaign.account_id, campaign.id, "queue_stuck", level, facts, now)
        for campaign_id in seen.keys() - self._moved.keys():
            changed += self._fall("queue_stuck", campaign_id, now)
        return changed

    def _lag(self) -> int:
        """How long the first waiting event has been the first: it grows only where nothing is drained."""
        now = self.settings.clock.now()
        with self.store.read() as conn:
            waiting = outbox.waiting(conn, 1)
            owners = alerts.account_ids(conn)
        if not waiting:
            self._first = None
        elif self._first is None or self._first[0] != waiting[0][0]:
            self._first = (waiting[0][0], now)
        speed = self.settings.clock.speed
        lag_s = (now - self._first[1]).total_seconds() / speed if self._first else 0.0
        level = _level(lag_s, LAG_WARN_S, LAG_CRITICAL_S)
        facts = _facts("lake_lag", lag_s, timedelta(seconds=LAG_WARN_S), timedelta(seconds=LAG_CRITICAL_S))
        return sum(self._set(account, None, "lake_lag", level, facts, now) for account, _ in owners)

    def _set(
        self, account: AccountId, campaign: int | None, metric: str, level: Level, facts: dict[str, Any], now: datetime
    ) -> bool:
        key = alert_key(account, campaign, None, metric, "now")
        with self.store.read() as conn:
            held = alerts.state(conn, account, key)
        if level is (held.level if held else Level.OK):
            return False
        with self.store.write() as conn:
            return alerts.set_level(conn, account, key, level, facts, now=now)

    def _fall(self, metric: str, campaign_id: int, now: datetime) -> int:
        changed = 0
        with self.store.write() as conn:
            for account, _ in alerts.account_ids(conn):
                key = alert_key(account, campaign_id, None, metric, "now")
                held = alerts.state(conn, account, key)
                if held is not None:
                    changed += alerts.set_level(conn, account, key, Level.OK, held.facts, now=now)
        return changed


def _level(seconds: float, warn: float, critical: float) -> Level:
    if seconds >= critical:
        return Level.CRITICAL
    return Level.WARNING if seconds >= warn else Level.OK


def _facts(metric: str, seconds: float, warn: timedelta, critical: timedelta) -> dict[str, Any]:
    return {
        "metric": metric,
        "scope": "installation",
        "window": "now",
        "campaign_id": None,
        "campaign": None,
        "provider": None,
        "value": seconds,
        "warn_at": warn.total_seconds(),
        "critical_at": critical.total_seconds(),
        "follows": "tell",
    }


def _raise(conn: sa.Connection, row: dict[str, Any], at: datetime) -> bool:
    account, key, level = AccountId(row["account_id"]), row["alert_key"], Level(row["level"])
    held = alerts.state(conn, account, key)
    if held is not None and held.seen_at > at:
        # The guard has seen newer events than this build.
        return False
    if held is not None and held.level is Level.CRITICAL and level is Level.WARNING and at - held.since < COOL:
        return False
    facts = {
        "metric": row["metric"],
        "scope": row["scope"],
        "window": row["window_name"],
        "campaign_id": row["campaign_id"],
        "campaign": row["campaign_name"],
        "provider": row["provider"],
        "value": row["measured_value"],
        "low": row["measured_value_low"],
        "high": row["measured_value_high"],
        "numerator": row["numerator_count"],
        "denominator": row["denominator_count"],
        "usual_low": row["usual_low"],
        "usual_high": row["usual_high"],
        "warn_at": row["warn_at"],
        "critical_at": row["critical_at"],
        "follows": row["when_critical"],
    }
    return alerts.set_level(conn, account, key, level, facts, now=at)
