"""What Gmail, Yahoo and Outlook.com demand of bulk senders, held against this account. Rows in, verdicts out."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from sillage.settings import ROOT, Settings, Transport

Row = dict[str, Any]
MET, MISSED, UNKNOWN = "met", "missed", "unknown"


@dataclass(frozen=True, slots=True)
class Demand:
    """One demand, as some providers make it."""

    providers: tuple[str, ...]
    name: str
    check: str
    text: str
    source: str
    date: date
    metric: str = ""
    limit: float = 0.0


@cache
def demands() -> list[Demand]:
    """The rows of data/sender_requirements.toml."""
    rows = tomllib.loads((ROOT / "data" / "sender_requirements.toml").read_text("utf-8"))["demand"]
    return [Demand(**{**row, "providers": tuple(row["providers"])}) for row in rows]


def verdict(demand: Demand, settings: Settings, recent: list[Row], *, has_sender: bool) -> str:
    """Met, missed, or not to be known from here; a figure is missed where an interval lies above its limit."""
    match demand.check:
        case "product":
            return MET
        case "transport":
            return MET if settings.transport is Transport.RELAY and settings.relay_signs_dkim else UNKNOWN
        case "sender":
            return MET if has_sender else MISSED
        case "figure":
            lows = [row[f"{demand.metric}_low"] for row in recent if row[f"{demand.metric}_low"] is not None]
            if not lows:
                return UNKNOWN
            return MISSED if max(lows) >= demand.limit else MET
        case _:
            return UNKNOWN
