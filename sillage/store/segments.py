"""Saved segments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sillage.domain.ids import AccountId, SegmentId
from sillage.domain.segment import InSegment, as_json, nested_names, parse_tree, resolve
from sillage.errors import NotFound
from sillage.store.tables import segments


@dataclass(frozen=True, slots=True)
class Segment:
    """A saved expression tree."""

    id: SegmentId
    name: str
    tree: Any


def save(conn: sa.Connection, account_id: AccountId, name: str, tree: Any, *, now: datetime) -> Segment:
    """Save a tree under a name; one of that name is replaced.

    Raises: BadInput where it names a segment that is not there, or would hold itself.
    """
    if nested_names(tree):
        resolve(InSegment(name=name), {**{s.name: s.tree for s in listed(conn, account_id)}, name: tree})
    held = conn.execute(
        sa.select(segments.c.id).where(segments.c.account_id == account_id, segments.c.name == name)
    ).scalar()
    values = {"tree": as_json(tree), "updated_at": now}
    if held is None:
        done = conn.execute(segments.insert().values(account_id=account_id, name=name, created_at=now, **values))
        (held,) = done.inserted_primary_key or (None,)
    else:
        conn.execute(segments.update().where(segments.c.id == held).values(**values))
    return Segment(SegmentId(int(held or 0)), name, tree)


def by_name(conn: sa.Connection, account_id: AccountId, name: str) -> Segment:
    """Raises: NotFound."""
    return _one(conn, account_id, segments.c.name == name, repr(name))


def by_id(conn: sa.Connection, account_id: AccountId, segment_id: SegmentId) -> Segment:
    """Raises: NotFound."""
    return _one(conn, account_id, segments.c.id == segment_id, str(segment_id))


def listed(conn: sa.Connection, account_id: AccountId) -> list[Segment]:
    """All segments of an account, by name."""
    rows = conn.execute(sa.select(segments).where(segments.c.account_id == account_id).order_by(segments.c.name))
    return [Segment(SegmentId(r.id), r.name, parse_tree(r.tree)) for r in rows]


def _one(conn: sa.Connection, account_id: AccountId, where: sa.ColumnElement[bool], what: str) -> Segment:
    row = conn.execute(sa.select(segments).where(segments.c.account_id == account_id, where)).first()
    if row is None:
        raise NotFound(f"no segment {what}")
    return Segment(SegmentId(row.id), row.name, parse_tree(row.tree))
