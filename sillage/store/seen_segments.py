"""Which of the segments that a campaign's content asks for a recipient was in when it was planned."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from sillage.domain.ids import AccountId, CampaignId, ContactId

FIELD = "segments"
"""The merge field: the names, as a list."""
_INSERT = """
insert into seen_segments (campaign_id, contact_id, name, account_id) values ({p}, {p}, {p}, {p}) on conflict do nothing
"""
_ANY = "select 1 from seen_segments where campaign_id = {p} limit 1"
_OF = "select contact_id, name from seen_segments where campaign_id = {p} and contact_id in ({who}) order by name"


def note(
    conn: sa.Connection, account_id: AccountId, campaign_id: CampaignId, name: str, contact_ids: Sequence[int]
) -> None:
    """Note that recipients are in a segment; said twice it is said once."""
    rows = [(campaign_id, contact_id, name, account_id) for contact_id in contact_ids]
    if rows:
        conn.exec_driver_sql(_sql(conn, _INSERT), rows)


def of(conn: sa.Connection, campaign_id: CampaignId, contact_ids: Sequence[ContactId]) -> dict[int, list[str]]:
    """The segments of some recipients, by contact; those in none are not there.

    Asked in every window: a campaign whose content asks for no segment costs one look into the key.
    """
    if not contact_ids or conn.exec_driver_sql(_sql(conn, _ANY), (campaign_id,)).first() is None:
        return {}
    who = ", ".join([str(int(contact_id)) for contact_id in contact_ids])
    found: dict[int, list[str]] = {}
    for row in conn.exec_driver_sql(_sql(conn, _OF).replace("{who}", who), (campaign_id,)):
        found.setdefault(int(row[0]), []).append(str(row[1]))
    return found


def _sql(conn: sa.Connection, text: str) -> str:
    return text.replace("{p}", "?" if conn.dialect.name == "sqlite" else "%s")
