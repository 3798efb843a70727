"""An import undone: what it made goes, what it changed is as it was. What somebody touched since stays, and is listed.

Each function does a part, from behind an id on, and says where it ended, so that the caller cuts the work by time.
The lines that the import wrote into the ledger of consent go with it: they were an error, no act of a person.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from sillage.domain.consent import CONSENT_LASTS, Channel
from sillage.domain.contact import TEXT_FIELDS
from sillage.store import bulk, consent
from sillage.store.columns import to_micros
from sillage.store.imports import Import
from sillage.store.tables import (
    campaigns,
    consent_acts,
    consent_origins,
    contact_sends,
    contacts,
    deliveries,
    group_members,
    import_changes,
)

EDITED = "edited"
CONSENT = "consent"
MAILED = "mailed"
IN_A_GROUP = "in_a_group"
_FIELDS = ("provider", *TEXT_FIELDS, "custom")


@dataclass(frozen=True, slots=True)
class Part:
    """What a part did. `last` is the last id that it looked at, None where nothing was left."""

    last: int | None
    done: int = 0
    stayed: tuple[tuple[int, str], ...] = ()
    """Contacts that somebody touched since, and how."""


def drop_made(conn: sa.Connection, one: Import, after: int, limit: int) -> Part:
    """Delete contacts that the import made, with all that hangs on them."""
    if one.first_id is None or one.last_id is None:
        return Part(None)
    low = max(after + 1, one.first_id)
    last = min(low + limit - 1, one.last_id)
    found = conn.execute(
        sa.select(contacts.c.id, contacts.c.updated_at).where(
            contacts.c.account_id == one.account_id,
            contacts.c.import_id == one.id,
            contacts.c.id.between(low, last),
        )
    ).all()
    ids = [int(row.id) for row in found]
    reasons = {int(row.id): EDITED for row in found if row.updated_at != one.created_at}
    for reason, others in _touched(conn, one, ids):
        for contact_id in others:
            reasons.setdefault(contact_id, reason)
    doomed = [contact_id for contact_id in ids if contact_id not in reasons]
    for table in ("group_members", "consent_acts", "consents"):
        _delete(conn, one, table, "contact_id", doomed)
    _delete(conn, one, "contacts", "id", doomed)
    _set_free(conn, one, list(reasons))
    return Part(last if last < one.last_id else None, len(doomed), tuple(sorted(reasons.items())))


def restore_changed(conn: sa.Connection, one: Import, after: int, limit: int) -> Part:
    """Give contacts that were there before their former values back."""
    ids = _noted(conn, one, "fields", after, limit)
    if not ids:
        return Part(None)
    stamp = to_micros(one.created_at)
    stayed = bulk.select_among(
        conn, f"select id from contacts where updated_at <> {{p}} and {bulk.BY_NUMBER}",
        (stamp, one.account_id), ids, bulk.NUMBER,
    )  # fmt: skip
    mark = bulk.placeholder(conn)
    sets = ", ".join(f"{name} = c.{name}" for name in _FIELDS)
    # A number that somebody else has by now stays with them.
    is_taken = (
        "exists (select 1 from contacts o where o.account_id = c.account_id and o.phone = c.phone"
        " and o.id <> c.contact_id)"
    )
    conn.exec_driver_sql(
        f"update contacts set {sets}, import_id = c.seen_with, updated_at = c.at,"
        f" phone = case when {is_taken} then contacts.phone else c.phone end,"
        f" phone_hash = case when {is_taken} then contacts.phone_hash else c.phone_hash end"
        f" from import_changes c where c.import_id = {mark} and c.kind = 'fields' and c.contact_id between {mark}"
        f" and {mark} and contacts.id = c.contact_id and contacts.updated_at = {mark}",
        (one.id, ids[0], ids[-1], stamp),
    )
    return Part(ids[-1], len(ids) - len(stayed), tuple((int(row[0]), EDITED) for row in stayed))


def unsay_consent(conn: sa.Connection, one: Import, after: int, limit: int) -> Part:
    """Take the import's lines out of the ledger of contacts that were there before."""
    ids = _noted(conn, one, "consent", after, limit)
    if not ids:
        return Part(None)
    ours = sa.select(consent_origins.c.id).where(
        consent_origins.c.account_id == one.account_id, consent_origins.c.import_id == one.id
    )
    for part in _parts(ids):
        conn.execute(
            consent_acts.delete().where(
                consent_acts.c.account_id == one.account_id,
                consent_acts.c.contact_id.in_(part),
                consent_acts.c.origin_id.in_(ours),
            )
        )
    # Computed anew from the ledger; an end that a click of the person put off since is kept by `recompute`.
    computed = (
        "delete from consents where account_id = {p} and contact_id = {p}"
        f" and (lapses_at is null or lapses_at = marketing_at + {CONSENT_LASTS // CONSENT_LASTS.resolution})"
    )
    bulk.execute(conn, computed, [(one.account_id, contact_id) for contact_id in ids])
    for channel in Channel:
        consent.recompute(conn, one.account_id, channel, ids)
    return Part(ids[-1], len(ids))


