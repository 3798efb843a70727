"""Acting on a critical count: pause what has to be paused, write down why, raise the alert. One transaction."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sillage.domain.campaign import CampaignState as S
from sillage.domain.thresholds import Level, Threshold, wilson
from sillage.errors import Refused
from sillage.store import alerts, campaigns, incidents
from sillage.store.campaigns import Campaign
from sillage.store.incidents import Incident


def alert_key(
    account_id: int, campaign_id: int | None, provider: str | None, metric: str, window_name: str, contact: int = 0
) -> str:
    """The key that dbt gives the same alert."""
    text = f"{account_id}/{campaign_id or 0}/{provider or ''}/{contact}/{metric}/{window_name}"
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def facts_of(
    threshold: Threshold, campaign: Campaign | None, provider: str | None, numerator: int, denominator: int
) -> dict[str, Any]:
    """An alert's figures as they are kept and told."""
    interval = wilson(numerator, denominator)
    return {
        "metric": threshold.metric,
        "scope": threshold.scope,
        "window": threshold.window_name,
        "campaign_id": campaign.id if campaign and threshold.scope != "account" else None,
        "campaign": campaign.name if campaign and threshold.scope != "account" else None,
        "provider": provider,
        "value": numerator / denominator,
        "low": interval[0] if interval else None,
        "high": interval[1] if interval else None,
        "numerator": numerator,
        "denominator": denominator,
        "warn_at": threshold.warn_at,
        "critical_at": threshold.critical_at,
        "follows": threshold.when_critical,
    }


def reason(threshold: Threshold, numerator: int, denominator: int) -> str:
    """Why, in one line of plain words and figures, for ops and the log."""
    value = f"{numerator / denominator:.2%} ({numerator:,} of {denominator:,})"
    return f"{threshold.metric} {value}, critical from {threshold.critical_at:.2%}, window: {threshold.window_name}"


def raise_alert(
    conn: sa.Connection,
    threshold: Threshold,
    campaign: Campaign,
    provider: str | None,
    level: Level,
    numerator: int,
    denominator: int,
    *,
    now: datetime,
) -> bool:
    """Bring the alert to a level; true where that is a change."""
    of = None if threshold.scope == "account" else campaign.id
    key = alert_key(campaign.account_id, of, provider, threshold.metric, threshold.window_name)
    facts = facts_of(threshold, campaign, provider, numerator, denominator)
    return alerts.set_level(conn, campaign.account_id, key, level, facts, now=now)


def stop(
    conn: sa.Connection,
    threshold: Threshold,
    campaign: Campaign,
    provider: str | None,
    numerator: int,
    denominator: int,
    *,
    now: datetime,
) -> Incident | None:
    """Pause a campaign, or its part at one provider. None where a person (or another guard) was quicker."""
    why = reason(threshold, numerator, denominator)
    if provider is None:
        held = campaigns.get(conn, campaign.account_id, campaign.id)
        try:
            campaigns.move(
                conn, campaign.account_id, campaign.id, to=S.PAUSED, only_from=(S.SENDING, S.WAITING),
                pause_reason=why, resume_to=held.state.value,
            )  # fmt: skip
        except Refused:
            return None
    elif not incidents.pause_slice(conn, campaign.account_id, campaign.id, provider, why=why, at=now):
        return None
    incident = Incident(
        campaign.id,
        provider,
        threshold.metric,
        threshold.scope,
        threshold.window_name,
        numerator,
        denominator,
        numerator / denominator,
        threshold.critical_at,
        "pause" if provider is None else "pause_slice",
        now,
    )
    incidents.add(conn, campaign.account_id, incident)
    raise_alert(conn, threshold, campaign, provider, Level.CRITICAL, numerator, denominator, now=now)
    return incident
