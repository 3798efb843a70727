"""Who is in a segment, asked of ops, marts and lake through DuckDB: one account, read-only, nothing else in reach."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb
import polars as pl
import sqlalchemy as sa

from sillage.aside import made_aside
from sillage.campaign.behaviour import Behaviour
from sillage.domain import segment as s
from sillage.domain.eligibility import DOMAIN, INSTALLATION, left_out_sql
from sillage.domain.ids import AccountId, ContactId
from sillage.domain.local_time import FIELD
from sillage.domain.segment_sql import Query, Today, compile_segment, members_of
from sillage.errors import BadInput
from sillage.lake import catalog
from sillage.settings import Settings
from sillage.store.columns import to_micros
from sillage.store.database import Store

# So many contacts are fetched by their ids; above it, ops is read as a whole. SQLite takes a statement of 1 MB.
FEW = 50_000
_COLUMNS = ", ".join(f'"{name}"' for name in sorted(s.STANDARD_FIELDS))

SUPPRESSED = f"""case when i.address_hash is not null or j.domain is not null then '{INSTALLATION}'
    else coalesce(s.reason, case when g.domain is not null then '{DOMAIN}' end) end"""
"""Why a contact `c` gets nothing by the lists, as `sillage.domain.eligibility.strongest` says it."""
SUPPRESSED_JOINS = """
    left join suppressions s on s.address_hash = c.email_hash
    left join suppressed_domains g on g.domain = split_part(c.email, '@', 2)
    left join installation_suppressions i on i.address_hash = c.email_hash
    left join installation_domains j on j.domain = split_part(c.email, '@', 2)"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A clause and whether it holds for one contact; `parts` are those of the clauses within it."""

    tree: Any
    holds: bool
    parts: tuple[Verdict, ...] = ()


