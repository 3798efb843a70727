"""Acts of the person (a click, a purchase, a reply) that put the end of their consent off: lines of the ledger too.

One line a month is enough: an act within 30 days of another is not written, so that a consent may end up to 30 days
too early, and never too late.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import sqlalchemy as sa

from sillage.domain.consent import CONSENT_LASTS, RENEWED, Basis, Channel, Purpose
from sillage.domain.ids import AccountId, ContactId
from sillage.store import bulk, consent
from sillage.store.columns import to_micros

APART = timedelta(days=30)
_APART, _LASTS = (int(span / timedelta(microseconds=1)) for span in (APART, CONSENT_LASTS))
_GRANTED = (
    "select contact_id, lapses_at from consents "
    "where channel = {p} and account_id = {p} and marketing = 'granted' and contact_id {in}"
)
_WRITTEN = (
    "select contact_id, occurred_at from consent_acts "
    "where account_id = {p} and channel = {p} and state = {p} and contact_id {in}"
)


def renew(
    conn: sa.Connection,
    account_id: AccountId,
    channel: Channel,
    acts: Mapping[ContactId, datetime],
    *,
    source: str,
    now: datetime,
) -> list[ContactId]:
    """Note acts of people who agreed to marketing; those whose ledger has a new line."""
    moments = {contact: to_micros(at) for contact, at in acts.items()}
    granted = bulk.select_among(conn, _GRANTED, (channel.value, account_id), moments, bulk.NUMBER)
    late = {row[0] for row in granted if row[1] is None or row[1] <= moments[row[0]] + _LASTS - _APART}
    if not late:
        return []
    written: dict[int, list[int]] = {}
    for who, at in bulk.select_among(conn, _WRITTEN, (account_id, channel.value, RENEWED), late, bulk.NUMBER):
        written.setdefault(who, []).append(at)
    due = [
        contact
        for contact in sorted(late)
        if all(abs(moments[contact] - held) >= _APART for held in written.get(contact, []))
    ]
    if not due:
        return []
    origin_id, recorded = consent.origin(conn, account_id, source=source, now=now), to_micros(now)
    consent.insert_acts(
        conn,
        [
            (account_id, contact, channel.value, Purpose.MARKETING.value, RENEWED, Basis.CONSENT.value, origin_id, "",
             moments[contact], recorded)
            for contact in due
        ],
    )  # fmt: skip
    consent.recompute(conn, account_id, channel, due)
    return due
