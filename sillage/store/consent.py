"""Consent in ops: the ledger, which only grows, and beside it the current state of each contact and channel."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from sillage.domain.consent import (
    RENEWED,
    Basis,
    Channel,
    ConsentAct,
    ConsentState,
    NotMailable,
    Purpose,
    Renewal,
    current,
    lapses_at,
)
from sillage.domain.ids import AccountId, ContactId, ImportId
from sillage.store import bulk
from sillage.store.columns import from_micros, to_micros
from sillage.store.tables import accounts, consent_acts, consent_origins, consents

SAID_NO = "said no"
"""Begins the proof of a withdrawal by somebody who never agreed, as against one who left."""

ACT_COLUMNS = (
    "account_id", "contact_id", "channel", "purpose", "state", "basis", "origin_id", "proof", "occurred_at",
    "recorded_at",
)  # fmt: skip
CURRENT_COLUMNS = (
    "contact_id", "channel", "account_id", "marketing", "marketing_basis", "marketing_at", "lapses_at",
    "open_tracking", "click_tracking",
)  # fmt: skip
_CURRENT = (
    "select contact_id, marketing, marketing_at, open_tracking, click_tracking from consents "
    "where channel = {p} and account_id = {p} and contact_id {in}"
)
_SUPPRESSED = (
    "select address_hash, reason from suppressions where account_id = {p} and channel = {p} and address_hash {in}"
)
_PUT = f"""
insert into consents ({", ".join(CURRENT_COLUMNS)}) values ({", ".join(["{p}"] * len(CURRENT_COLUMNS))})
on conflict (contact_id, channel) do update set
{", ".join(f"{name} = excluded.{name}" for name in CURRENT_COLUMNS[3:])}
"""


class Current(NamedTuple):
    """What holds for a contact on a channel now. `marketing_at` is in microseconds."""

    marketing: str | None
    marketing_at: int | None
    open_tracking: str | None
    click_tracking: str | None


def mailable_clause(now: datetime, allowed_bases: Sequence[str]) -> sa.ColumnElement[bool]:
    """Current consent to marketing, over the table `consents`: granted, not lapsed, on a basis of the account's."""
    return sa.and_(
        consents.c.marketing == ConsentState.GRANTED.value,
        consents.c.lapses_at > now,
        consents.c.marketing_basis.in_(list(allowed_bases)),
    )


def why_not_mailable(
    conn: sa.Connection, account_id: AccountId, contact_id: ContactId, channel: Channel, now: datetime
) -> NotMailable | None:
    """Why no marketing message may leave for a contact, as far as consent goes; None where one may."""
    row = conn.execute(
        sa.select(consents, accounts.c.allowed_bases)
        .join(accounts, accounts.c.id == consents.c.account_id)
        .where(consents.c.account_id == account_id, consents.c.contact_id == contact_id, consents.c.channel == channel)
    ).first()
    if row is None or row.marketing is None:
        return NotMailable.MISSING
    if row.marketing == ConsentState.WITHDRAWN:
        return NotMailable.REFUSED if _said_no(conn, account_id, contact_id, channel) else NotMailable.UNSUBSCRIBED
    if row.marketing_basis not in row.allowed_bases:
        return NotMailable.MISSING
    return NotMailable.TOO_OLD if row.lapses_at is None or row.lapses_at <= now else None


def _said_no(conn: sa.Connection, account_id: AccountId, contact_id: ContactId, channel: Channel) -> bool:
    newest = conn.execute(
        sa.select(consent_acts.c.proof)
        .where(
            consent_acts.c.account_id == account_id,
            consent_acts.c.contact_id == contact_id,
            consent_acts.c.channel == channel,
            consent_acts.c.purpose == Purpose.MARKETING.value,
            consent_acts.c.state == ConsentState.WITHDRAWN.value,
        )
        .order_by(consent_acts.c.occurred_at.desc(), consent_acts.c.id.desc())
        .limit(1)
    ).scalar()
    return str(newest or "").startswith(SAID_NO)


def origin(
    conn: sa.Connection,
    account_id: AccountId,
    *,
    source: str,
    now: datetime,
    wording: str = "",
    wording_version: str = "",
    declared_by: str | None = None,
    import_id: ImportId | None = None,
) -> int:
    """The row that says where acts come from, made where there is none like it."""
    values = {
        "account_id": account_id,
        "source": source,
        "wording": wording,
        "wording_version": wording_version,
        "declared_by": declared_by,
        "import_id": import_id,
    }
    same = [consent_origins.c[name].is_not_distinct_from(value) for name, value in values.items()]
    held = conn.execute(sa.select(consent_origins.c.id).where(*same).limit(1)).scalar()
    if held is None:
        done = conn.execute(consent_origins.insert().values(created_at=now, **values))
        (held,) = done.inserted_primary_key or (0,)
    return int(held)


def grant(
    conn: sa.Connection,
    account_id: AccountId,
    contact_id: ContactId,
    channel: Channel,
    purposes: Iterable[Purpose],
    *,
    occurred_at: datetime,
    source: str,
    proof: str,
    wording: str = "",
    wording_version: str = "",
    basis: Basis = Basis.CONSENT,
    declared_by: str | None = None,
    is_return: bool = False,
    recorded_at: datetime | None = None,
) -> None:
    """Write that a person agreed, and what holds from now on.

    Somebody who withdrew stays out unless `is_return` says that they confirmed it, or that it is proven of them alone.
    """
    known = origin(
        conn, account_id, source=source, now=recorded_at or occurred_at, wording=wording,
        wording_version=wording_version, declared_by=declared_by,
    )  # fmt: skip
    _act(conn, account_id, contact_id, channel, purposes, ConsentState.GRANTED, basis, known, proof, occurred_at,
         recorded_at, is_return=is_return)  # fmt: skip