class Audience:
    """Questions about the contacts of one account, each answered as of now."""

    def __init__(
        self, con: duckdb.DuckDBPyConnection, settings: Settings | None, account: AccountId, *, is_sqlite: bool
    ) -> None:
        self._con = con
        self._is_sqlite = is_sqlite
        self._settings = settings
        self._account = account
        self._zone = _zone(con, int(account))
        has_lake = settings is not None and catalog.exists(settings.lake_dir)
        has_marts = has_lake and settings is not None and catalog.exists(settings.marts_dir)
        self._behaviour = Behaviour(con, int(account), has_lake=has_lake, has_marts=has_marts)

    def close(self) -> None:
        """Give the connection back."""
        self._con.close()

    def today(self, now: datetime | None = None) -> Today:
        """What day it is for the account."""
        if now is None:
            now = self._settings.clock.now() if self._settings is not None else datetime.now(UTC)
        return Today(now, self._zone)

    def count(self, tree: Any, *, now: datetime | None = None) -> int:
        """How many contacts a segment has."""
        source, query = self._ready(tree, now)
        row = self._con.execute(f"select count(*) from {source} where {query.sql}", query.params).fetchone()
        return int(row[0]) if row else 0

    def in_segment(self, tree: Any, *, now: datetime | None = None) -> pl.Series:
        """Ids of a segment's members, in order."""
        source, query = self._ready(tree, now)
        return self._con.execute(f"select id from {source} where {query.sql} order by id", query.params).pl()["id"]

    def overlap(self, first: Any, second: Any, *, now: datetime | None = None) -> tuple[int, int, int]:
        """How many are in the first alone, in both, and in the second alone."""
        ours, theirs = self.in_segment(first, now=now), self.in_segment(second, now=now)
        both = int(ours.is_in(theirs.implode()).sum())
        return len(ours) - both, both, len(theirs) - both

    def why(self, tree: Any, contact_id: ContactId, *, now: datetime | None = None) -> Verdict:
        """Why a contact is in a segment or not, clause by clause; saved segments are looked into.

        Raises: BadInput where the account has no such contact.
        """
        today = self._prepared(tree, now)
        whole = self._resolved(tree)
        clauses = list(s.walk(whole))
        compiled = [compile_segment(clause, today) for clause in clauses]
        self._fetch([int(contact_id)])
        row = self._con.execute(
            f"select {', '.join(q.sql for q in compiled)} from few", [v for q in compiled for v in q.params]
        ).fetchone()
        if row is None:
            raise BadInput(f"no contact {contact_id}", code="no_contact")
        answers = iter(row)
        return _verdict(whole, answers)

    def segments_of(self, contact_id: ContactId, *, now: datetime | None = None) -> dict[str, bool]:
        """Each saved segment by name, and whether a contact is in it."""
        saved = self._saved()
        return {name: self.why(tree, contact_id, now=now).holds for name, tree in saved.items()}

    def members(self, include: list[Any], exclude: list[Any], *, kind: str, now: datetime) -> pl.DataFrame:
        """Members of any included and of no excluded segment, each once.

        Columns: contact_id (i64), provider (str), left_out (str: why it may not be mailed, or null).
        """
        for tree in (*include, *exclude):
            self._prepared(tree, now)
        wanted, unwanted = self._any_of(include, now), self._any_of(exclude, now)
        left_out = left_out_sql(
            has_address="email is not null", suppressed="suppressed", marketing="marketing",
            basis_allowed="list_contains(allowed, marketing_basis)", lapses_at="lapses_at",
        )  # fmt: skip
        query = f"""
            select id as contact_id, provider, {left_out} as left_out
            from (
                select c.id, coalesce(m.provider, c.provider) as provider, c.email, b.allowed,
                    p.marketing, p.marketing_basis, p.lapses_at,
                    {SUPPRESSED} as suppressed
                from (select * from contacts where {wanted.sql}) c
                cross join bases b
                left join domain_providers m on c.provider = 'other' and m.domain = lower(split_part(c.email, '@', 2))
                left join consents p on p.contact_id = c.id
                {SUPPRESSED_JOINS}
                where not {unwanted.sql}
            )
            order by id
        """
        marketing = kind == "marketing"
        params = [marketing, marketing, to_micros(now), *wanted.params, *unwanted.params]
        return self._con.execute(query, params).pl()

    def reach(self, *, now: datetime) -> dict[str | None, int]:
        """How many contacts marketing may reach now (None), and how many not, by why; counted where they lie."""
        left_out = left_out_sql(
            has_address="email is not null", suppressed="suppressed", marketing="marketing",
            basis_allowed="list_contains(allowed, marketing_basis)", lapses_at="lapses_at",
        )  # fmt: skip
        query = f"""
            select {left_out} as left_out, count(*) as size
            from (
                select c.email, b.allowed, p.marketing, p.marketing_basis, p.lapses_at, {SUPPRESSED} as suppressed
                from contacts c
                cross join bases b
                left join consents p on p.contact_id = c.id
                {SUPPRESSED_JOINS}
            )
            group by 1
        """
        found = self._con.execute(query, [True, True, to_micros(now)]).fetchall()
        return {why: int(size) for why, size in found}

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

    def empty_fields(self, ids: pl.DataFrame, names: list[str]) -> dict[str, int]:
        """For each named merge field, how many of these contacts (column contact_id) have nothing in it."""
        self._con.register("asked", ids.select("contact_id").to_arrow())
        found = {}
        today = self.today()
        for name in names:
            query = compile_segment(s.FieldIs(field=name, op="empty"), today)
            sql = f"select count(*) from contacts join asked on asked.contact_id = id where {query.sql}"
            row = self._con.execute(sql, query.params).fetchone()
            if row and row[0]:
                found[name] = int(row[0])
        self._con.unregister("asked")
        return found

    def _saved(self) -> dict[str, Any]:
        rows = self._con.execute("select name, tree from saved_segments order by name").fetchall()
        return {name: s.parse_tree(json.loads(tree)) for name, tree in rows}

    def _resolved(self, tree: Any) -> Any:
        return s.resolve(tree, self._saved()) if s.nested_names(tree) else tree

    def _prepared(self, tree: Any, now: datetime | None) -> Today:
        """Make ready what the tree asks of; the day it is asked on."""
        if any(isinstance(node, s.BEHAVIOUR) for node in s.walk(self._resolved(tree))):
            if self._settings is None:
                raise BadInput("what people did lies in the lake, which this audience was not given", code="no_lake")
            self._behaviour.refresh()
        return self.today(now)

    def _ready(self, tree: Any, now: datetime | None) -> tuple[str, Query]:
        """The relation to ask, and the condition.

        Where a segment asks for what people did *and* for more, those who did it are found first, and where they are
        few they alone are fetched from ops, by their ids: ops is a row store, and reading it as a whole is the cost.
        """
        today = self._prepared(tree, now)
        whole = self._resolved(tree)
        parts = list(whole.parts) if isinstance(whole, s.AllOf) else [whole]
        did = [(part, query) for part in parts if (query := members_of(part, today)) is not None]
        if not did:
            return "contacts", compile_segment(whole, today)
        sql = " intersect ".join(f"({query.sql})" for _, query in did)
        found = self._con.execute(
            f"select distinct contact_id from ({sql}) limit {FEW + 1}", [v for _, query in did for v in query.params]
        ).fetchall()
        if len(found) > FEW:
            return "contacts", compile_segment(whole, today)
        self._fetch([row[0] for row in found])
        rest = tuple(part for part in parts if all(part is not done for done, _ in did))
        left = s.AllOf.model_construct(kind="and", parts=rest) if rest else s.Everyone()
        return "few", compile_segment(left, today)

    def _fetch(self, ids: Sequence[int]) -> None:
        """Make the relation `few`: these contacts, as ops holds them now. Ids are our own integers."""
        listed = ",".join(str(int(i)) for i in ids)
        lite = self._is_sqlite
        # The plus keeps SQLite from walking the whole account by its index instead of going to these ids.
        mine = f"{'+' if lite else ''}account_id = {int(self._account)} and id "
        mine += f"in (select value from json_each('[{listed}]'))" if lite else f"= any('{{{listed}}}'::bigint[])"
        hashed = "hex(email_hash)" if lite else "encode(email_hash, 'hex')"
        asked = (
            f"select id, import_id, {hashed} as email_hash, created_at, updated_at, cast(custom as text) as custom,"
            f" {_COLUMNS} from contacts where {mine} and {_sealed(int(self._account), 'imports')}"
        ).replace("'", "''")
        # The engines tell types by the values that come: a column of nothing but nulls would be text.
        self._con.execute(f"""
            create or replace temp table few as
            select id::bigint as id, import_id::bigint as import_id, unhex(email_hash::varchar) as email_hash,
                created_at::bigint as created_at, updated_at::bigint as updated_at, custom::varchar::json as custom,
                {", ".join(f'"{name}"::varchar as "{name}"' for name in sorted(s.STANDARD_FIELDS))}
            from {"sqlite_query" if lite else "postgres_query"}('ops', '{asked}')
        """)

    def _any_of(self, trees: list[Any], now: datetime) -> Query:
        parts = [compile_segment(self._resolved(tree), self.today(now)) for tree in trees]
        if not parts:
            return Query("false")
        return Query("(" + " or ".join(p.sql for p in parts) + ")", [v for p in parts for v in p.params])


