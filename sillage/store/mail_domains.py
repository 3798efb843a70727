"""What the resolver said of domains: public facts, the same for all accounts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from sillage.store import bulk
from sillage.store.columns import to_micros
from sillage.store.tables import mail_domains

_PUT = """
insert into mail_domains (domain, takes_mail, checked_at) values ({p}, {p}, {p})
on conflict (domain) do update set takes_mail = excluded.takes_mail, checked_at = excluded.checked_at
"""


def checked_since(conn: sa.Connection, moment: datetime) -> set[str]:
    """Domains that were looked up since a moment."""
    query = sa.select(mail_domains.c.domain).where(mail_domains.c.checked_at > moment)
    return set(conn.execute(query).scalars())


def note(conn: sa.Connection, found: Mapping[str, bool], now: datetime) -> None:
    """Keep what was answered."""
    bulk.execute(conn, _PUT, [(domain, takes_mail, to_micros(now)) for domain, takes_mail in found.items()])
