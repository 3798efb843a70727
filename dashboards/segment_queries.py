"""What the pages ask about segments: how many are in them, how they grew, and whom a campaign to them would reach."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from dashboards import audiences
from dashboards.freshness import CALM_S, cached
from dashboards.shell import Desk
from sillage.domain.segment import as_json, parse_tree
from sillage.errors import SillageError
from sillage.store import segments
from sillage.store.segment_sizes import history as size_history

SHORT_S = 2.0
"""For what is asked at each change of a form."""


@cached(CALM_S)
def sizes(desk: Desk) -> list[tuple[str, Any, int | None]]:
    """Each segment's name, tree (plain data) and size; None where it can't be counted."""
    with desk.store.read() as conn:
        found = segments.listed(conn, desk.account_id)
    return [(s.name, as_json(s.tree), _count(desk, s.tree)) for s in found]


def _count(desk: Desk, tree: Any) -> int | None:
    try:
        return audiences.ask(desk, lambda audience: audience.count(tree))
    except SillageError:
        return None


@cached(SHORT_S)
def size(desk: Desk, tree: Any) -> int:
    """How many contacts a tree (plain data) has.

    Raises: BadInput.
    """
    parsed = parse_tree(tree)
    return audiences.ask(desk, lambda audience: audience.count(parsed))


@cached(CALM_S)
def overlap(desk: Desk, first: str, second: str) -> tuple[int, int, int]:
    """How many are in the first segment alone, in both, in the second alone.

    Raises: NotFound.
    """
    with desk.store.read() as conn:
        ours, theirs = (segments.by_name(conn, desk.account_id, name).tree for name in (first, second))
    return audiences.ask(desk, lambda audience: audience.overlap(ours, theirs))


@cached(CALM_S)
def histories(desk: Desk, wanted: tuple[str, ...]) -> list[dict[str, Any]]:
    """The counted sizes of some segments over the last ninety days: label, moment (the account's), size."""
    since = desk.now() - timedelta(days=90)
    with desk.store.read() as conn:
        found = [(name, segments.by_name(conn, desk.account_id, name).id) for name in wanted]
        return [
            {"label": name, "moment": desk.words.here(at), "size": counted}
            for name, segment_id in found
            for at, counted in size_history(conn, desk.account_id, segment_id, since=since)
        ]


@cached(CALM_S)
def names(desk: Desk) -> list[str]:
    """The names of the saved segments."""
    with desk.store.read() as conn:
        return [s.name for s in segments.listed(conn, desk.account_id)]


@cached(SHORT_S)
def audience_size(
    desk: Desk, include: tuple[str, ...], exclude: tuple[str, ...], kind: str
) -> tuple[int, dict[str, int]]:
    """How many people a campaign would go to now, and who would be left out, by reason.

    Raises: NotFound.
    """
    with desk.store.read() as conn:
        wanted = [segments.by_name(conn, desk.account_id, name).tree for name in include]
        unwanted = [segments.by_name(conn, desk.account_id, name).tree for name in exclude]
    members = audiences.ask(desk, lambda audience: audience.members(wanted, unwanted, kind=kind, now=desk.now()))
    reasons = dict(members["left_out"].drop_nulls().value_counts().iter_rows())
    return members["left_out"].null_count(), reasons