def withdraw(
    conn: sa.Connection,
    account_id: AccountId,
    contact_id: ContactId,
    channel: Channel,
    purposes: Iterable[Purpose],
    *,
    occurred_at: datetime,
    source: str,
    proof: str,
    recorded_at: datetime | None = None,
) -> None:
    """Write that a person withdrew, and what holds from now on."""
    known = origin(conn, account_id, source=source, now=recorded_at or occurred_at)
    _act(conn, account_id, contact_id, channel, purposes, ConsentState.WITHDRAWN, Basis.CONSENT, known, proof,
         occurred_at, recorded_at)  # fmt: skip


def _act(
    conn: sa.Connection,
    account_id: AccountId,
    contact_id: ContactId,
    channel: Channel,
    purposes: Iterable[Purpose],
    state: ConsentState,
    basis: Basis,
    origin_id: int,
    proof: str,
    occurred_at: datetime,
    recorded_at: datetime | None,
    *,
    is_return: bool = False,
) -> None:
    at, recorded = to_micros(occurred_at), to_micros(recorded_at or occurred_at)
    rows = [
        (account_id, contact_id, channel.value, purpose.value, state.value, basis.value, origin_id, proof, at, recorded,
         is_return)
        for purpose in purposes
    ]  # fmt: skip
    bulk.insert(conn, consent_acts, (*ACT_COLUMNS, "is_return"), rows)
    recompute(conn, account_id, channel, [contact_id])


def insert_acts(conn: sa.Connection, rows: Sequence[Sequence[Any]]) -> None:
    """Add lines to the ledger, as values of ACT_COLUMNS. Who calls it also keeps `consents` in step."""
    bulk.insert(conn, consent_acts, ACT_COLUMNS, rows)


def insert_current(conn: sa.Connection, rows: Sequence[Sequence[Any]]) -> None:
    """Write what holds for contacts that had no line in the ledger, as values of CURRENT_COLUMNS."""
    bulk.insert(conn, consents, CURRENT_COLUMNS, rows)


def recompute(conn: sa.Connection, account_id: AccountId, channel: Channel, contact_ids: Sequence[int]) -> None:
    """Bring `consents` in step with the ledger for some contacts."""
    found = bulk.select_among(
        conn,
        "select contact_id, purpose, state, basis, occurred_at, proof, is_return from consent_acts "
        "where account_id = {p} and channel = {p} and contact_id {in} order by id",
        (account_id, channel.value),
        contact_ids,
        bulk.NUMBER,
    )
    acts: dict[int, list[ConsentAct]] = {}
    renewals: dict[int, list[Renewal]] = {}
    for contact_id, purpose, state, basis, at, proof, is_return in found:
        if state == RENEWED:
            renewals.setdefault(contact_id, []).append(Renewal(channel, from_micros(at)))
            continue
        act = ConsentAct(
            channel, Purpose(purpose), ConsentState(state), from_micros(at), Basis(basis), proof, bool(is_return)
        )
        acts.setdefault(contact_id, []).append(act)
    rows = [_as_row(account_id, one, channel, held, renewals.get(one, [])) for one, held in acts.items()]
    bulk.execute(conn, _PUT, rows)


def _as_row(
    account_id: AccountId, contact_id: int, channel: Channel, acts: list[ConsentAct], renewals: list[Renewal]
) -> tuple[Any, ...]:
    now = current(acts)
    marketing = now.get((channel, Purpose.MARKETING))
    granted = marketing is not None and marketing.state is ConsentState.GRANTED
    states = [
        act.state.value if (act := now.get((channel, purpose))) is not None else None
        for purpose in (Purpose.OPEN_TRACKING, Purpose.CLICK_TRACKING)
    ]
    return (
        contact_id,
        channel.value,
        account_id,
        marketing.state.value if marketing else None,
        marketing.basis.value if marketing else None,
        to_micros(marketing.occurred_at) if marketing else None,
        to_micros(lapses_at(marketing.occurred_at, *(one.occurred_at for one in renewals)))
        if marketing and granted
        else None,
        *states,
    )


def current_of(
    conn: sa.Connection, account_id: AccountId, channel: Channel, contact_ids: Iterable[int]
) -> dict[int, Current]:
    """What holds for some contacts; one without a line in the ledger is not in it."""
    rows = bulk.select_among(conn, _CURRENT, (channel.value, account_id), contact_ids, bulk.NUMBER)
    return {row[0]: Current(*row[1:]) for row in rows}


def suppressed(
    conn: sa.Connection, account_id: AccountId, channel: Channel, hashes: Iterable[bytes]
) -> dict[bytes, str]:
    """Which of some addresses (by keyed hash) get nothing, and why."""
    rows = bulk.select_among(conn, _SUPPRESSED, (account_id, channel.value), hashes, bulk.BYTES)
    return {bytes(row[0]): str(row[1]) for row in rows}
