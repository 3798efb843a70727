"""The tables of the lake. Only the collector writes them.

`lake_seq` numbers the events of all streams in the order in which they came in; `stream` and `stream_seq` say
where an event came from, so that a collector that died between lake and outbox finds what the lake already holds.
What is personal lies apart, so that an erasure rewrites little; of the user agent, `device` alone stays with the event.
"""

from __future__ import annotations

import duckdb

EVENTS: dict[str, str] = {
    "lake_seq": "bigint",
    "event_id": "uuid",
    "stream": "varchar",
    "stream_seq": "bigint",
    "type": "varchar",
    "version": "smallint",
    "account_id": "bigint",
    "occurred_at": "timestamptz",
    "recorded_at": "timestamptz",
    "campaign_id": "bigint",
    "variant_id": "bigint",
    "contact_id": "bigint",
    "channel": "varchar",
    "provider": "varchar",
    "is_test": "boolean",
    "attempt": "integer",
    "link": "integer",
    "smtp_code": "integer",
    "status": "varchar",
    "bounce_class": "varchar",
    "reason": "varchar",
    "via": "varchar",
    "purpose": "varchar",
    "opens_measured": "boolean",
    "is_machine": "boolean",
    "rule": "varchar",
    "rule_version": "integer",
    "subject_id": "uuid",
    "value": "double",
    "count": "bigint",
    "page": "varchar",
    "segment_id": "bigint",
    "device": "varchar",
}
PERSONAL: dict[str, str] = {
    "event_id": "uuid",
    "account_id": "bigint",
    "occurred_at": "timestamptz",
    "ip": "varchar",
    "agent": "varchar",
    "diagnostic": "varchar",
}
REFUSED: dict[str, str] = {
    "stream": "varchar",
    "stream_seq": "bigint",
    "refused_at": "timestamptz",
    "error": "varchar",
    "body": "blob",
}


def create(con: duckdb.DuckDBPyConnection) -> None:
    """Make the tables where they are missing, with their partitions and their order in one transaction.

    In several, readers that attached in between would look for inlined rows of a table that is gone.
    """
    con.execute("begin")
    try:
        if not _has_tables(con):
            con.execute(f"create table lake.main.events ({_columns(EVENTS)})")
            con.execute("alter table lake.main.events set partitioned by (year(occurred_at), month(occurred_at))")
            con.execute("alter table lake.main.events set sorted by (account_id, campaign_id, occurred_at)")
            con.execute(f"create table lake.main.event_personal ({_columns(PERSONAL)})")
            con.execute(
                "alter table lake.main.event_personal set partitioned by (year(occurred_at), month(occurred_at))"
            )
            con.execute("alter table lake.main.event_personal set sorted by (account_id, event_id)")
            con.execute(f"create table lake.main.refused ({_columns(REFUSED)})")
        else:
            # A lake from before a column was thought of has it from now on, empty for what came until then.
            held = con.execute(
                "select column_name from duckdb_columns() where database_name = 'lake' and table_name = 'events'"
            ).fetchall()
            for name in EVENTS.keys() - {str(column) for (column,) in held}:
                con.execute(f'alter table lake.main.events add column "{name}" {EVENTS[name]}')
        con.execute("commit")
    except duckdb.Error:
        con.execute("rollback")
        raise


def _has_tables(con: duckdb.DuckDBPyConnection) -> bool:
    found = con.execute(
        "select count(*) from duckdb_tables() where database_name = 'lake' and table_name = 'events'"
    ).fetchone()
    return found is not None and found[0] > 0


def _columns(table: dict[str, str]) -> str:
    return ", ".join(f'"{name}" {kind}' for name, kind in table.items())
