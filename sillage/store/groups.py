"""Static groups of contacts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from sillage.domain.ids import AccountId, ContactId, GroupId, ImportId
from sillage.store import bulk
from sillage.store.columns import to_micros
from sillage.store.contacts import visible
from sillage.store.tables import contacts, group_members, groups

_ADD = """
insert into group_members (group_id, contact_id, account_id, import_id, added_at) values ({p}, {p}, {p}, {p}, {p})
on conflict (group_id, contact_id) do nothing
"""
_AMONG = "select contact_id from group_members where group_id = {p} and account_id = {p} and contact_id {in}"


@dataclass(frozen=True, slots=True)
class Group:
    """A static group with the number of its members whom one may see."""

    id: GroupId
    name: str
    size: int


def get_or_create(conn: sa.Connection, account_id: AccountId, name: str, *, now: datetime) -> GroupId:
    """The group of that name, made where there is none."""
    wanted = sa.select(groups.c.id).where(groups.c.account_id == account_id, groups.c.name == name)
    held = conn.execute(wanted).scalar()
    if held is None:
        conn.exec_driver_sql(
            "insert into groups (account_id, name, created_at) values ({p}, {p}, {p}) "
            "on conflict (account_id, name) do nothing".replace("{p}", bulk.placeholder(conn)),
            (account_id, name, to_micros(now)),
        )
        held = conn.execute(wanted).scalar_one()
    return GroupId(int(held))


def listed(conn: sa.Connection, account_id: AccountId) -> list[Group]:
    """All groups of an account, by name."""
    size = (
        sa.select(sa.func.count())
        .select_from(group_members.join(contacts, contacts.c.id == group_members.c.contact_id))
        .where(group_members.c.group_id == groups.c.id, contacts.c.account_id == account_id, visible())
        .scalar_subquery()
    )
    rows = conn.execute(
        sa.select(groups.c.id, groups.c.name, size.label("size"))
        .where(groups.c.account_id == account_id)
        .order_by(groups.c.name)
    )
    return [Group(GroupId(r.id), r.name, r.size) for r in rows]


def members_among(
    conn: sa.Connection, account_id: AccountId, group_id: GroupId, contact_ids: Iterable[int]
) -> set[int]:
    """Those of some contacts that are members."""
    return {row[0] for row in bulk.select_among(conn, _AMONG, (group_id, account_id), contact_ids, bulk.NUMBER)}


def add_members(
    conn: sa.Connection,
    account_id: AccountId,
    group_id: GroupId,
    contact_ids: Iterable[ContactId | int],
    *,
    now: datetime,
    import_id: ImportId | None = None,
) -> None:
    """Put contacts into a group; members stay."""
    at = to_micros(now)
    bulk.execute(conn, _ADD, [(group_id, contact_id, account_id, import_id, at) for contact_id in contact_ids])
