"""The lists of hygiene, counted and shown: one look at an account's addresses, then one question for each list.

Who stands on a suppression list is on none of these: it has been acted upon. A million addresses are read in a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import duckdb
import polars as pl
import pyarrow as pa
import sqlalchemy as sa

from sillage.aside import made_aside
from sillage.domain.ids import AccountId, ContactId
from sillage.errors import NotFound
from sillage.hygiene.rules import rules
from sillage.lake import catalog
from sillage.lake.reader import Reader
from sillage.store.columns import to_micros
from sillage.store.database import Store

# As sillage.domain.mailbox.mailbox_of says it; a test holds the two together.
_MAILBOX = """
    case when domain in ('gmail.com', 'googlemail.com')
        then coalesce(nullif(replace(split_part(local, '+', 1), '.', ''), ''), local) || '@gmail.com'
        else coalesce(nullif(split_part(local, '+', 1), ''), local) || '@' || domain end
"""


class Kind(StrEnum):
    """What may be wrong with a contact."""

    TYPO = "typo"
    ROLE = "role"
    DISPOSABLE = "disposable"
    NO_MX = "no_mx"
    DUPLICATE = "duplicate"
    SOFT_BOUNCES = "soft_bounces"
    INACTIVE = "inactive"


@dataclass(frozen=True, slots=True)
class Found:
    """A contact on a list. `fix`: the address that was meant, or the contact's other address."""

    contact_id: ContactId
    email: str
    fix: str | None = None


_LISTS = {
    Kind.TYPO: "select id, email, local || '@' || t.meant as fix from people join typos t on t.domain = people.domain",
    Kind.ROLE: "select id, email, null as fix from people where split_part(local, '+', 1) in (select name from roles)",
    Kind.DISPOSABLE: """select id, email, null as fix from people where domain in (select name from disposable)
        or regexp_replace(domain, '^[^.]+[.]', '') in (select name from disposable)""",
    Kind.NO_MX: """select id, email, null as fix from people
        where domain in (select domain from ops.mail_domains where not takes_mail::bool)""",
    Kind.DUPLICATE: f"""select id, email, kept as fix from (
            select id, email, first_value(email) over same as kept, row_number() over same as place
            from (select *, {_MAILBOX} as mailbox from people)
            window same as (partition by mailbox order by id)
        ) where place > 1""",
    Kind.SOFT_BOUNCES: "select id, email, null as fix from people where id in (select contact_id from soft_bouncers)",
    Kind.INACTIVE: """select id, email, null as fix from people where id in (select contact_id from silent)
        and (last_open_on is null or last_open_on < $day) and coalesce(marketing_at, 0) < $moment""",
}
_SOFT = "select distinct contact_id from marts.alerts where account_id = ? and metric = 'soft_bounces'"
_SILENT = """
    select contact_id from marts.fct_recipient_activity
    where account_id = ? and contact_id is not null and is_delivered and is_measurable and accepted_at >= ?
    group by contact_id
    having count(*) >= ? and count(*) filter (where was_opened or was_clicked) = 0
"""


class Lists:
    """Questions about one account's contacts, at one moment."""

    def __init__(self, con: duckdb.DuckDBPyConnection, now: datetime) -> None:
        self._con = con
        since = now - timedelta(days=rules().inactive_days)
        self._params: dict[str, object] = {"day": since.date().isoformat(), "moment": to_micros(since)}

    def counts(self) -> dict[Kind, int]:
        """How many contacts are on each list."""
        return {kind: self._count(kind) for kind in Kind}

    def _count(self, kind: Kind) -> int:
        row = self._con.execute(f"select count(*) from ({_LISTS[kind]})", self._named(kind)).fetchone()
        return int(row[0]) if row else 0

    def shown(self, kind: Kind, *, limit: int | None = None) -> list[Found]:
        """Contacts of a list, the newest first."""
        end = "" if limit is None else f" limit {int(limit)}"
        rows = self._con.execute(f"select * from ({_LISTS[kind]}) order by id desc{end}", self._named(kind)).fetchall()
        return [Found(ContactId(row[0]), row[1], row[2]) for row in rows]

    def domains(self) -> list[str]:
        """The domains of all addresses, those of most contacts first."""
        rows = self._con.execute("select domain from people group by domain order by count(*) desc, domain").fetchall()
        return [row[0] for row in rows]

    def close(self) -> None:
        """Give the connection back."""
        self._con.close()

    def _named(self, kind: Kind) -> dict[str, object] | None:
        return self._params if kind is Kind.INACTIVE else None


@contextmanager
def lists_of(store: Store, account_id: AccountId, now: datetime, reader: Reader | None = None) -> Iterator[Lists]:
    """Look at one account's contacts as they are now. Without a reader (or marts) nobody is silent or bouncing."""
    soft, silent = _behaviour(reader, account_id, now)
    lists = made_aside(_open, store.url.render_as_string(hide_password=False), account_id, now, soft, silent)
    try:
        yield lists
    finally:
        lists.close()


def _open(ops_url: str, account_id: AccountId, now: datetime, soft: pl.DataFrame, silent: pl.DataFrame) -> Lists:
    con = duckdb.connect(config={"threads": 2})
    try:
        catalog.attach_ops_at(con, sa.make_url(ops_url))
        known = rules()
        for name, table in (
            ("typos", pa.table({"domain": list(known.typos), "meant": list(known.typos.values())})),
            ("roles", pa.table({"name": sorted(known.roles)})),
            ("disposable", pa.table({"name": sorted(known.disposable)})),
            ("soft_bouncers", soft.to_arrow()),
            ("silent", silent.to_arrow()),
        ):
            con.register(name, table)
        con.execute(_people(int(account_id)))
        con.execute("set enable_external_access = false")
        con.execute("set lock_configuration = true")
        return Lists(con, now)
    except BaseException:
        con.close()
        raise


def _people(account: int) -> str:
    return f"""
        create temp table people as
        select id, email, split_part(email, '@', 1) as local, split_part(email, '@', 2) as domain, last_open_on,
            p.marketing_at
        from ops.contacts c
        left join (select * from ops.consents where account_id = {account} and channel = 'email') p
            on p.contact_id = c.id
        where c.account_id = {account} and email is not null
            and (import_id is null or import_id not in
                (select id from ops.imports where account_id = {account} and state <> 'sealed'))
            and (email_hash is null or email_hash not in
                (select address_hash from ops.suppressions where account_id = {account} and channel = 'email'))
            and split_part(email, '@', 2) not in
                (select domain from ops.suppressed_domains where account_id = {account})
    """


def _behaviour(reader: Reader | None, account_id: AccountId, now: datetime) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Contacts who bounce softly again and again, and those who were silent: one column, contact_id."""
    nobody = pl.DataFrame({"contact_id": pl.Series([], dtype=pl.Int64)})
    if reader is None:
        return nobody, nobody
    known = rules()
    try:
        soft = reader.frame(_SOFT, [account_id])
        since = now - timedelta(days=known.inactive_days)
        silent = reader.frame(_SILENT, [account_id, since, known.inactive_messages])
    except NotFound:
        # Nothing was sent yet: there are no marts to ask.
        return nobody, nobody
    return soft, silent