def leave_group(conn: sa.Connection, one: Import, after: int, limit: int) -> Part:
    """Take out of the group who joined it by the import, and put back whom it took out."""
    if one.group_id is None:
        return Part(None)
    mark = bulk.placeholder(conn)
    ids: list[int] = list(
        conn.execute(
            sa.select(group_members.c.contact_id)
            .where(group_members.c.group_id == one.group_id, group_members.c.contact_id > after)
            .order_by(group_members.c.contact_id)
            .limit(limit)
        ).scalars()
    )
    done = 0
    if ids:
        done = conn.exec_driver_sql(
            f"delete from group_members where group_id = {mark} and contact_id between {mark} and {mark}"
            f" and import_id = {mark}",
            (one.group_id, ids[0], ids[-1], one.id),
        ).rowcount
    return Part(ids[-1] if ids else None, done)


def rejoin_group(conn: sa.Connection, one: Import, after: int, limit: int) -> Part:
    """Put back into the group whom the import took out of it, as far as they are still there."""
    ids = _noted(conn, one, "group", after, limit)
    if not ids or one.group_id is None:
        return Part(None)
    mark = bulk.placeholder(conn)
    conn.exec_driver_sql(
        "insert into group_members (group_id, contact_id, account_id, import_id, added_at)"
        f" select {mark}, c.contact_id, c.account_id, c.seen_with, c.at from import_changes c"
        f" where c.import_id = {mark} and c.kind = 'group' and c.contact_id between {mark} and {mark}"
        " and exists (select 1 from contacts h where h.id = c.contact_id)"
        " on conflict (group_id, contact_id) do nothing",
        (one.group_id, one.id, ids[0], ids[-1]),
    )
    return Part(ids[-1], len(ids))


def forget_changes(conn: sa.Connection, one: Import, after: int, limit: int) -> Part:
    """Drop the undo record itself."""
    ids: list[int] = list(
        conn.execute(
            sa.select(import_changes.c.contact_id)
            .where(import_changes.c.import_id == one.id, import_changes.c.contact_id > after)
            .order_by(import_changes.c.contact_id)
            .limit(limit)
        ).scalars()
    )
    if not ids:
        return Part(None)
    conn.execute(
        import_changes.delete().where(
            import_changes.c.import_id == one.id, import_changes.c.contact_id.between(ids[0], ids[-1])
        )
    )
    return Part(ids[-1], len(ids))


def forget_origins(conn: sa.Connection, one: Import) -> None:
    """Drop where consent of the import came from, once no line of the ledger says so: when nobody stayed."""
    conn.execute(
        consent_origins.delete().where(
            consent_origins.c.account_id == one.account_id, consent_origins.c.import_id == one.id
        )
    )


def forget_contact(conn: sa.Connection, account_id: int, contact_id: int) -> None:
    """Drop what undo records say of a person who is erased."""
    mark = bulk.placeholder(conn)
    conn.exec_driver_sql(
        f"delete from import_changes where contact_id = {mark} and import_id in"
        f" (select id from imports where account_id = {mark})",
        (contact_id, account_id),
    )


def _noted(conn: sa.Connection, one: Import, kind: str, after: int, limit: int) -> list[int]:
    query = (
        sa.select(import_changes.c.contact_id)
        .where(
            import_changes.c.import_id == one.id,
            import_changes.c.account_id == one.account_id,
            import_changes.c.contact_id > after,
            import_changes.c.kind == kind,
        )
        .order_by(import_changes.c.contact_id)
        .limit(limit)
    )
    return list(conn.execute(query).scalars())


def _touched(conn: sa.Connection, one: Import, ids: Sequence[int]) -> Iterator[tuple[str, list[int]]]:
    """Those of some contacts that somebody else did something with, by what it was."""
    ours = sa.select(consent_origins.c.id).where(consent_origins.c.import_id == one.id)
    strange_line = sa.or_(consent_acts.c.origin_id.is_(None), consent_acts.c.origin_id.not_in(ours))
    strange_group = sa.or_(group_members.c.import_id.is_(None), group_members.c.import_id != one.id)
    # Recipients of campaigns that are not closed yet: those that are have their count in contact_sends.
    queued = sa.exists(sa.select(deliveries.c.contact_id).where(deliveries.c.campaign_id == campaigns.c.id))
    under_way: list[int] = list(
        conn.execute(sa.select(campaigns.c.id).where(campaigns.c.account_id == one.account_id, queued)).scalars()
    )
    for part in _parts(ids):
        for reason, column, where in (
            (CONSENT, consent_acts.c.contact_id, sa.and_(consent_acts.c.account_id == one.account_id, strange_line)),
            (IN_A_GROUP, group_members.c.contact_id, strange_group),
            (MAILED, contact_sends.c.contact_id, sa.true()),
            (MAILED, deliveries.c.contact_id, deliveries.c.campaign_id.in_(under_way)),
        ):
            found: list[int] = list(conn.execute(sa.select(column).where(column.in_(part), where).distinct()).scalars())
            yield reason, found


def _set_free(conn: sa.Connection, one: Import, ids: Sequence[int]) -> None:
    """Contacts that stay belong to no import any more, so that one sees them."""
    bulk.execute(
        conn, "update contacts set import_id = null where account_id = {p} and id = {p}",
        [(one.account_id, contact_id) for contact_id in ids],
    )  # fmt: skip


def _delete(conn: sa.Connection, one: Import, table: str, column: str, ids: Sequence[int]) -> None:
    bulk.execute(
        conn, f"delete from {table} where account_id = {{p}} and {column} = {{p}}",
        [(one.account_id, contact_id) for contact_id in ids],
    )  # fmt: skip


def _parts(ids: Sequence[int]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(ids), 500):
        yield ids[start : start + 500]