def _verdict(tree: Any, answers: Iterator[bool]) -> Verdict:
    holds = bool(next(answers))
    return Verdict(tree, holds, tuple(_verdict(part, answers) for part in s.parts_of(tree)))


@contextmanager
def audience_of(store: Store, account_id: AccountId, settings: Settings | None = None) -> Iterator[Audience]:
    """Look at one account's contacts, as they are now; with `settings` also at what they did.

    Only contacts of sealed imports are seen. No file, network or other account is within reach of a segment.
    """
    audience = open_audience(store, account_id, settings)
    try:
        yield audience
    finally:
        audience.close()


def open_audience(store: Store, account_id: AccountId, settings: Settings | None = None) -> Audience:
    """An audience to keep: each question sees the stores as they are then. Not to be shared between threads."""
    return made_aside(_open, store.url.render_as_string(hide_password=False), account_id, settings)


def _open(ops_url: str, account_id: AccountId, settings: Settings | None) -> Audience:
    url = sa.make_url(ops_url)
    con = duckdb.connect(config={"threads": 2})
    try:
        _attach(con, url, settings)
        _views(con, int(account_id))
        return Audience(con, settings, account_id, is_sqlite=url.get_backend_name() == "sqlite")
    except BaseException:
        con.close()
        raise


def _attach(con: duckdb.DuckDBPyConnection, url: sa.URL, settings: Settings | None) -> None:
    con.execute("set TimeZone = 'UTC'")
    catalog.attach_ops_at(con, url)
    directories = []
    if settings is not None and catalog.exists(settings.lake_dir):
        catalog.load(con, *catalog.EXTENSIONS)
        catalog.attach_lake(con, settings, read_only=True)
        directories.append(catalog.data_dir(settings.lake_dir))
        if catalog.exists(settings.marts_dir):
            catalog.attach_marts(con, settings, read_only=True)
            directories.append(catalog.data_dir(settings.marts_dir))
    allowed = ", ".join("'" + str(d).replace("'", "''") + "'" for d in directories)
    con.execute(f"set allowed_directories = [{allowed}]")
    con.execute("set enable_external_access = false")
    con.execute("set lock_configuration = true")


def _zone(con: duckdb.DuckDBPyConnection, account: int) -> str:
    row = con.execute(f"select timezone from ops.accounts where id = {account}").fetchone()
    return str(row[0]) if row else "UTC"


def _sealed(account: int, imports: str = "ops.imports") -> str:
    return (
        "(import_id is null or import_id not in"
        f" (select id from {imports} where account_id = {account} and state <> 'sealed'))"
    )


def _views(con: duckdb.DuckDBPyConnection, account: int) -> None:
    con.execute(f"""
        create temp view contacts as
        select * from ops.contacts where account_id = {account} and {_sealed(account)};
        create temp view memberships as
        select m.contact_id, g.name as group_name
        from ops.group_members m join ops.groups g on g.id = m.group_id and g.account_id = {account}
        where m.account_id = {account};
        create temp view consents as
        select * from ops.consents where account_id = {account} and channel = 'email';
        create temp view suppressions as
        select * from ops.suppressions where account_id = {account} and channel = 'email';
        create temp view suppressed_domains as
        select domain from ops.suppressed_domains where account_id = {account};
        create temp view installation_suppressions as
        select address_hash from ops.installation_suppressions where channel = 'email';
        create temp view installation_domains as select domain from ops.installation_domains;
        create temp view links as
        select variant_id::bigint as variant_id, number::integer as number, url from ops.links
        where account_id = {account};
        create temp view saved_segments as
        select name, tree::varchar as tree from ops.segments where account_id = {account};
        create temp view domain_providers as select domain, provider from ops.domain_providers;
        create temp view bases as
        select from_json(allowed_bases::varchar, '["varchar"]') as allowed from ops.accounts where id = {account};
    """)
