"""What waits on its way to the lake, and since when."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sillage.lake.backlog import backlog
from sillage.lake.event import decode
from sillage.settings import Settings
from sillage.store import outbox
from sillage.store.database import Store


@dataclass(frozen=True, slots=True)
class Waiting:
    """Events in all outboxes, and for how many seconds on the wall the oldest of them has waited."""

    events: int
    longest_s: float


def waiting(store: Store, settings: Settings) -> Waiting:
    """Look at the outbox of ops and at all journals."""
    with store.read() as conn:
        bodies = [body for _, body in outbox.waiting(conn, 1)]
    bodies += [body for path in sorted(settings.journal_dir.glob("*.sqlite")) for body in _first(path)]
    since = min((decode(body).recorded_at for body in bodies), default=None)
    return Waiting(backlog(store, settings), _seconds(settings, since))


def _seconds(settings: Settings, since: datetime | None) -> float:
    if since is None:
        return 0.0
    return max(settings.clock.wall_seconds(settings.clock.now() - since), 0.0)


def _first(path: Path) -> list[bytes]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as journal:
        if not journal.execute("select 1 from sqlite_master where type = 'table' and name = 'outbox'").fetchone():
            return []
        # A row is a group of events, a line each.
        return [
            bytes(body).split(b"\n", 1)[0]
            for (body,) in journal.execute("select body from outbox order by seq limit 1")
        ]
