"""The tracker's journal: durable before the answer, one owner, numbers that never return."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import uuid
from pathlib import Path

import pytest

from sillage.errors import TransientError
from sillage.lake import sources
from sillage.lake.event import event_id
from web import journal as journal_module
from web.journal import Journal


def event(number: int) -> bytes:
    """The members of an event's JSON that says its number."""
    return b'"n":%d' % number


def rows(path: Path) -> list[tuple[int, int]]:
    """What is committed, as number in the stream and number in the event."""
    return [(number, json.loads(line)["n"]) for number, line in sources.Journal(path).waiting(1_000_000)[1]]


async def test_add_returns_after_the_commit(tmp_path: Path) -> None:
    """What was answered is in the file, under the number that its id was made of; one commit serves many."""
    journal = Journal(tmp_path)
    assert await asyncio.gather(*(journal.add(event(n)) for n in range(1, 501))) == [True] * 500
    assert rows(journal.path) == [(n, n) for n in range(1, 501)]
    conn = sqlite3.connect(journal.path)
    (groups,) = conn.execute("select count(*) from outbox").fetchone()
    conn.close()
    assert groups < 50
    stream, waiting = sources.Journal(journal.path).waiting(1_000_000)
    assert [uuid.UUID(json.loads(line)["id"]) for _, line in waiting] == [event_id(stream, n) for n in range(1, 501)]
    await journal.close()


async def test_numbers_go_on_after_the_file_was_emptied(tmp_path: Path) -> None:
    """The collector empties the file, the process starts anew: the stream goes on, no number returns."""
    journal = Journal(tmp_path)
    await asyncio.gather(journal.add(event(1)), journal.add(event(2)))
    stream = journal.stream
    await journal.close()
    conn = sqlite3.connect(journal.path)
    with conn:
        conn.execute("delete from outbox")
    conn.close()
    again = Journal(tmp_path)
    await again.add(event(3))
    assert again.stream == stream
    assert rows(again.path) == [(3, 3)]
    await again.close()


async def test_two_processes_share_no_file(tmp_path: Path) -> None:
    """Each takes a slot of its own; a slot that was given back is taken again."""
    first, second = Journal(tmp_path), Journal(tmp_path)
    assert first.path != second.path
    assert first.stream != second.stream
    await first.close()
    third = Journal(tmp_path)
    assert third.path == first.path
    await second.close()
    await third.close()


async def test_answer_does_not_wait_for_a_file_that_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another holds the file's lock: the answer goes out after a moment, the event is committed when it can be."""
    monkeypatch.setattr(journal_module, "PATIENCE_S", 0.05)
    monkeypatch.setattr(journal_module, "RETRY_S", 0.1)
    journal = Journal(tmp_path)
    holder = sqlite3.connect(journal.path, isolation_level=None)
    holder.execute("begin immediate")
    assert await journal.add(event(1)) is False
    holder.execute("rollback")
    holder.close()
    for _ in range(100):
        if rows(journal.path):
            break
        await asyncio.sleep(0.05)
    assert [seq for seq, _ in rows(journal.path)] == [1]
    assert journal.lost == 0
    await journal.close()


async def test_full_disk_is_answered_counted_and_outlived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No page more may be written: answers go on, what memory can't hold is counted as lost, the rest is committed."""
    monkeypatch.setattr(journal_module, "RETRY_S", 0.05)
    monkeypatch.setattr(journal_module, "MAX_HELD", 5)
    journal = Journal(tmp_path)
    pages = journal._conn.execute("pragma page_count").fetchone()[0]
    journal._conn.execute(f"pragma max_page_count = {pages}")
    big = b"x" * 50_000
    assert not any([await journal.add(b'"n":1,"x":"%s"' % big) for _ in range(8)])
    assert (journal.held, journal.lost) == (5, 3)
    with pytest.raises(TransientError, match="does not take anything"):
        await journal.keep(big)
    journal._conn.execute("pragma max_page_count = 100000")
    for _ in range(100):
        if not journal.held and len(rows(journal.path)) == 5:
            break
        await asyncio.sleep(0.05)
    assert len(rows(journal.path)) == 5
    await journal.close()


async def test_waiter_that_went_away_takes_nobody_with_it(tmp_path: Path) -> None:
    """A visitor who hangs up before the commit: the event stays, and so do the others' answers."""
    journal = Journal(tmp_path)
    gone, stays = asyncio.ensure_future(journal.add(event(1))), asyncio.ensure_future(journal.add(event(1)))
    await asyncio.sleep(0)
    gone.cancel()
    assert await stays
    assert len(rows(journal.path)) == 2
    await journal.close()


async def test_folder_that_is_none_is_a_clear_error(tmp_path: Path) -> None:
    """A journal that can't be opened says which and why."""
    (tmp_path / "tracker-0.sqlite").mkdir()
    with pytest.raises(TransientError, match=r"tracker-0\.sqlite can't be opened"):
        Journal(tmp_path)
