"""What contacts did, for segments: the marts, and on top of them all that came since they were built.

The marts stop at their as-of. Recipients with events after it are counted again from all their events, through the
same dbt views, and stand in for the rows of the marts; so an answer is exact to the last event that the lake holds.
Relations are made for one account, in a connection of one's own that reads `lake` and `marts`.
"""

from __future__ import annotations

from functools import cache

import duckdb

from sillage.settings import ROOT

# Up to so many contacts are named in the view's text, where they go below its grouping down to the files.
NAMED_CONTACTS = 5_000
_MACRO = ROOT / "dbt" / "macros" / "contact_history.sql"


class Behaviour:
    """The relations `acts`, `sends`, `history`, `visits`, `conversions` and `devices` of one account."""

    def __init__(self, con: duckdb.DuckDBPyConnection, account: int, *, has_lake: bool, has_marts: bool) -> None:
        self._con = con
        self._account = account
        self._has_lake = has_lake
        self._has_marts = has_marts
        self._position: tuple[int, int] | None = None

    def refresh(self) -> None:
        """Bring the relations up to the lake's last event; quick where nothing came."""
        position = self._where()
        if position == self._position:
            return
        self._tail(*position)
        self._views()
        self._position = position

    def _where(self) -> tuple[int, int]:
        as_of = self._number("select max(as_of_seq) from marts.main.as_of") if self._has_marts else 0
        last = self._number("select max(lake_seq) from lake.main.events") if self._has_lake else 0
        return as_of, last

    def _number(self, sql: str) -> int:
        row = self._con.execute(sql).fetchone()
        return int(row[0]) if row and row[0] is not None else 0

    def _tail(self, as_of: int, last: int) -> None:
        """Recipients with events after the as-of, and their rows counted anew."""
        news = f"lake.main.events where account_id = {self._account} and lake_seq > {as_of}" if last > as_of else None
        if news is None or not self._has_marts:
            self._con.execute("create or replace temp table touched (campaign_id bigint, contact_id bigint)")
            self._empty_tail()
            return
        self._con.execute(f"""
            create or replace temp table touched as
            select distinct campaign_id, contact_id from {news} and campaign_id is not null and contact_id is not null
            union
            select e.campaign_id, e.contact_id
            from (select subject_id, campaign_id from {news} and type = 'judged') j
            join lake.main.events e on e.event_id = j.subject_id and e.campaign_id = j.campaign_id
                and e.account_id = {self._account}
            where e.contact_id is not null
        """)
        campaigns = [row[0] for row in self._con.execute("select distinct campaign_id from touched").fetchall()]
        if not campaigns:
            self._empty_tail()
            return
        contacts = [
            row[0]
            for row in self._con.execute(
                f"select distinct contact_id from touched limit {NAMED_CONTACTS + 1}"
            ).fetchall()
        ]
        # Ids are our own integers; as literals they are pushed below the views' grouping, as a join they are not.
        where = f"account_id = {self._account} and campaign_id in ({', '.join(map(str, campaigns))})"
        if len(contacts) <= NAMED_CONTACTS:
            where += f" and contact_id in ({', '.join(map(str, contacts))})"
        self._con.execute(f"""
            create or replace temp table tail_sends as
            select * from marts.intermediate.int_events__by_recipient r
            semi join touched t using (campaign_id, contact_id)
            where {where}
        """)
        self._con.execute(f"""
            create or replace temp table tail_acts as
            select contact_id, campaign_id, any_value(e.variant_id) as variant_id, any_value(e.event_type) as act,
                any_value(e.link_number) as link_number, min(e.occurred_at) as occurred_at,
                any_value(r.is_measurable) as is_measurable
            from marts.intermediate.int_events__judged e join tail_sends r using (account_id, campaign_id, contact_id)
            where {where.replace("account_id =", "e.account_id =", 1)}
                and e.event_type in ('opened', 'clicked') and not e.is_machine
            group by contact_id, campaign_id, e.event_id
        """)
        columns = [row[0] for row in self._con.execute("describe tail_sends").fetchall()]
        named = ", ".join(f'"{column}"' for column in columns)
        self._con.execute(f"""
            create or replace temp table tail_all as
            select {named} from marts.main.fct_recipient_activity f
            where f.account_id = {self._account} and contact_id in (select contact_id from touched)
                and not exists (from touched t where t.campaign_id = f.campaign_id and t.contact_id = f.contact_id)
            union all
            select {named} from tail_sends
        """)
        self._con.execute(f"create or replace temp table tail_history as {history_sql('tail_all')}")
        self._con.execute("drop table tail_all")

    def _empty_tail(self) -> None:
        for table in ("tail_sends", "tail_acts", "tail_history"):
            self._con.execute(f"drop table if exists {table}")

    def _views(self) -> None:
        made = {"acts": self._acts(), "sends": self._sends(), "history": self._history()}
        events = f"lake.main.events where account_id = {self._account} and not is_test and contact_id is not null"
        seen = self._has_lake and bool(
            self._number(
                "select count(*) from duckdb_columns() where database_name = 'lake' and table_name = 'events'"
                " and column_name = 'page'"
            )
        )
        page = "any_value(page)" if seen else "null::varchar"
        for name, kind in (("visits", "page_viewed"), ("conversions", "converted")):
            made[name] = (
                f"select contact_id, min(occurred_at) as occurred_at, {page} as page from {events} and type = '{kind}'"
                " group by contact_id, event_id"
                if self._has_lake
                else "select null::bigint as contact_id, null::timestamptz as occurred_at, null as page where false"
            )
        made["devices"] = self._devices()
        for name, sql in made.items():
            self._con.execute(f"create or replace temp view {name} as {sql}")

    def _has_tail(self) -> bool:
        found = self._con.execute("select count(*) from duckdb_tables() where table_name = 'tail_sends' and temporary")
        row = found.fetchone()
        return bool(row and row[0])

    def _base(self, table: str, *, by_contact: bool) -> str:
        """A table of the marts without the rows that the tail stands in for."""
        rows = f"from marts.main.{table} f where f.account_id = {self._account}"
        if not self._has_tail():
            return rows
        if by_contact:
            return f"{rows} and contact_id not in (select contact_id from touched)"
        same = "t.campaign_id = f.campaign_id and t.contact_id = f.contact_id"
        return f"{rows} and not exists (from touched t where {same})"

    def _acts(self) -> str:
        columns = "contact_id, campaign_id, variant_id, act, link_number, occurred_at, is_measurable"
        if not self._has_marts:
            return (
                "select null::bigint as contact_id, null::bigint as campaign_id, null::bigint as variant_id,"
                " null::varchar as act, null::integer as link_number, null::timestamptz as occurred_at,"
                " false as is_measurable where false"
            )
        tail = f" union all select {columns} from tail_acts" if self._has_tail() else ""
        return f"select {columns} {self._base('fct_engagements', by_contact=False)} and not is_machine{tail}"

    def _sends(self) -> str:
        columns = "contact_id, campaign_id, first_attempted_at, is_sent, is_delivered, is_measurable"
        if not self._has_marts:
            return (
                "select null::bigint as contact_id, null::bigint as campaign_id, null::timestamptz as"
                " first_attempted_at, false as is_sent, false as is_delivered, false as is_measurable where false"
            )
        tail = f" union all select {columns} from tail_sends" if self._has_tail() else ""
        return f"select {columns} {self._base('fct_recipient_activity', by_contact=False)}{tail}"

    def _history(self) -> str:
        columns = (
            "contact_id, sent_count, first_sent_at, last_sent_at, measurable_bits, opened_bits, clicked_bits,"
            " last_bounce_class, last_bounced_at"
        )
        if not self._has_marts:
            return (
                "select null::bigint as contact_id, 0 as sent_count, 0::bigint as measurable_bits, 0::bigint as"
                " opened_bits, 0::bigint as clicked_bits, null::varchar as last_bounce_class, null::timestamptz as"
                " last_bounced_at where false"
            )
        tail = f" union all select {columns} from tail_history" if self._has_tail() else ""
        return f"select {columns} {self._base('fct_contact_history', by_contact=True)}{tail}"

    def _devices(self) -> str:
        if not self._has_lake:
            nothing = "null::bigint as contact_id, null::varchar as device, null::timestamptz as occurred_at"
            return f"select {nothing} where false"
        return f"""
            select contact_id, device, occurred_at from lake.main.events
            where account_id = {self._account} and device is not null and contact_id is not null
                and not is_test and not coalesce(is_machine, false) and type in ('opened', 'clicked')
        """


@cache
def _macro() -> str:
    text = _MACRO.read_text("utf-8")
    return text.split("%}", 1)[1].rsplit("{%", 1)[0]


def history_sql(relation: str) -> str:
    """One row per contact out of recipients' rows: the very text of dbt's macro, so that there is one definition."""
    return _macro().replace("{{ relation }}", relation)
