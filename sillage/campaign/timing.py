"""When each recipient's message is due: at once, spread over hours, or at the hour that it is where they live."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from sillage.domain.local_time import local_moment, zone_named, zone_of
from sillage.store.campaigns import Campaign
from sillage.store.columns import to_micros

GRACE = timedelta(minutes=15)
"""Whose hour has passed by no more than this when the campaign is planned gets it at once, and not a day later."""


def due_times(
    campaign: Campaign, timezone: str, people: pl.DataFrame, places: pl.DataFrame | None, now: datetime
) -> pl.Series:
    """Microseconds since 1970 at which each of `people` is due, in their order.

    `places` (contact_id, timezone, country) is needed where the campaign is sent at local times.
    """
    meant = campaign.send_at or now
    due = np.full(people.height, to_micros(meant), dtype=np.int64)
    if campaign.is_local_time and places is not None:
        due = _local(meant, timezone, people, places, now)
    if campaign.spread_s and people.height:
        due = due + _offsets(campaign, people.height)
    return pl.Series("due", due, dtype=pl.Int64)


def _offsets(campaign: Campaign, count: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Evenly over the time, in an order by chance that is the same whenever it is drawn: no provider comes first."""
    seed = int.from_bytes(hashlib.blake2b(f"spread:{campaign.id}".encode(), digest_size=8).digest())
    places = np.random.default_rng(seed).permutation(count)
    return (places * (campaign.spread_s * 1_000_000) // count).astype(np.int64)


def _local(
    meant: datetime, timezone: str, people: pl.DataFrame, places: pl.DataFrame, now: datetime
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    home = zone_named(timezone) or ZoneInfo("UTC")
    not_before = min(now, meant) - GRACE
    kinds = places.select("timezone", "country").unique()
    moments = [
        to_micros(local_moment(meant, home, zone_of(zone, country) or home, not_before=not_before))
        for zone, country in kinds.iter_rows()
    ]
    known = places.join(kinds.with_columns(due=pl.Series(moments, dtype=pl.Int64)), on=["timezone", "country"],
                        nulls_equal=True)  # fmt: skip
    found = people.select("contact_id").join(known.select("contact_id", "due"), on="contact_id", how="left",
                                             maintain_order="left")  # fmt: skip
    return found["due"].fill_null(to_micros(meant)).to_numpy()
