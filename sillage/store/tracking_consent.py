"""What the collector asks of ops before an event may name a person, and the one thing that it notes there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import sqlalchemy as sa

from sillage.domain.consent import ConsentState
from sillage.domain.ids import AccountId, ContactId
from sillage.store.tables import accounts, consents, contacts

_CHUNK = 5_000


@dataclass(frozen=True, slots=True)
class TrackingPolicy:
    """What an account may measure and keep."""

    needs_grant: bool
    """True: only who agreed is tracked (`consent`); false: all but those who withdrew (`notice`)."""
    keeps_ip: bool
    keeps_agent: bool


@dataclass(frozen=True, slots=True)
class TrackingConsent:
    """What a contact said to being tracked; None where nothing was ever said."""

    opens: ConsentState | None = None
    clicks: ConsentState | None = None


def policy(conn: sa.Connection, account_id: AccountId) -> TrackingPolicy | None:
    """The account's policy, or None where there is no such account (any more)."""
    row = conn.execute(
        sa.select(accounts.c.tracking_policy, accounts.c.keeps_ip, accounts.c.keeps_agent).where(
            accounts.c.id == account_id
        )
    ).first()
    if row is None:
        return None
    return TrackingPolicy(row.tracking_policy != "notice", bool(row.keeps_ip), bool(row.keeps_agent))


def current(
    conn: sa.Connection, account_id: AccountId, channel: str, contact_ids: Iterable[ContactId]
) -> dict[ContactId, TrackingConsent]:
    """The current consent to tracking of those contacts that have said anything."""
    found: dict[ContactId, TrackingConsent] = {}
    for chunk in _chunks(contact_ids):
        rows = conn.execute(
            sa.select(consents.c.contact_id, consents.c.open_tracking, consents.c.click_tracking).where(
                consents.c.account_id == account_id,
                consents.c.channel == channel,
                consents.c.contact_id.in_(chunk),
            )
        )
        for row in rows:
            found[ContactId(row.contact_id)] = TrackingConsent(_state(row.open_tracking), _state(row.click_tracking))
    return found


def note_last_open(conn: sa.Connection, account_id: AccountId, days: Mapping[ContactId, str]) -> None:
    """Remember the day (YYYY-MM-DD, UTC) of the last open, overwritten by a later one and never by an earlier."""
    if not days:
        return
    conn.execute(
        sa.update(contacts)
        .where(
            contacts.c.account_id == account_id,
            contacts.c.id == sa.bindparam("reader"),
            sa.or_(contacts.c.last_open_on.is_(None), contacts.c.last_open_on < sa.bindparam("day")),
        )
        .values(last_open_on=sa.bindparam("day")),
        [{"reader": contact, "day": day} for contact, day in days.items()],
    )


def _state(text: str | None) -> ConsentState | None:
    return None if text is None else ConsentState(text)


def _chunks(contact_ids: Iterable[ContactId]) -> Iterator[list[ContactId]]:
    walk = iter(sorted(set(contact_ids)))
    while chunk := list(islice(walk, _CHUNK)):
        yield chunk
