"""Who is in a segment, asked of ops through DuckDB: one account, read-only, nothing else within reach."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import duckdb
import duckdb_extensions
import polars as pl
import sqlalchemy as sa

from sillage.domain.ids import AccountId
from sillage.domain.local_time import FIELD
from sillage.domain.segment import Query, compile_segment
from sillage.store.columns import to_micros
from sillage.store.database import Store

_ENGINES = {"sqlite": ("sqlite_scanner", "sqlite"), "postgresql": ("postgres_scanner", "postgres")}


class Audience:
    """Questions about the contacts of one account."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self._con = con

    def count(self, tree: Any) -> int:
        """How many contacts a segment has."""
        query = compile_segment(tree)
        row = self._con.execute(f"select count(*) from contacts where {query.sql}", query.params).fetchone()
        return int(row[0]) if row else 0

    def members(self, include: list[Any], exclude: list[Any], *, kind: str, now: datetime) -> pl.DataFrame:
        """Members of any included and of no excluded segment, each once.

        Columns: contact_id (i64), provider (str), left_out (str: why it may not be mailed, or null).
        """
        wanted, unwanted = _any_of(include), _any_of(exclude)
        query = f"""
            select c.id as contact_id, coalesce(m.provider, c.provider) as provider,
                case when c.email is null then 'no_address'
                     when s.reason is not null and (s.reason in ('npai', 'hard_bounce', 'erased') or ?) then s.reason
                     when not ? then null
                     when p.marketing = 'withdrawn' then 'unsubscribed'
                     when p.marketing is null then 'consent_missing'
                     when not list_contains(b.allowed, p.marketing_basis) then 'consent_missing'
                     when p.lapses_at <= ? then 'consent_too_old'
                end as left_out
            from (select * from contacts where {wanted.sql}) c
            cross join bases b
            left join consents p on p.contact_id = c.id
            left join suppressions s on s.address_hash = c.email_hash
            left join mail_domains m on c.provider = 'other' and m.domain = lower(split_part(c.email, '@', 2))
            where not {unwanted.sql}
            order by c.id
        """
        marketing = kind == "marketing"
        params = [marketing, marketing, to_micros(now), *wanted.params, *unwanted.params]
        return self._con.execute(query, params).pl()

    def places(self, people: pl.DataFrame) -> pl.DataFrame:
        """Where people (column contact_id) are: contact_id (i64), timezone (str or null), country (str or null)."""
        self._con.register("asked", people.select("contact_id").to_arrow())
        found = self._con.execute(
            "select id as contact_id, json_extract_string(custom, ?) as timezone, country"
            " from contacts join asked on asked.contact_id = id",
            [f"$.{FIELD}"],
        ).pl()
        self._con.unregister("asked")
        return found.cast({"timezone": pl.String, "country": pl.String})

    def in_segment(self, tree: Any) -> pl.Series:
        """Ids of a segment's members."""
        query = compile_segment(tree)
        return self._con.execute(f"select id from contacts where {query.sql}", query.params).pl()["id"]

    def empty_fields(self, ids: pl.DataFrame, names: list[str]) -> dict[str, int]:
        """For each named merge field, how many of these contacts (column contact_id) have nothing in it."""
        self._con.register("asked", ids.select("contact_id").to_arrow())
        found = {}
        for name in names:
            query = compile_segment(_empty(name))
            sql = f"select count(*) from contacts join asked on asked.contact_id = id where {query.sql}"
            row = self._con.execute(sql, query.params).fetchone()
            if row and row[0]:
                found[name] = int(row[0])
        self._con.unregister("asked")
        return found


def _empty(name: str) -> Any:
    from sillage.domain.segment import FieldIs  # noqa: PLC0415

    return FieldIs(field=name, op="empty")


def _any_of(trees: list[Any]) -> Query:
    parts = [compile_segment(tree) for tree in trees]
    if not parts:
        return Query("false")
    return Query("(" + " or ".join(p.sql for p in parts) + ")", [v for p in parts for v in p.params])


@contextmanager
def audience_of(store: Store, account_id: AccountId) -> Iterator[Audience]:
    """Look at one account's contacts, as they are now.

    Only contacts of sealed imports are seen. No file, network or other account is within reach of a segment.
    """
    con = duckdb.connect(config={"threads": 2})
    try:
        _attach(con, store)
        _views(con, int(account_id))
        con.execute("set enable_external_access = false")
        con.execute("set lock_configuration = true")
        yield Audience(con)
    finally:
        con.close()
        # DuckDB brings an SQLite of its own: when that closes the file, POSIX drops the locks that this process holds
        # on it, and another process that closes takes itself for the last and deletes the log below our connections.
        store.reconnect()


def _attach(con: duckdb.DuckDBPyConnection, store: Store) -> None:
    extension, kind = _ENGINES[store.url.get_backend_name()]
    duckdb_extensions.import_extension(extension, con=con)
    con.execute(f"load {extension}")
    target = store.url.database if store.is_sqlite else _libpq(store.url)
    con.execute(f"attach '{str(target).replace(chr(39), chr(39) * 2)}' as ops (type {kind}, read_only)")


def _libpq(url: sa.URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def _views(con: duckdb.DuckDBPyConnection, account: int) -> None:
    con.execute(f"""
        create temp view contacts as
        select * from ops.contacts where account_id = {account} and (import_id is null or import_id not in
            (select id from ops.imports where account_id = {account} and state <> 'sealed'));
        create temp view memberships as
        select m.contact_id, g.name as group_name
        from ops.group_members m join ops.groups g on g.id = m.group_id and g.account_id = {account}
        where m.account_id = {account};
        create temp view consents as
        select * from ops.consents where account_id = {account} and channel = 'email';
        create temp view suppressions as
        select * from ops.suppressions where account_id = {account} and channel = 'email';
        create temp view mail_domains as select domain, provider from ops.mail_domains;
        create temp view bases as
        select from_json(allowed_bases::varchar, '["varchar"]') as allowed from ops.accounts where id = {account};
    """)
