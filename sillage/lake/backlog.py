"""How many events wait on their way to the lake."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import sqlalchemy as sa

from sillage.settings import Settings
from sillage.store.database import Store
from sillage.store.tables import outbox


def backlog(store: Store, settings: Settings) -> int:
    """Events in the outbox of ops and in all journals that the collector has not drained."""
    with store.read() as conn:
        waiting = conn.execute(sa.select(sa.func.count()).select_from(outbox)).scalar_one()
    for path in sorted(settings.journal_dir.glob("*.sqlite")):
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as journal:
            tables = {name for (name,) in journal.execute("select name from sqlite_master where type = 'table'")}
            if "outbox" in tables:
                # A row is a group of events, a line each.
                waiting += sum(bytes(body).count(b"\n") + 1 for (body,) in journal.execute("select body from outbox"))
    return int(waiting)
