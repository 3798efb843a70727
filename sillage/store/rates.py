"""What each mailbox provider is given at most, how far it has slowed us down, and which worker holds what part."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from sillage.domain import pace
from sillage.domain.pace import Pace, Rate
from sillage.store.tables import provider_paces, provider_rates, provider_shares, workers

DEFAULT = Rate(4, 500, None)
EVERYBODY = "*"


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a worker has seen of a provider since it last told: messages a second, and why it was slowed down."""

    sent_per_second: float = 0.0
    pushed_back: str | None = None


def load(conn: sa.Connection, *, channel: str) -> dict[str, Rate]:
    """The ceilings, by provider; `*` is for those that have none of their own."""
    rows = conn.execute(sa.select(provider_rates).where(provider_rates.c.channel == channel)).all()
    own = {r.provider: Rate(r.connections, r.per_connection, r.per_second, r.recovery_s) for r in rows}
    return {EVERYBODY: DEFAULT, **own}


def set_rate(conn: sa.Connection, provider: str, rate: Rate, *, channel: str) -> None:
    """Set the ceiling of a provider, or of all that have none of their own (`*`)."""
    values = {
        "connections": rate.connections, "per_connection": rate.per_connection, "per_second": rate.per_second,
        "recovery_s": rate.recovery_s,
    }  # fmt: skip
    _upsert(conn, provider_rates, {"provider": provider, "channel": channel}, values)


def lease(
    conn: sa.Connection,
    worker_id: int,
    told: Mapping[str, Feedback],
    *,
    channel: str,
    ceilings: Mapping[str, Rate],
    now: datetime,
) -> dict[str, Rate]:
    """Renew this worker's shares of the providers that it tells of, with what it has seen of each; what it may use of
    each until the next time. A handful of statements, however many providers there are.

    Shares live as long as their workers' leases: those of workers that were ended count no more. `now` is wall time.
    """
    held = _paces(conn, told, channel, now)
    others = _others(conn, worker_id, told, channel)
    wall = now.timestamp()
    moved: list[dict[str, Any]] = []
    slowed: list[dict[str, Any]] = []
    mine: dict[str, Rate] = {}
    for provider, feedback in told.items():
        ceiling, theirs = ceilings.get(provider, ceilings[EVERYBODY]), others.get(provider, [])
        if feedback.pushed_back is not None:
            seen = feedback.sent_per_second + sum(sent for _, _, sent in theirs)
            after = pace.slowed(held[provider], ceiling, seen=seen, now=wall)
        else:
            after = pace.eased(held[provider], ceiling, now=wall)
        if after != held[provider]:
            row = _row_of(provider, channel, after)
            if feedback.pushed_back is None:
                moved.append(row)
            else:
                slowed.append(row | {"at": row["changed"], "why": feedback.pushed_back})
        rank = sum(1 for other, _, _ in theirs if other < worker_id)
        mine[provider] = pace.share(pace.limit(after, ceiling), [rate for _, rate, _ in theirs], rank)
    if moved:
        conn.execute(_MOVE, moved)
    if slowed:
        conn.execute(_SLOW, slowed)
    _write_shares(conn, worker_id, channel, told, mine)
    return mine


def release(conn: sa.Connection, worker_id: int, provider: str | None = None) -> None:
    """Give back a share, or all of a worker's."""
    where = provider_shares.c.worker_id == worker_id
    if provider is not None:
        where = sa.and_(where, provider_shares.c.provider == provider)
    conn.execute(provider_shares.delete().where(where))


@dataclass(frozen=True, slots=True)
class Standing:
    """A provider as the pages show it: its ceiling, how far it has slowed us down and why, what leaves now."""

    provider: str
    limit: Rate
    is_slowed: bool
    slowed_at: datetime | None
    reason: str | None
    workers: int
    sent_per_second: float


def standings(conn: sa.Connection, *, channel: str) -> list[Standing]:
    """Providers that workers serve now, or that have slowed us down, by name."""
    ceilings = load(conn, channel=channel)
    s = provider_shares.c
    query = (
        sa.select(s.provider, sa.func.count().label("workers"), sa.func.sum(s.sent_per_second).label("sent"))
        .join(workers, sa.and_(workers.c.id == s.worker_id, workers.c.ended_at.is_(None)))
        .where(s.channel == channel)
        .group_by(s.provider)
    )
    served = {r.provider: (r.workers, float(r.sent)) for r in conn.execute(query)}
    paces = {r.provider: r for r in conn.execute(sa.select(provider_paces).where(provider_paces.c.channel == channel))}
    found = []
    for provider in sorted(served.keys() | {p for p, r in paces.items() if r.per_second is not None}):
        row = paces.get(provider)
        held = _pace_of(row) if row is not None else Pace(0.0)
        count, sent = served.get(provider, (0, 0.0))
        found.append(
            Standing(
                provider,
                pace.limit(held, ceilings.get(provider, ceilings[EVERYBODY])),
                held.is_slowed,
                row.slowed_at if row is not None else None,
                row.reason if row is not None and held.is_slowed else None,
                count,
                sent,
            )
        )
    return found


