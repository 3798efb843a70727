"""Addresses that get nothing, by keyed hash, so that an erased person stays out without being kept; and domains.

An account's list is its own. The installation's is filled by its operator alone: nothing that is learned in one
account is used in another. Functions that take no account are about the installation's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from sillage.domain.eligibility import strongest
from sillage.domain.ids import AccountId, CampaignId, ContactId
from sillage.errors import NotFound, Refused
from sillage.store import bulk
from sillage.store.columns import to_micros
from sillage.store.tables import (
    contacts,
    installation_domains,
    installation_suppressions,
    suppressed_domains,
    suppressions,
)

MANUAL = "manual"
FOR_GOOD = frozenset({"complaint", "erased"})
"""Taken off no list by hand: these people come back by a confirmed double opt-in only."""
_ADD = """
insert into suppressions (account_id, channel, address_hash, reason, created_at) values ({p}, {p}, {p}, {p}, {p})
on conflict (account_id, channel, address_hash) do nothing
"""
_ADD_CONTACT = """
insert into suppressions (account_id, channel, address_hash, reason, contact_id, created_at)
values ({p}, {p}, {p}, {p}, {p}, {p})
on conflict (account_id, channel, address_hash) do nothing
"""
_ADD_DOMAIN = """
insert into suppressed_domains (account_id, domain, created_at) values ({p}, {p}, {p})
on conflict (account_id, domain) do nothing
"""
_ADD_HERE = """
insert into installation_suppressions (channel, address_hash, created_at) values ({p}, {p}, {p})
on conflict (channel, address_hash) do nothing
"""
_ADD_DOMAIN_HERE = """
insert into installation_domains (domain, created_at) values ({p}, {p}) on conflict (domain) do nothing
"""


@dataclass(frozen=True, slots=True)
class Suppressed:
    """One line of a list. `email` is known only of a contact who is still there."""

    address_hash: bytes | None
    domain: str | None
    reason: str
    email: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Size:
    """How many lines a list has."""

    addresses: int
    domains: int


def suppress_contact(
    conn: sa.Connection,
    account_id: AccountId,
    contact_id: ContactId,
    *,
    channel: str,
    reason: str,
    campaign_id: CampaignId | None,
    now: datetime,
) -> bool:
    """Stop all mail to a contact's address; False where it was stopped before or the contact is gone."""
    column = contacts.c.email_hash if channel == "email" else contacts.c.phone_hash
    held = conn.execute(
        sa.select(column).where(contacts.c.account_id == account_id, contacts.c.id == contact_id)
    ).scalar()
    if held is None:
        return False
    insert = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    statement = insert(suppressions).values(
        account_id=account_id,
        channel=channel,
        address_hash=held,
        reason=reason,
        contact_id=contact_id,
        campaign_id=campaign_id,
        created_at=now,
    )
    # Not by rowcount, which PostgreSQL's driver does not know here.
    stopped = conn.execute(statement.on_conflict_do_nothing().returning(suppressions.c.reason))
    return stopped.first() is not None


def add(
    conn: sa.Connection,
    account_id: AccountId | None,
    *,
    channel: str,
    addresses: Sequence[tuple[bytes, str]] = (),
    domains: Sequence[str] = (),
    now: datetime,
) -> int:
    """Put addresses (keyed hash and reason) and domains on a list; how many are new. None: the installation's list.

    One that stands there keeps its first reason, since what a person or a server said weighs more than a file.
    """
    at = to_micros(now)
    before = size(conn, account_id)
    if account_id is None:
        bulk.execute(conn, _ADD_HERE, [(channel, held, at) for held, _ in addresses])
        bulk.execute(conn, _ADD_DOMAIN_HERE, [(domain, at) for domain in domains])
    else:
        bulk.execute(conn, _ADD, [(account_id, channel, held, reason, at) for held, reason in addresses])
        bulk.execute(conn, _ADD_DOMAIN, [(account_id, domain, at) for domain in domains])
    after = size(conn, account_id)
    return after.addresses + after.domains - before.addresses - before.domains


def add_contacts(
    conn: sa.Connection,
    account_id: AccountId,
    channel: str,
    people: Sequence[tuple[bytes, str, ContactId]],
    *,
    now: datetime,
) -> int:
    """Stop mail to addresses of contacts (keyed hash, reason, contact); how many are new on the list."""
    at, before = to_micros(now), size(conn, account_id).addresses
    bulk.execute(conn, _ADD_CONTACT, [(account_id, channel, held, reason, who, at) for held, reason, who in people])
    return size(conn, account_id).addresses - before


def size(conn: sa.Connection, account_id: AccountId | None) -> Size:
    """How many lines a list has. None: the installation's."""
    count = sa.func.count()
    if account_id is None:
        queries = (
            sa.select(count).select_from(installation_suppressions),
            sa.select(count).select_from(installation_domains),
        )
    else:
        queries = (
            sa.select(count).select_from(suppressions).where(suppressions.c.account_id == account_id),
            sa.select(count).select_from(suppressed_domains).where(suppressed_domains.c.account_id == account_id),
        )
    addresses, domains = (int(conn.execute(query).scalar_one()) for query in queries)
    return Size(addresses, domains)


