"""What follows from segments by itself: entering and leaving become events, and clicks on chosen links fill groups.

Both are looked at when segments are materialised. A look can be cut and begun again at any point: each chunk commits
the members that it moved together with their events.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sillage.campaign.audience import Audience, audience_of
from sillage.domain.ids import AccountId, SegmentId
from sillage.domain.segment import Engaged
from sillage.lake.event import Event, EventType, event_id
from sillage.settings import Settings
from sillage.store import groups, outbox, segment_members, segments
from sillage.store.columns import to_micros
from sillage.store.database import Store

# 1,000 rows with their events hold the write lock of ops some 10 ms; SQLite takes so many ids in one statement.
CHUNK = 1_000


@dataclass(frozen=True, slots=True)
class Change:
    """What a look at a watched segment found; the first look finds members and tells nothing of them."""

    segment_id: SegmentId
    size: int
    entered: int
    left: int


def follow_segments(store: Store, settings: Settings, account_id: AccountId) -> list[Change]:
    """Look at each watched segment and record who entered and who left it since the last look."""
    now = settings.clock.now()
    with store.read() as conn:
        wanted = segment_members.watched(conn, account_id)
        trees = {s.id: s.tree for s in segments.listed(conn, account_id)}
    if not wanted:
        return []
    with audience_of(store, account_id, settings) as audience:
        return [
            _follow(store, audience, account_id, segment_id, trees[segment_id], baseline, now)
            for segment_id, baseline in wanted.items()
        ]


def _follow(
    store: Store,
    audience: Audience,
    account_id: AccountId,
    segment_id: SegmentId,
    tree: object,
    baseline: datetime | None,
    now: datetime,
) -> Change:
    found = set(audience.in_segment(tree, now=now).to_list())
    with store.read() as conn:
        held = segment_members.members(conn, account_id, segment_id)
    entered, left = sorted(found - held), sorted(held - found)
    told = 0
    for chunk in _chunks(entered):
        with store.write() as conn:
            segment_members.add(conn, account_id, segment_id, chunk)
            if baseline is not None:
                outbox.record(conn, _events(EventType.ENTERED, account_id, segment_id, chunk, now))
    for chunk in _chunks(left):
        with store.write() as conn:
            there = sorted(segment_members.still_there(conn, account_id, chunk))
            segment_members.remove(conn, account_id, segment_id, chunk)
            if baseline is not None:
                outbox.record(conn, _events(EventType.LEFT, account_id, segment_id, there, now))
                told += len(there)
    if baseline is None:
        with store.write() as conn:
            segment_members.set_baseline(conn, account_id, segment_id, now=now)
        return Change(segment_id, len(found), 0, 0)
    return Change(segment_id, len(found), len(entered), told)


def _events(
    kind: EventType, account_id: AccountId, segment_id: SegmentId, contact_ids: Sequence[int], now: datetime
) -> list[Event]:
    return [
        Event(
            id=event_id(kind, segment_id, contact_id, to_micros(now)),
            type=kind,
            account_id=int(account_id),
            contact_id=contact_id,
            segment_id=int(segment_id),
            occurred_at=now,
            recorded_at=now,
        )
        for contact_id in contact_ids
    ]


def follow_links(store: Store, settings: Settings, account_id: AccountId) -> int:
    """Put those who clicked on a chosen link into its group; how many came in. Nobody is ever taken out."""
    now = settings.clock.now()
    with store.read() as conn:
        rules = segment_members.link_rules(conn, account_id)
    added = 0
    if not rules:
        return added
    with audience_of(store, account_id, settings) as audience:
        for rule in rules:
            tree = Engaged(did="clicked", campaign=int(rule.campaign_id), url=rule.url)
            for chunk in _chunks(audience.in_segment(tree, now=now).to_list()):
                with store.write() as conn:
                    there = groups.members_among(conn, account_id, rule.group_id, chunk)
                    new = [contact_id for contact_id in chunk if contact_id not in there]
                    groups.add_members(conn, account_id, rule.group_id, new, now=now)
                    added += len(new)
    return added


def _chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), CHUNK):
        yield ids[start : start + CHUNK]
