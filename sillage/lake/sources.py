"""Where events wait for the collector: the outbox table of ops, and the journals.

A journal is the outbox file of a process whose events change nothing in ops (the tracker).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol

from sillage.lake.event import numbered_ids
from sillage.store import outbox
from sillage.store.database import Store
from sillage.store.migrate import epoch

# 5,000 deletes hold the write lock of ops some 20 ms.
DROP_CHUNK = 5_000
_BUSY_S = 5.0


class Source(Protocol):
    """An outbox, wherever it lies."""

    def waiting(self, limit: int) -> tuple[str, list[tuple[int, bytes]]]:
        """The stream's name and its first events that wait."""

    def drop(self, seqs: list[int]) -> None:
        """Forget events that the lake holds."""


class OpsOutbox:
    """The outbox table of ops. Its stream is the epoch, so that a restored ops is another stream."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def waiting(self, limit: int) -> tuple[str, list[tuple[int, bytes]]]:
        """See `Source`."""
        with self._store.read() as conn:
            return epoch(conn), outbox.waiting(conn, limit)

    def drop(self, seqs: list[int]) -> None:
        """See `Source`."""
        for start in range(0, len(seqs), DROP_CHUNK):
            with self._store.write() as conn:
                outbox.drop(conn, seqs[start : start + DROP_CHUNK])


class Journal:
    """One journal file, read and emptied beside the process that writes it.

    A row holds a group of events under the number of its last: a line for each, the members of its JSON but the id,
    which is made here of the stream's name and the event's number.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._groups: list[int] = []

    def waiting(self, limit: int) -> tuple[str, list[tuple[int, bytes]]]:
        """The stream's name and its first events that wait, as (seq, body); both empty while it is being made.

        Whole groups, until there are `limit` events or more.

        Raises: sqlite3.Error where the file is no journal.
        """
        with self._open() as con:
            name = con.execute("select name from stream limit 1").fetchone()
            if name is None:
                return "", []
            found: list[tuple[int, bytes]] = []
            self._groups = []
            id_of = numbered_ids(str(name[0]))
            for seq, body in con.execute("select seq, body from outbox order by seq"):
                lines = (body if isinstance(body, bytes) else str(body).encode()).split(b"\n")
                for number, line in enumerate(lines, seq - len(lines) + 1):
                    # A journal of before an upgrade may still hold whole events.
                    whole = line if line.startswith(b"{") else b'{"id":"%s",%s}' % (id_of(number).encode(), line)
                    found.append((number, whole))
                self._groups.append(seq)
                if len(found) >= limit:
                    break
        return str(name[0]), found

    def drop(self, seqs: list[int]) -> None:
        """Forget events that the lake holds; their pages are overwritten, for they hold addresses and agents."""
        held = set(seqs)
        groups = [(seq,) for seq in self._groups if seq in held]
        with self._open() as con:
            con.execute("pragma secure_delete = on")
            con.execute("begin immediate")
            con.executemany("delete from outbox where seq = ?", groups)
            con.execute("commit")

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        # mode=rw: a journal that went away must not be made again, empty, by its reader.
        uri = f"{self.path.absolute().as_uri()}?mode=rw"
        with closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_S, isolation_level=None)) as con:
            yield con


def journals(directory: Path) -> list[Journal]:
    """All journals of an installation, those of dead processes too."""
    return [Journal(path) for path in sorted(directory.glob("*.sqlite"))]