def remove_address(conn: sa.Connection, account_id: AccountId | None, channel: str, address_hash: bytes) -> None:
    """Take an address off a list. None: the installation's.

    Raises: NotFound where it is not on it; Refused where the person complained or was erased.
    """
    if account_id is None:
        done = conn.execute(
            installation_suppressions.delete().where(
                installation_suppressions.c.channel == channel,
                installation_suppressions.c.address_hash == address_hash,
            )
        )
    else:
        where = (
            suppressions.c.account_id == account_id,
            suppressions.c.channel == channel,
            suppressions.c.address_hash == address_hash,
        )
        reason = conn.execute(sa.select(suppressions.c.reason).where(*where)).scalar()
        if reason in FOR_GOOD:
            raise Refused(
                f"that address is suppressed for good ({reason}): the person comes back by a sign-up that they confirm"
            )
        done = conn.execute(suppressions.delete().where(*where))
    if done.rowcount == 0:
        raise NotFound("that address is not on the list")


def remove_domain(conn: sa.Connection, account_id: AccountId | None, domain: str) -> None:
    """Take a domain off a list. None: the installation's.

    Raises: NotFound.
    """
    table = installation_domains if account_id is None else suppressed_domains
    where = [table.c.domain == domain]
    if account_id is not None:
        where.append(table.c.account_id == account_id)
    if conn.execute(table.delete().where(*where)).rowcount == 0:
        raise NotFound(f"{domain} is not on the list")


def lift(conn: sa.Connection, account_id: AccountId, channel: str, address_hash: bytes, reasons: Iterable[str]) -> bool:
    """Take an address off the account's list where it stands there for one of these reasons."""
    return (
        conn.execute(
            suppressions.delete().where(
                suppressions.c.account_id == account_id,
                suppressions.c.channel == channel,
                suppressions.c.address_hash == address_hash,
                suppressions.c.reason.in_(list(reasons)),
            )
        ).rowcount
        == 1
    )


def reason_of(
    conn: sa.Connection, account_id: AccountId, *, channel: str, address_hash: bytes | None, domain: str | None
) -> str | None:
    """Why an address gets nothing, by any of the lists; None where it stands on none."""
    in_all = address_hash is not None and (
        conn.execute(
            sa.select(sa.literal(1)).where(
                installation_suppressions.c.channel == channel,
                installation_suppressions.c.address_hash == address_hash,
            )
        ).first()
        is not None
    )
    in_all |= (
        domain is not None
        and conn.execute(sa.select(sa.literal(1)).where(installation_domains.c.domain == domain)).first() is not None
    )
    own = conn.execute(
        sa.select(suppressions.c.reason).where(
            suppressions.c.account_id == account_id,
            suppressions.c.channel == channel,
            suppressions.c.address_hash == address_hash,
        )
    ).scalar()
    of_domain = sa.select(sa.literal(1)).where(
        suppressed_domains.c.account_id == account_id, suppressed_domains.c.domain == domain
    )
    return strongest(in_all, own, conn.execute(of_domain).first() is not None)


def listed(
    conn: sa.Connection, account_id: AccountId | None, *, limit: int | None = None, reason: str | None = None
) -> list[Suppressed]:
    """Domains, then addresses, the newest first. None: the installation's list."""
    if account_id is None:
        domains = conn.execute(sa.select(installation_domains).order_by(installation_domains.c.domain).limit(limit))
        here = installation_suppressions
        addresses = conn.execute(sa.select(here).order_by(here.c.created_at.desc(), here.c.address_hash).limit(limit))
        found = [Suppressed(None, row.domain, MANUAL, None, row.created_at) for row in domains]
        found += [Suppressed(bytes(row.address_hash), None, MANUAL, None, row.created_at) for row in addresses]
        return found[:limit]
    found = []
    if reason in {None, MANUAL}:
        table = suppressed_domains
        rows = conn.execute(
            sa.select(table).where(table.c.account_id == account_id).order_by(table.c.domain).limit(limit)
        )
        found = [Suppressed(None, row.domain, MANUAL, None, row.created_at) for row in rows]
    query = _own(account_id).order_by(suppressions.c.created_at.desc(), suppressions.c.address_hash).limit(limit)
    if reason is not None:
        query = query.where(suppressions.c.reason == reason)
    found += [
        Suppressed(bytes(row.address_hash), None, row.reason, row.email, row.created_at) for row in conn.execute(query)
    ]
    return found[:limit]


def _own(account_id: AccountId) -> sa.Select[tuple[bytes, str, datetime, str]]:
    # The contact must still have that very address: one who changed it is not who was suppressed.
    same = sa.and_(
        contacts.c.account_id == suppressions.c.account_id,
        contacts.c.id == suppressions.c.contact_id,
        contacts.c.email_hash == suppressions.c.address_hash,
    )
    return (
        sa.select(suppressions.c.address_hash, suppressions.c.reason, suppressions.c.created_at, contacts.c.email)
        .select_from(suppressions.outerjoin(contacts, same))
        .where(suppressions.c.account_id == account_id)
    )


def by_reason(conn: sa.Connection, account_id: AccountId) -> dict[str, int]:
    """How many addresses are suppressed, by reason."""
    rows = conn.execute(
        sa.select(suppressions.c.reason, sa.func.count().label("n"))
        .where(suppressions.c.account_id == account_id)
        .group_by(suppressions.c.reason)
    )
    return {row.reason: int(row.n) for row in rows}
