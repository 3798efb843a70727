"""Many rows at once, as fast as each engine takes them: `executemany` on SQLite, COPY on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

MAX_VARIABLES = 30_000  # SQLite takes 32,766 in one statement
A_STEP = 50
TEXT = "text"
NUMBER = "bigint"
BYTES = "bytea"
BY_NUMBER = "+account_id = {p} and id {in}"
"""For `select_among`: rows of an account by their number. The sign keeps SQLite, which knows nothing of how many rows a
value has, from going through a million rows of the account for fifty numbers (96 ms instead of 1)."""


def is_sqlite(conn: sa.Connection) -> bool:
    """Which of the two engines this is."""
    return conn.dialect.name == "sqlite"


def placeholder(conn: sa.Connection) -> str:
    """What stands for a value in the driver's SQL."""
    return "?" if is_sqlite(conn) else "%s"


def insert(conn: sa.Connection, table: sa.Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Insert rows of values as the driver takes them: moments as microseconds, JSON as text.

    Raises: sqlalchemy.exc.IntegrityError, or psycopg's own, where a key is taken.
    """
    if not rows:
        return
    names = ", ".join(columns)
    if is_sqlite(conn):
        marks = ", ".join("?" * len(columns))
        conn.exec_driver_sql(f"insert into {table.name} ({names}) values ({marks})", [tuple(row) for row in rows])
        return
    driver: Any = conn.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"copy {table.name} ({names}) from stdin") as copy:
        for row in rows:
            copy.write_row(row)


def execute(conn: sa.Connection, sql: str, rows: Sequence[Sequence[Any]]) -> None:
    """Run one statement, written with `{p}` for its values, once for each row."""
    if rows:
        conn.exec_driver_sql(sql.replace("{p}", placeholder(conn)), [tuple(row) for row in rows])


def execute_together(conn: sa.Connection, head: str, marks: str, rows: Sequence[Sequence[Any]], tail: str = "") -> None:
    """Run `HEAD MARKS, MARKS … TAIL` for many rows of values: one step of the engine for `A_STEP` of them.

    SQLite's driver lets go of the interpreter at every step, and in a process that has other work it waits for it
    each time: what `execute` does in a step for each row waits as often as there are rows.
    """
    mark = placeholder(conn)
    for start in range(0, len(rows), A_STEP):
        part = rows[start : start + A_STEP]
        sql = f"{head} {', '.join([marks] * len(part))} {tail}".replace("{p}", mark)
        conn.exec_driver_sql(sql, tuple(value for row in part for value in row))


def select_among(
    conn: sa.Connection, sql: str, fixed: Sequence[Any], values: Iterable[Any], kind: str = TEXT
) -> list[Sequence[Any]]:
    """Rows of a query written with `{p}` for its values and `{in}` behind the column that is one of `values`."""
    wanted = list(values)
    found: list[Sequence[Any]] = []
    if not is_sqlite(conn):
        if wanted:
            query = sql.replace("{p}", "%s").replace("{in}", f"= any(%s::{kind}[])")
            found.extend(conn.exec_driver_sql(query, (*fixed, wanted)).fetchall())
        return found
    for start in range(0, len(wanted), MAX_VARIABLES):
        part = wanted[start : start + MAX_VARIABLES]
        query = sql.replace("{p}", "?").replace("{in}", f"in ({','.join('?' * len(part))})")
        found.extend(conn.exec_driver_sql(query, (*fixed, *part)).fetchall())
    return found
