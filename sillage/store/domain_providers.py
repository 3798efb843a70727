"""Who takes the mail of domains that are on no list, by their MX: what a resolver said, kept for a while."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from sillage.domain.provider import OTHER
from sillage.store.tables import contacts, domain_providers

FEWEST = 3
"""A domain of fewer contacts may name a person: it is neither looked up nor kept."""


def to_look_up(conn: sa.Connection, *, older_than: datetime, limit: int) -> list[str]:
    """Domains of contacts of all accounts that are on no list, and were not looked up since; the largest first."""
    email = contacts.c.email
    domain = (
        sa.func.lower(sa.func.split_part(email, "@", 2))
        if conn.dialect.name == "postgresql"
        else sa.func.lower(sa.func.substr(email, sa.func.instr(email, "@") + 1))
    ).label("domain")
    known = sa.select(domain_providers.c.domain).where(domain_providers.c.looked_up_at >= older_than)
    query = (
        sa.select(domain)
        .where(contacts.c.provider == OTHER, email.is_not(None), domain.not_in(known))
        .group_by(domain)
        .having(sa.func.count() >= FEWEST)
        .order_by(sa.func.count().desc(), domain)
        .limit(limit)
    )
    return [row.domain for row in conn.execute(query)]


def keep(conn: sa.Connection, found: Mapping[str, str], *, now: datetime) -> None:
    """Keep who takes the mail of domains: a provider's name, or `other`."""
    insert = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    for domain, provider in found.items():
        values = {"provider": provider, "looked_up_at": now}
        statement = insert(domain_providers).values(domain=domain, **values)
        conn.execute(statement.on_conflict_do_update(index_elements=["domain"], set_=values))
