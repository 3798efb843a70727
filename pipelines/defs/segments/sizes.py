"""How large saved segments are, and what is odd about how that changes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import dagster as dg

from pipelines.ops import every_account
from sillage.campaign import membership
from sillage.campaign.audience import audience_of
from sillage.settings import Settings
from sillage.store import segment_sizes, segments
from sillage.store.database import Store

NIGHT = timedelta(hours=12)
SMALLEST = 100
"""A segment of fewer people may well double."""
Sizes = dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True)
class Sized:
    """The sizes of all segments, by account and name, at a moment of business time."""

    at: datetime
    sizes: Sizes

    def flat(self) -> dict[str, int]:
        """Sizes by `account / segment`."""
        return {f"{account} / {name}": n for account, all_ in self.sizes.items() for name, n in all_.items()}


def count_all(store: Store, settings: Settings) -> Sizes:
    """How many contacts each saved segment of each account has now; noted as its history."""
    sizes: Sizes = {}
    now = settings.clock.now()
    with store.read() as conn:
        saved = [(account, segments.listed(conn, account.id)) for account in every_account(conn)]
    for account, listed in saved:
        with audience_of(store, account.id, settings) as audience:
            counted = {segment.id: audience.count(segment.tree) for segment in listed}
        with store.write() as conn:
            segment_sizes.note(conn, account.id, counted, now=now)
        sizes[account.slug] = {segment.name: counted[segment.id] for segment in listed}
    return sizes


@dataclass(frozen=True, slots=True)
class Moves:
    """What a look at one account's watched segments and links changed."""

    entered: int
    left: int
    grouped: int


def move_all(store: Store, settings: Settings) -> dict[str, Moves]:
    """Bring watched segments and the groups behind links up to date, account by account."""
    with store.read() as conn:
        found = every_account(conn)
    done = {}
    for account in found:
        changes = membership.follow_segments(store, settings, account.id)
        grouped = membership.follow_links(store, settings, account.id)
        done[account.slug] = Moves(sum(c.entered for c in changes), sum(c.left for c in changes), grouped)
    return done


def history(instance: dg.DagsterInstance, key: dg.AssetKey, limit: int) -> list[Sized]:
    """What was counted before, the newest first."""
    records = instance.fetch_materializations(key, limit=limit).records
    return [_read(r.asset_materialization.metadata) for r in records if r.asset_materialization]


def _read(metadata: Mapping[str, Any]) -> Sized:
    return Sized(datetime.fromisoformat(metadata["counted_at"].value), metadata["sizes"].value)


def night_before(newest: Sized, earlier: Sequence[Sized]) -> Sized | None:
    """The newest count that is a night older; `earlier`: the newest first."""
    return next((e for e in earlier if newest.at - e.at >= NIGHT), None)


def doubled(before: Sized, after: Sized) -> dict[str, tuple[int, int]]:
    """Segments that have more than twice the people they had, with both sizes; small and new ones are none of them."""
    was = before.flat()
    return {
        name: (was[name], n) for name, n in after.flat().items() if was.get(name, 0) * 2 < n and _is_large(was, name, n)
    }


def _is_large(was: Mapping[str, int], name: str, size: int) -> bool:
    return name in was and size - was[name] >= SMALLEST
