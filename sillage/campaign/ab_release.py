"""After a test: when the rest is due, and which small transactions bring it there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

from sillage.domain.ab_test import Decision
from sillage.store.campaigns import Campaign, Variant

_DAY_S = 86_400


def later_s(campaign: Campaign, variants: Sequence[Variant], decision: Decision) -> int:
    """By how much the rest is put off from the times that it was planned for, so that they stay in their order.

    Where the hour matters (versions that differ by their time, or a campaign at each contact's local time) it leaves
    at the winner's hour, on the first day that is still to come; else as soon as the winner is named.
    """
    starts = campaign.starts_at or campaign.send_at or decision.at
    offset = next((v.offset_s for v in variants if v.id == decision.winner), 0)
    passed = max(0, _seconds(decision.at, starts))
    if not campaign.is_local_time and all(v.offset_s == offset for v in variants):
        return passed
    return offset + max(0, math.ceil((passed - offset) / _DAY_S)) * _DAY_S


def _seconds(later: datetime, earlier: datetime) -> int:
    return math.ceil((later - earlier).total_seconds())