def _paces(conn: sa.Connection, told: Collection[str], channel: str, now: datetime) -> dict[str, Pace]:
    """The rows of providers, locked in order until the end of the transaction: shares are given out one worker at a
    time.
    """
    names = sorted(told)
    found = {r.provider: _pace_of(r) for r in conn.execute(_PACES, {"providers": names, "channel": channel})}
    fresh = [name for name in names if name not in found]
    if fresh:
        rows = [{"provider": name, "channel": channel, "changed_at": now} for name in fresh]
        conn.execute(_insert(conn)(provider_paces).on_conflict_do_nothing(), rows)
        found |= {r.provider: _pace_of(r) for r in conn.execute(_PACES, {"providers": fresh, "channel": channel})}
    return found


def _pace_of(row: Any) -> Pace:
    return Pace(row.changed_at.timestamp(), row.connections, row.per_second, row.wanted)


def _row_of(provider: str, channel: str, after: Pace) -> dict[str, Any]:
    return {
        "of": provider, "on": channel, "lines": after.connections, "rate": after.per_second, "back_to": after.wanted,
        "changed": datetime.fromtimestamp(after.changed_at, UTC),
    }  # fmt: skip


def _others(
    conn: sa.Connection, worker_id: int, told: Collection[str], channel: str
) -> dict[str, list[tuple[int, Rate, float]]]:
    """What the other workers hold of providers: number, share, messages a second."""
    found: dict[str, list[tuple[int, Rate, float]]] = defaultdict(list)
    for row in conn.execute(_OTHERS, {"providers": sorted(told), "channel": channel, "me": worker_id}):
        found[row.provider].append((row.worker_id, Rate(row.connections, 1, row.per_second), row.sent_per_second))
    return found


def _write_shares(
    conn: sa.Connection, worker_id: int, channel: str, told: Mapping[str, Feedback], mine: Mapping[str, Rate]
) -> None:
    if not mine:
        return
    statement = _insert(conn)(provider_shares)
    changing = ("connections", "per_second", "sent_per_second")
    conn.execute(
        statement.on_conflict_do_update(
            index_elements=["provider", "channel", "worker_id"], set_={c: statement.excluded[c] for c in changing}
        ),
        [
            {
                "provider": provider, "channel": channel, "worker_id": worker_id, "connections": share.connections,
                "per_second": share.per_second, "sent_per_second": told[provider].sent_per_second,
            }
            for provider, share in mine.items()
        ],
    )  # fmt: skip


# Put together once: each second asks.
_CHANNEL: sa.BindParameter[str] = sa.bindparam("channel")
_PROVIDERS: sa.BindParameter[str] = sa.bindparam("providers", expanding=True)
_PACES = (
    sa.select(provider_paces)
    .where(provider_paces.c.channel == _CHANNEL, provider_paces.c.provider.in_(_PROVIDERS))
    .order_by(provider_paces.c.provider)
    .with_for_update()
)
_OTHERS = sa.select(provider_shares).where(
    provider_shares.c.channel == _CHANNEL,
    provider_shares.c.provider.in_(_PROVIDERS),
    provider_shares.c.worker_id != sa.bindparam("me"),
    provider_shares.c.worker_id.in_(sa.select(workers.c.id).where(workers.c.ended_at.is_(None))),
)
_MOVE = (
    provider_paces.update()
    .where(provider_paces.c.provider == sa.bindparam("of"), provider_paces.c.channel == sa.bindparam("on"))
    .values(
        connections=sa.bindparam("lines"),
        per_second=sa.bindparam("rate"),
        wanted=sa.bindparam("back_to"),
        changed_at=sa.bindparam("changed", type_=provider_paces.c.changed_at.type),
    )
)
_SLOW = _MOVE.values(slowed_at=sa.bindparam("at", type_=provider_paces.c.slowed_at.type), reason=sa.bindparam("why"))


def _insert(conn: sa.Connection) -> Any:  # the two dialects' inserts share no type
    return postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert


def _upsert(conn: sa.Connection, table: sa.Table, key: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    statement = _insert(conn)(table).values(**key, **values)
    conn.execute(statement.on_conflict_do_update(index_elements=list(key), set_=dict(values)))
