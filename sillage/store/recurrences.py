"""Recurring campaigns: their rule, the draft that they are made of, when next; and what became of each time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa

from sillage.domain.ids import AccountId, CampaignId
from sillage.errors import BadInput, NotFound, Refused
from sillage.store.tables import occurrences, recurrences


class RecurrenceState(StrEnum):
    """Whether it goes on."""

    ACTIVE = "active"
    PAUSED = "paused"
    ENDED = "ended"


class OccurrenceState(StrEnum):
    """What became of one time."""

    MADE = "made"
    MISSED = "missed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Recurrence:
    """A recurring campaign. `grace_s`: how late, in seconds, a time that was missed may still be made."""

    id: int
    account_id: AccountId
    name: str
    draft_id: int
    rule: str
    state: RecurrenceState
    grace_s: int
    next_at: datetime | None
    created_by: int | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Happened:
    """One time of it. `words` say why it failed or was missed."""

    recurrence_id: int
    occurs_at: datetime
    state: OccurrenceState
    campaign_id: CampaignId | None
    words: str
    noted_at: datetime


_COLUMNS = [recurrences.c[name] for name in Recurrence.__dataclass_fields__]
_HAPPENED = [occurrences.c[name] for name in Happened.__dataclass_fields__]


def add(
    conn: sa.Connection, account_id: AccountId, *, name: str, draft_id: int, rule: str, grace_s: int,
    next_at: datetime, by: int | None, now: datetime,
) -> Recurrence:  # fmt: skip
    """Begin one.

    Raises: BadInput where the account has one of that name that has not ended.
    """
    r = recurrences.c
    taken = sa.select(r.id).where(r.account_id == account_id, r.name == name, r.state != RecurrenceState.ENDED)
    if conn.execute(taken).first():
        raise BadInput(f"there is a recurring campaign {name!r} already; choose another name", code="name_taken")
    done = conn.execute(
        recurrences.insert().values(
            account_id=account_id, name=name, draft_id=draft_id, rule=rule, state=RecurrenceState.ACTIVE,
            grace_s=grace_s, next_at=next_at, created_by=by, created_at=now,
        )
    )  # fmt: skip
    (number,) = done.inserted_primary_key or (0,)
    return get(conn, account_id, int(number))


def get(conn: sa.Connection, account_id: AccountId, number: int) -> Recurrence:
    """Raises: NotFound."""
    where = (recurrences.c.account_id == account_id, recurrences.c.id == number)
    row = conn.execute(sa.select(*_COLUMNS).where(*where)).mappings().first()
    if row is None:
        raise NotFound(f"no recurring campaign {number}")
    return _one(row)


def by_name(conn: sa.Connection, account_id: AccountId, name: str) -> Recurrence:
    """The one of that name that goes on, else the last that ended.

    Raises: NotFound.
    """
    where = (recurrences.c.account_id == account_id, recurrences.c.name == name)
    ended = recurrences.c.state == RecurrenceState.ENDED
    row = conn.execute(sa.select(*_COLUMNS).where(*where).order_by(ended, recurrences.c.id.desc())).mappings().first()
    if row is None:
        raise NotFound(f"no recurring campaign {name!r}")
    return _one(row)


def listed(conn: sa.Connection, account_id: AccountId) -> list[Recurrence]:
    """All of an account: those that go on first."""
    ended = recurrences.c.state == RecurrenceState.ENDED
    query = sa.select(*_COLUMNS).where(recurrences.c.account_id == account_id).order_by(ended, recurrences.c.id.desc())
    return [_one(row) for row in conn.execute(query).mappings()]


def due(conn: sa.Connection, *, before: datetime) -> list[Recurrence]:
    """Those of all accounts whose next time has come: for whoever makes them alone."""
    r = recurrences.c
    query = sa.select(*_COLUMNS).where(r.state == RecurrenceState.ACTIVE, r.next_at <= before)
    return [_one(row) for row in conn.execute(query.order_by(r.next_at, r.id)).mappings()]


def advance(conn: sa.Connection, held: Recurrence, *, next_at: datetime | None) -> bool:
    """Go on to the next time; whether it was this call that did: of two at once, one does."""
    r = recurrences.c
    where = (r.account_id == held.account_id, r.id == held.id, r.next_at == held.next_at)
    done = conn.execute(recurrences.update().where(*where, r.state == RecurrenceState.ACTIVE).values(next_at=next_at))
    return done.rowcount == 1


def turn(
    conn: sa.Connection, account_id: AccountId, number: int, *, to: RecurrenceState,
    only_from: tuple[RecurrenceState, ...], next_at: datetime | None,
) -> None:  # fmt: skip
    """Pause, resume or end one.

    Raises: NotFound; Refused where it is in none of the states.
    """
    r = recurrences.c
    where = (r.account_id == account_id, r.id == number, r.state.in_(only_from))
    if conn.execute(recurrences.update().where(*where).values(state=to, next_at=next_at)).rowcount != 1:
        held = get(conn, account_id, number)
        raise Refused(f"recurring campaign {held.name!r} is {held.state}; it can't become {to}")


def note(
    conn: sa.Connection, account_id: AccountId, number: int, occurs_at: datetime, state: OccurrenceState, *,
    campaign_id: CampaignId | None = None, words: str = "", now: datetime,
) -> None:  # fmt: skip
    """Write down what became of one time. Its key is why no time is made twice."""
    conn.execute(
        occurrences.insert().values(
            account_id=account_id, recurrence_id=number, occurs_at=occurs_at, state=state, campaign_id=campaign_id,
            words=words[:1000], noted_at=now,
        )
    )  # fmt: skip


def happened(
    conn: sa.Connection, account_id: AccountId, *, since: datetime | None = None, limit: int = 500
) -> list[Happened]:
    """What became of the times of an account's recurring campaigns, the newest first."""
    query = sa.select(*_HAPPENED).where(occurrences.c.account_id == account_id)
    if since is not None:
        query = query.where(occurrences.c.occurs_at >= since)
    rows = conn.execute(query.order_by(occurrences.c.occurs_at.desc()).limit(limit)).mappings()
    return [Happened(**{**row, "state": OccurrenceState(row["state"])}) for row in rows]


def uses(conn: sa.Connection, account_id: AccountId, draft_id: int) -> str | None:
    """The name of a recurring campaign that goes on and is made of a draft; None where there is none."""
    r = recurrences.c
    where = (r.account_id == account_id, r.draft_id == draft_id, r.state != RecurrenceState.ENDED)
    found: str | None = conn.execute(sa.select(r.name).where(*where)).scalar()
    return found


def _one(row: sa.RowMapping) -> Recurrence:
    return Recurrence(**{**row, "state": RecurrenceState(row["state"]), "account_id": AccountId(row["account_id"])})
