"""Which ops this is: told apart from its copies, and from what it was before it was restored."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from sillage.store.database import Store
from sillage.store.tables import installation

MACHINE_ID = Path("/etc/machine-id")
HOME = "home"
EPOCH = "epoch"


def home_of(store: Store, conn: sa.Connection) -> str:
    """Where this ops lives: the machine, path and inode of a file, or the cluster and number of a database.

    A copy lives elsewhere. Not told apart: a whole machine that was cloned with its machine-id, and a file whose bytes
    were replaced in place (there the lake, which is ahead, tells).
    """
    if store.is_sqlite:
        path = Path(store.url.database or "").resolve()
        machine = MACHINE_ID.read_text("ascii").strip() if MACHINE_ID.exists() else ""
        return f"sqlite:{machine}:{path}:{path.stat().st_ino}"
    cluster: int = conn.exec_driver_sql("select system_identifier from pg_control_system()").scalar_one()
    number: int = conn.exec_driver_sql("select oid from pg_database where datname = current_database()").scalar_one()
    return f"postgresql:{cluster}:{number}"


def known_home(conn: sa.Connection) -> str | None:
    """Where this ops lived when somebody last said that it is the live one; None where nobody has."""
    found = conn.execute(sa.select(installation.c.value).where(installation.c.key == HOME)).scalar()
    return None if found is None else str(found)


def settle(conn: sa.Connection, home: str) -> None:
    """From now on it lives here."""
    _put(conn, HOME, home)


def new_epoch(conn: sa.Connection) -> str:
    """Give this ops another name as a stream of events, so that its next ones are not taken for lost ones."""
    name = str(uuid.uuid4())
    _put(conn, EPOCH, name)
    return name


def last_event(conn: sa.Connection) -> int:
    """The largest number that the outbox has given out."""
    if conn.dialect.name == "sqlite":
        found: Any = conn.exec_driver_sql("select seq from sqlite_sequence where name = 'outbox'").scalar()
        return int(found or 0)
    row: Any = conn.exec_driver_sql("select last_value, is_called from outbox_seq_seq").one()
    return int(row.last_value) if row.is_called else 0


def number_from(conn: sa.Connection, table: str, after: int) -> None:
    """Give the next row of a table a number above `after`: what the lake knows by a number never names another."""
    if conn.dialect.name == "sqlite":
        known: int | None = conn.exec_driver_sql("select seq from sqlite_sequence where name = ?", (table,)).scalar()
        if known is None:
            conn.exec_driver_sql("insert into sqlite_sequence (name, seq) values (?, ?)", (table, after))
        elif known < after:
            conn.exec_driver_sql("update sqlite_sequence set seq = ? where name = ?", (after, table))
        return
    # `after` and the name are ours: a sequence takes no bound name.
    conn.exec_driver_sql(
        f"select setval('{table}_id_seq', greatest({int(after)}, (select last_value from {table}_id_seq)))"
    )


def _put(conn: sa.Connection, key: str, value: str) -> None:
    insert = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    statement = insert(installation).values(key=key, value=value)
    conn.execute(statement.on_conflict_do_update(index_elements=["key"], set_={"value": value}))
