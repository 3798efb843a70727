"""The second process that asks ops through DuckDB: what it keeps safe, and how it ends."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from sillage.aside import made_aside
from sillage.campaign.audience import audience_of, open_audience
from sillage.domain.segment import Everyone, parse_tree
from sillage.errors import BadInput, TransientError
from sillage.settings import Settings
from sillage.store import segments
from sillage.store.database import Store
from tests.world import World

COME_AND_GO = """
import sqlite3, sys
for _ in range(60):
    with sqlite3.connect(sys.argv[1], timeout=10) as conn:
        conn.execute("pragma journal_mode").fetchone()
        conn.execute("select count(*) from contacts").fetchone()
    conn.close()
"""
PARENT = """
import sys, time
from sillage import aside
aside.warm_up()
print(aside._process._child.pid, flush=True)
time.sleep(60)
"""


class Thing:
    """Something that lives elsewhere."""

    def pid(self) -> int:
        """Where."""
        return os.getpid()

    def refuse(self) -> None:
        """Raises: BadInput."""
        raise BadInput("row 3: no address", code="no_address", row=3, field="email")

    def close(self) -> None:
        """Nothing to give back."""


def _locks(path: Path) -> int:
    """How many locks on a file this process holds, by the kernel's own list."""
    mine, inode = f" {os.getpid()} ", f":{path.stat().st_ino} "
    return sum(mine in line and inode in line for line in Path("/proc/locks").read_text().splitlines())


def test_locks_of_a_process_outlive_its_questions(store: Store, settings: Settings) -> None:
    """A connection that is open while contacts are counted keeps its lock, and its journal stays where it is."""
    world = World(store, settings)
    world.add_contacts(200)
    ops = Path(str(store.url.database))
    with store.read() as conn:
        conn.execute(sa.text("select 1 from contacts")).first()
        held = _locks(ops)
        assert held
        other = subprocess.Popen([sys.executable, "-c", COME_AND_GO, str(ops)])
        for _ in range(3):
            with audience_of(store, world.id, settings) as audience:
                assert audience.count(Everyone()) == 200
        assert other.wait(timeout=60) == 0
        assert _locks(ops) == held
    with store.write() as conn:
        segments.save(conn, world.id, "All", Everyone(), now=world.now)
    seen = sqlite3.connect(ops)
    assert seen.execute("select name from segments").fetchall() == [("All",)]
    seen.close()


def test_saved_segments_are_read_as_they_are_then(store: Store, settings: Settings) -> None:
    """An audience that is kept sees a segment that was saved after it was opened."""
    world = World(store, settings)
    world.add_contacts(3, city="Brest")
    audience = open_audience(store, world.id, settings)
    tree = parse_tree({"kind": "segment", "name": "Bretons"})
    with pytest.raises(BadInput):
        audience.count(tree)
    with store.write() as conn:
        place = parse_tree({"kind": "field", "field": "city", "op": "equals", "value": "Brest"})
        segments.save(conn, world.id, "Bretons", place, now=world.now)
    assert audience.count(tree) == 3
    audience.close()


def test_an_error_comes_across_whole() -> None:
    """Code, row and field of bad input are what they were; the thing can be asked on."""
    thing = made_aside(Thing)
    with pytest.raises(BadInput, match="row 3: no address") as caught:
        thing.refuse()
    assert (caught.value.code, caught.value.row, caught.value.field) == ("no_address", 3, "email")
    assert thing.pid() != os.getpid()
    thing.close()


def test_a_process_that_was_killed_is_started_again() -> None:
    """Who asked is told to ask again; who asks anew is answered."""
    thing = made_aside(Thing)
    gone = thing.pid()
    os.kill(gone, signal.SIGKILL)
    with pytest.raises(TransientError, match="ask again"):
        thing.pid()
    thing.close()
    _wait_for_end(gone)
    again = made_aside(Thing)
    assert again.pid() != gone
    again.close()


def test_it_ends_with_its_parent() -> None:
    """Kill -9 of the parent leaves nobody behind."""
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    _wait_for_end(child)


def _wait_for_end(pid: int) -> None:
    for _ in range(200):
        status = Path(f"/proc/{pid}/status")
        if not status.exists() or "\nState:\tZ" in status.read_text():
            return
        time.sleep(0.05)
    raise AssertionError(f"process {pid} is still there")
