"""The collector brings every event into the lake, once, whatever happens."""

from __future__ import annotations

import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import sqlalchemy as sa
from lake_home import Installation, append, body, event

from sillage.errors import TransientError
from sillage.lake import catalog
from sillage.lake.collector import collect_once, run
from sillage.lake.drain import Collector
from sillage.lake.event import EventType
from sillage.lake.reader import Reader
from sillage.store.tables import outbox


def ask(home: Installation, sql: str) -> list[tuple[object, ...]]:
    """The rows of a query over the lake."""
    reader = Reader(home.settings)
    try:
        return [tuple(row.values()) for row in reader.query(sql)]
    finally:
        reader.close()


def start(home: Installation) -> subprocess.Popen[bytes]:
    """A collector in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "sillage.lake.collector"],
        env=home.settings.environment(),
        stderr=subprocess.DEVNULL,
    )


def stop(process: subprocess.Popen[bytes]) -> int:
    """Ask it to leave and wait for it."""
    process.send_signal(signal.SIGTERM)
    return process.wait(30)


def until(holds: object, seconds: float = 20.0) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def test_drain_takes_every_outbox_and_numbers_all_streams_in_one_order(home: Installation) -> None:
    """What waits in ops and in every journal is in the lake once, numbered without a gap, and waits no more."""
    home.record(*(event(("ops", i)) for i in range(5)))
    first, second = home.journal("tracker-1"), home.journal("tracker-2")
    append(first, body("a"), body("b"))
    append(second, body("c"))

    assert collect_once(home.settings, home.store).events == 8
    assert collect_once(home.settings, home.store).events == 0

    seqs = ask(home, "select lake_seq from lake.events order by 1")
    assert seqs == [(n,) for n in range(1, 9)]
    assert home.waiting() == 0
    streams = ask(home, "select stream, count(*) from lake.events group by 1 order by 2")
    assert [count for _, count in streams] == [1, 2, 5]


def test_events_that_the_lake_holds_and_the_outbox_still_shows_are_only_forgotten(home: Installation) -> None:
    """A collector that died between lake and outbox leaves both; the next one writes nothing twice."""
    home.record(*(event(i) for i in range(4)))
    journal = home.journal()
    append(journal, body("x"), b"no event")
    with home.store.read() as conn:
        waiting = conn.execute(sa.select(outbox)).all()
    kept = journal.with_suffix(".kept")
    shutil.copy(journal, kept)
    collect_once(home.settings, home.store)

    shutil.copy(kept, journal)
    with home.store.write() as conn:
        conn.execute(outbox.insert(), [row._asdict() for row in waiting])
    again = collect_once(home.settings, home.store)

    assert (again.events, again.replayed, again.refused) == (0, 6, 0)
    assert ask(home, "select count(*), count(distinct event_id) from lake.events") == [(5, 5)]
    assert ask(home, "select count(*) from lake.refused") == [(1,)]
    assert home.waiting() == 0


def test_a_smaller_number_that_was_committed_later_is_not_passed_over(home: Installation) -> None:
    """Beside larger numbers that the lake holds, smaller ones that it never saw are written."""
    home.record(*(event(i) for i in range(6)))
    with home.store.write() as conn:
        rows = conn.execute(sa.select(outbox).order_by(outbox.c.seq)).all()
        conn.execute(sa.delete(outbox).where(outbox.c.seq <= 2))
    collect_once(home.settings, home.store)

    with home.store.write() as conn:
        conn.execute(outbox.insert(), [row._asdict() for row in rows])
    done = collect_once(home.settings, home.store)

    assert (done.events, done.replayed) == (2, 4)
    assert ask(home, "select count(*), count(distinct stream_seq), max(lake_seq) from lake.events") == [(6, 6, 6)]


def test_a_bad_body_is_put_aside_and_blocks_nobody(home: Installation) -> None:
    """What is no event, or fits no column, lies in a table of its own with its reason; its neighbours go on."""
    append(
        home.journal(),
        b"{",
        b'{"type": "opened"}',
        body("too large", attempt=2**40),
        body("no zone").replace(b"2026-11-24T12:00:00Z", b"2026-11-24T12:00:00"),
        body("good"),
    )
    done = collect_once(home.settings, home.store)

    assert (done.events, done.refused) == (1, 4)
    assert ask(home, "select count(*) from lake.events") == [(1,)]
    reasons = [str(error) for (error,) in ask(home, "select error from lake.refused order by stream_seq")]
    assert len(reasons) == 4
    assert "no time zone" in reasons[3]


def test_a_file_that_is_no_journal_stops_nothing(home: Installation) -> None:
    """A half-made or foreign file beside the journals is left alone."""
    append(home.journal(), body("good"))
    (home.settings.journal_dir / "foreign.sqlite").write_bytes(b"not a database, whatever its name says" * 100)
    sqlite3.connect(home.settings.journal_dir / "new.sqlite").close()

    assert collect_once(home.settings, home.store).events == 1


def test_what_is_personal_lies_apart(home: Installation) -> None:
    """Address, agent and diagnostic are in event_personal and in no column of events."""
    home.record(event(1, EventType.BOUNCED, diagnostic="550 no such user"), event(2))
    collect_once(home.settings, home.store)

    assert ask(home, "select diagnostic, ip from lake.event_personal") == [("550 no such user", None)]
    columns = {name for (name,) in ask(home, "select column_name from (describe lake.main.events)")}
    assert not columns & {"ip", "agent", "diagnostic"}


def test_a_second_collector_is_refused_with_the_first_ones_number(home: Installation) -> None:
    """One writer per catalog: the second names the process that writes, and leaves."""
    process = start(home)
    try:
        until(lambda: catalog.exists(home.settings.lake_dir))
        with pytest.raises(TransientError, match=rf"another collector \(pid {process.pid}\) writes"):
            collect_once(home.settings, home.store)
        second = subprocess.run(
            [sys.executable, "-m", "sillage.lake.collector"],
            env=home.settings.environment(),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert second.returncode == 1
        assert f"pid {process.pid}" in second.stderr
    finally:
        assert stop(process) == 0


def test_sigterm_takes_along_what_waits(home: Installation) -> None:
    """A collector that is told to go drains what waits, and leaves with 0."""
    process = start(home)
    until(lambda: catalog.exists(home.settings.lake_dir))
    home.record(*(event(i) for i in range(3_000)))
    assert stop(process) == 0
    assert home.waiting() == 0
    assert ask(home, "select count(*) from lake.events") == [(3_000,)]


@pytest.mark.slow
def test_kill_9_at_any_moment_loses_and_doubles_nothing(home: Installation) -> None:
    """While events keep coming, the collector is killed again and again; in the end each is there once."""
    rng = random.Random(7)  # noqa: S311  # moments, not secrets
    journal = home.journal()
    written = 0
    process = start(home)
    until(lambda: catalog.exists(home.settings.lake_dir))
    for _ in range(5):
        killed_at = time.monotonic() + 0.8 + rng.random() * 1.2
        while time.monotonic() < killed_at:
            home.record(*(event(("ops", written + i)) for i in range(200)))
            append(journal, *(body(("journal", written + i)) for i in range(20)))
            written += 200
            time.sleep(0.01)
        process.kill()
        process.wait()
        process = start(home)
    until(lambda: home.waiting() == 0)
    assert stop(process) == 0

    expected = written + written // 10
    assert ask(
        home, "select count(*), count(distinct event_id), count(distinct lake_seq), max(lake_seq) from lake.events"
    ) == [(expected, expected, expected, expected)]


def test_a_full_disk_is_waited_for(home: Installation) -> None:
    """While nothing can be written the events wait; once there is room again they arrive, each once."""
    process = start(home)
    try:
        until(lambda: catalog.exists(home.settings.lake_dir))
        time.sleep(0.5)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
        home.record(*(event(i) for i in range(1_000)))
        time.sleep(1.5)
        assert process.poll() is None
        assert home.waiting() == 1_000

        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        until(lambda: home.waiting() == 0)
    finally:
        assert stop(process) == 0
    assert ask(home, "select count(*), count(distinct event_id) from lake.events") == [(1_000, 1_000)]


def test_run_waits_out_an_ops_that_is_gone(home: Installation, tmp_path: Path) -> None:
    """With ops out of reach nothing is lost and nothing crashes; when it is back the drain goes on."""
    halt = threading.Event()
    thread = threading.Thread(target=run, args=(home.settings, home.store, halt))
    thread.start()
    until(lambda: catalog.exists(home.settings.lake_dir))
    with home.store.write() as conn:
        conn.execute(sa.text("alter table outbox rename to outbox_gone"))
    time.sleep(0.6)
    with home.store.write() as conn:
        conn.execute(sa.text("alter table outbox_gone rename to outbox"))
    home.record(event(1))
    until(lambda: home.waiting() == 0)
    halt.set()
    thread.join(20)
    assert ask(home, "select count(*) from lake.events") == [(1,)]


def test_batches_smaller_than_the_backlog_arrive_whole(home: Installation) -> None:
    """A backlog of several batches is carried over batch by batch, in order."""
    home.record(*(event(i, attempt=i) for i in range(25)))
    with catalog.sole_writer(home.settings.lake_dir, "collector", what="writes"):
        collector = Collector(home.settings, home.store, batch=10)
        sizes = []
        while done := collector.drain():
            sizes.append((done.events, done.is_full))
        collector.close()
    assert sizes == [(10, True), (10, True), (5, False)]
    assert ask(home, "select attempt from lake.events order by lake_seq") == [(i,) for i in range(25)]
