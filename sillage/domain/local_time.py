"""The same hour everywhere: when a clock where a contact lives shows what the sender's was meant to show. Pure."""

from __future__ import annotations

import tomllib
import unicodedata
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytz
from babel import Locale

ZONES_PATH = Path(__file__).resolve().parents[2] / "data" / "zones.toml"
FIELD = "timezone"
"""The contact's field that names its zone, as Europe/Paris; without it, the country tells."""
EARLIEST = timedelta(hours=14)
"""Clocks run ahead of UTC by 14 hours at most (Kiritimati)."""


@cache
def zone_named(name: str) -> ZoneInfo | None:
    """A zone by its name in the tz database; None where there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


@cache
def zone_of(timezone: str | None, country: str | None) -> ZoneInfo | None:
    """A contact's zone: of its own field, else of its country (code, or name in French or English); else None."""
    if timezone and (zone := zone_named(timezone.strip())):
        return zone
    code = country_codes().get(_plain(country)) if country else None
    if code is None:
        return None
    several: dict[str, str] = _main_zones()
    zones = pytz.country_timezones.get(code, [])
    name = several.get(code) or (zones[0] if len(zones) == 1 else None)
    return zone_named(name) if name else None


@cache
def _main_zones() -> dict[str, str]:
    found: dict[str, str] = tomllib.loads(ZONES_PATH.read_text("utf-8"))["zone"]
    return found


@cache
def country_codes() -> dict[str, str]:
    """What people write for a country, in small letters without accents or hyphens → its ISO 3166-1 code."""
    found: dict[str, str] = {code.casefold(): code for code in pytz.country_timezones}
    for language in ("en", "fr"):
        territories = Locale(language).territories
        found |= {_plain(name): code for code, name in territories.items() if code in pytz.country_timezones}
    return {**found, "usa": "US", "uk": "GB", "etats unis d'amerique": "US", "angleterre": "GB", "england": "GB"}


def _plain(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text.strip().casefold())
    return "".join(c for c in letters if not unicodedata.combining(c)).replace("-", " ").replace("’", "'")  # noqa: RUF001


def local_moment(meant: datetime, home: ZoneInfo, there: ZoneInfo, *, not_before: datetime) -> datetime:
    """When it is `there` what it is at `home` at the moment `meant`, in UTC: at that date, or a day later where that
    has passed.

    A time that the change to summer leaves out comes as much later as the clocks jump; of one that the change back
    has twice, it is the first.
    """
    shown = meant.astimezone(home).replace(tzinfo=None, fold=0)
    moment = shown.replace(tzinfo=there).astimezone(UTC)
    while moment < not_before:
        shown += timedelta(days=1)
        moment = shown.replace(tzinfo=there).astimezone(UTC)
    return moment


def earliest(meant: datetime, home: ZoneInfo) -> datetime:
    """No clock anywhere shows the time before this."""
    shown = meant.astimezone(home).replace(tzinfo=UTC)
    return shown - EARLIEST
