"""Rows of an import laid out in a temporary table of one connection, before anything of ops is locked.

Filling it costs more than what follows, and nobody waits for it: the transactions that hold the write lock are a few
statements over sets of rows (sillage.store.merging).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from sillage.store import bulk

PLAIN = (
    "n", "row", "email", "email_hash", "phone", "phone_hash", "provider", "custom", "marketing", "at", "mailable",
    "said", "tracking", "origin", "note",
)  # fmt: skip
"""Columns of every stage: `n` numbers the rows from 1, `row` is the file's line, `at` is in microseconds, `custom` is
JSON text or null, `mailable` 0 or 1, `said` begins the proof of a withdrawal, `note` ends every proof."""

_NUMBERS = {"n", "row", "at", "mailable", "origin"}
_TYPES = {"email_hash": "bytea", "phone_hash": "bytea", "custom": "jsonb"}
_PLAN = (
    "n", "row", "known", "id", "takes_phone", "phone_taken", "changed", "opened", "joins", "is_first", "marketing",
    "opens", "clicks", "mailable", "still_out",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shape:
    """Which standard fields the rows of a file have; the others are never touched."""

    fields: tuple[str, ...]
    has_phones: bool = True
    """Whether any row may be of a telephone number: without, each is known by its address alone."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The order in which `fill` takes values."""
        return (*PLAIN, *self.fields)


def create(conn: sa.Connection, shape: Shape) -> None:
    """Make the temporary tables `stage` and `plan` of a connection."""
    is_sqlite = bulk.is_sqlite(conn)
    columns = ", ".join(f"{name} {_type(name, is_sqlite=is_sqlite)}" for name in shape.columns)
    numbers = ", ".join(f"{name} {'integer' if is_sqlite else 'bigint'}" for name in _PLAN[1:])
    key = "integer" if is_sqlite else "bigint"
    conn.exec_driver_sql(f"create temp table stage ({columns})")
    conn.exec_driver_sql(f"create temp table plan (n {key} primary key, {numbers}, why text)")


def _type(name: str, *, is_sqlite: bool) -> str:
    kind = "bigint" if name in _NUMBERS else _TYPES.get(name, "text")
    if is_sqlite:
        # No other name: a column of type "jsonb" would turn what looks like a number into one.
        kind = {"bigint": "integer", "bytea": "blob"}.get(kind, "text")
    return f"{kind} primary key" if name == "n" else kind


def clear(conn: sa.Connection) -> None:
    """Make room for the next rows."""
    conn.exec_driver_sql("delete from stage" if bulk.is_sqlite(conn) else "truncate stage, plan")


def fill(conn: sa.Connection, shape: Shape, slices: Iterable[Sequence[Sequence[Any]]]) -> None:
    """Put rows there, as values of `shape.columns`."""
    names = ", ".join(shape.columns)
    driver: Any = conn.connection.driver_connection
    if bulk.is_sqlite(conn):
        marks = ", ".join("?" * len(shape.columns))
        for rows in slices:
            driver.executemany(f"insert into stage ({names}) values ({marks})", rows)
        return
    with driver.cursor() as cursor:
        with cursor.copy(f"copy stage ({names}) from stdin") as copy:
            for rows in slices:
                for row in rows:
                    copy.write_row(row)
        # Without its figures the planner would read all contacts for each chunk.
        cursor.execute("analyze stage")
