"""Erasures, carried out by the collector: files, lake, marts, and what databases keep of what was deleted.

A person is already gone from ops when their request is here. In the lake, and in the marts at their writer's lock,
what is personal goes, and what counts for a campaign stays under a number that is nobody's, another one in each
campaign, so that every total stays and nothing ties them together. DuckLake keeps the former files until no snapshot
names them and no reader can still read them (`maintenance.KEPT_MIN`): then they go, and the catalog is vacuumed.
"""

from __future__ import annotations

import hashlib
import math
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import msgspec
import structlog

from sillage.errors import TransientError
from sillage.lake import catalog
from sillage.lake.erased_files import Sought, erase_from
from sillage.lake.event import Event
from sillage.lake.maintenance import KEPT_MIN
from sillage.settings import Settings
from sillage.store import erasures, files, unmatched
from sillage.store.database import Store
from sillage.store.erasures import Erasure
from sillage.tokens import derive_key

LOOK_EVERY_S = 2.0
QUIET_S = 30.0
HURRY = timedelta(minutes=15)
"""Rewriting 20 M events stops the drain for half a minute: so in a quiet moment, or when somebody waited this long."""
AT_ONCE = 1_000
CLEAN_EVERY_S = 60.0

log = structlog.get_logger()


def nobody(key: bytes, account_id: int, contact_id: int, campaign_id: int) -> int:
    """The number under which an erased contact's events of one campaign stay: negative, so that it is no contact's."""
    said = f"{account_id}/{contact_id}/{campaign_id}".encode()
    return -1 - (int.from_bytes(hashlib.blake2b(said, key=key, digest_size=8).digest(), "big") >> 2)


@dataclass(slots=True)
class Erased:
    """Who was erased, ever: what comes late for them is told apart before it reaches the lake."""

    key: bytes
    _known: set[tuple[int, int]] = field(default_factory=set)
    _last: int = 0

    def learn(self, store: Store) -> None:
        """Hear of new requests."""
        with store.read() as conn:
            new = erasures.erased_after(conn, self._last)
        for erasure_id, account_id, contact_id in new:
            self._known.add((account_id, contact_id))
            self._last = erasure_id

    def pass_through(self, event: Event) -> Event | None:
        """The event as the lake may hold it; None where nothing of it may be kept."""
        if event.contact_id is None or (event.account_id, event.contact_id) not in self._known:
            return event
        if event.type == "erased":
            return msgspec.structs.replace(event, contact_id=None)
        if event.campaign_id is None:
            return None
        number = nobody(self.key, event.account_id, event.contact_id, event.campaign_id)
        return msgspec.structs.replace(event, contact_id=number, ip=None, agent=None, diagnostic=None, page=None)


class Eraser:
    """Carries out what the queue holds, step by step. Lives within the collector, and writes through its connection.

    `reopen` gives the collector's connection back, closed and opened anew: a catalog is vacuumed by another library,
    and no process may hold one file by two of them, since closing either gives up the locks of both.
    """

    def __init__(self, settings: Settings, store: Store, *, kept_min: int = KEPT_MIN, quiet_s: float = QUIET_S) -> None:
        self._settings = settings
        self._store = store
        self._kept = timedelta(minutes=kept_min)
        self._quiet_s = quiet_s
        self.erased = Erased(derive_key(settings.secret.get_secret_value(), "erasure"))
        self._looked = self._cleaned = self._files_from = -1e9

    def work(self, con: Callable[[], duckdb.DuckDBPyConnection], reopen: Callable[[], None], *, idle_s: float) -> int:
        """Do what can be done now, seldom where the lake is in use; how many requests came a step further.

        `idle_s` is how long nothing was written; infinite where nobody else works.

        Raises: what a disk, a lock or a database that is down raise; nothing is lost, the step is done again.
        """
        if idle_s < math.inf:
            if time.monotonic() - self._looked < LOOK_EVERY_S:
                return 0
            self._looked = time.monotonic()
        with self._store.read() as conn:
            waiting = erasures.unfinished(conn, limit=AT_ONCE)
        if not waiting:
            return 0
        moved = self._look_through_files([one for one in waiting if one.files_at is None])
        now = self._settings.clock.now()
        unwritten = [one for one in waiting if one.rewritten_at is None]
        if unwritten and (idle_s >= self._quiet_s or now - unwritten[0].requested_at >= HURRY):
            moved += self._rewrite(con(), unwritten)
        old = [one for one in waiting if one.rewritten_at is not None and one.files_at is not None]
        if old and (idle_s == math.inf or time.monotonic() - self._cleaned >= CLEAN_EVERY_S):
            self._cleaned = time.monotonic()
            moved += self._clean(con, reopen, old)
        return moved

    def _look_through_files(self, waiting: Sequence[Erasure]) -> int:
        moved = 0
        for one in waiting if time.monotonic() >= self._files_from else ():
            sought = Sought.of(one.email, one.phone)
            counts: Counter[str] = Counter()
            with self._store.read() as conn:
                registered = [(one.account_id, held) for held in files.listed(conn, one.account_id)]
                registered += [(owner, held) for owner, held in unmatched.nobodys(conn) if owner != one.account_id]
            refused = False
            for owner, held in registered:
                try:
                    done = erase_from(held.path, held.kind, sought)
                except OSError as exc:
                    # The others go on; this one is tried again, for as long as it takes.
                    log.warning("erasure.file_refused", erasure_id=one.id, file_id=held.id, error=exc.strerror)
                    refused = True
                    continue
                if done is None:
                    continue
                counts[f"{held.kind} {done}"] += 1
                if done == "deleted":
                    with self._store.write() as conn:
                        unmatched.forget(conn, owner, held.path)
                        files.forget(conn, owner, held.id)
            if refused:
                self._files_from = time.monotonic() + CLEAN_EVERY_S
                continue
            with self._store.write() as conn:
                erasures.note_files(conn, one, counts, now=self._settings.clock.now())
            log.info("erasure.files", erasure_id=one.id, account_id=one.account_id, **counts)
            moved += 1
        return moved

    def _rewrite(self, con: duckdb.DuckDBPyConnection, waiting: Sequence[Erasure]) -> int:
        """Lake and marts in one go, while nobody builds: a build in between would see two numbers of one person."""
        started = time.monotonic()
        try:
            with catalog.sole_writer(self._settings.marts_dir, "build", what="writes"):
                people = [(int(one.account_id), int(one.contact_id)) for one in waiting]
                rewrite_lake(con, people, self.erased.key)
                if catalog.exists(self._settings.marts_dir):
                    catalog.attach_marts(con, self._settings, read_only=False)
                    try:
                        rewrite_marts(con, people, self.erased.key)
                    finally:
                        con.execute("detach marts")
        except TransientError as exc:
            log.info("erasure.waits", error=str(exc))
            return 0
        with self._store.write() as conn:
            # Snapshots carry the machine's time: so does what is compared with them.
            erasures.note_step(conn, waiting, "rewritten_at", now=datetime.now(UTC))
        log.info("erasure.rewritten", people=len(waiting), seconds=round(time.monotonic() - started, 2))
        return len(waiting)

    def _clean(
        self, con: Callable[[], duckdb.DuckDBPyConnection], reopen: Callable[[], None], old: Sequence[Erasure]
    ) -> int:
        """Let the former files go, once they are old enough, and with the last of them the request's work."""
        now = datetime.now(UTC)
        ripe = [one for one in old if one.rewritten_at and now - one.rewritten_at >= self._kept]
        if not ripe:
            return 0
        try:
            with catalog.sole_writer(self._settings.marts_dir, "build", what="writes"):
                gone = [self._forget_files(con(), "lake", ripe)]
                has_marts = catalog.exists(self._settings.marts_dir)
                if has_marts:
                    catalog.attach_marts(con(), self._settings, read_only=False)
                    try:
                        gone.append(self._forget_files(con(), "marts", ripe))
                    finally:
                        con().execute("detach marts")
                expired = [one for one in ripe if one.expired_at is None and all(one.id in part[0] for part in gone)]
                done = [one for one in ripe if one.expired_at is not None and all(one.id in part[1] for part in gone)]
                if done and not self._scrub(con(), reopen, has_marts=has_marts):
                    done = []
        except TransientError as exc:
            log.info("erasure.waits", error=str(exc))
            return 0
        with self._store.write() as conn:
            erasures.note_step(conn, expired, "expired_at", now=now)
            erasures.note_step(conn, done, "done_at", now=self._settings.clock.now())
        for one in done:
            log.info("erasure.done", erasure_id=one.id, account_id=one.account_id)
        return len(expired) + len(done)

    def _forget_files(
        self, con: duckdb.DuckDBPyConnection, alias: str, ripe: Sequence[Erasure]
    ) -> tuple[set[int], set[int]]:
        """Expire and clean up; of which requests no snapshot names a former file, and of which none is on disk."""
        before = (datetime.now(UTC) - self._kept).isoformat()
        con.execute(f"call ducklake_expire_snapshots('{alias}', older_than => timestamptz '{before}')")
        con.execute(f"call ducklake_cleanup_old_files('{alias}', older_than => timestamptz '{before}')")
        con.execute(f"call ducklake_delete_orphaned_files('{alias}', older_than => timestamptz '{before}')")
        # The newest snapshot always stays, and holds what was rewritten.
        oldest = _moment(
            con, f"select case when count(*) > 1 then min(snapshot_time) end from ducklake_snapshots('{alias}')"
        )
        waiting = f"__ducklake_metadata_{alias}.ducklake_files_scheduled_for_deletion"
        scheduled = _moment(con, f"select min(schedule_start)::timestamptz from {waiting}")
        expired = {one.id for one in ripe if one.rewritten_at and (oldest is None or oldest >= one.rewritten_at)}
        gone = {
            one.id
            for one in ripe
            if one.id in expired and one.expired_at and (scheduled is None or scheduled > one.expired_at)
        }
        return expired, gone

    def _scrub(self, con: duckdb.DuckDBPyConnection, reopen: Callable[[], None], *, has_marts: bool) -> bool:
        """Overwrite what SQLite files keep of deleted rows; False where somebody reads, who would be disturbed."""
        con.close()
        try:
            places = [self._settings.lake_dir] + ([self._settings.marts_dir] if has_marts else [])
            clean = all(map(_vacuum, (place / catalog.CATALOG_FILE for place in places)))
        finally:
            reopen()
        journals = sorted(self._settings.journal_dir.glob("*.sqlite"))
        return self._store.truncate_journal() and all(map(_truncate, journals)) and clean


def rewrite_lake(con: duckdb.DuckDBPyConnection, people: Sequence[tuple[int, int]], key: bytes) -> None:
    """Take people (account, contact) out of the lake's tables and files. Former files wait for `_clean`."""
    events = "lake.main.events"
    _tell(con, people)
    con.execute("begin")
    try:
        _number(con, [events], key)
        theirs = f"select event_id from {events} semi join erased using (account_id, contact_id)"
        con.execute(f"delete from lake.main.event_personal where event_id in ({theirs})")
        con.execute(
            f"delete from {events} where campaign_id is null and type <> 'erased'"
            " and (account_id, contact_id) in (select (account_id, contact_id) from erased)"
        )
        con.execute(
            f"update {events} set contact_id = null where type = 'erased'"
            " and (account_id, contact_id) in (select (account_id, contact_id) from erased)"
        )
        con.execute(f"update {events} set contact_id = n.number, page = null from numbers n where {_SAME}")
        _refused_go(con, people)
        con.execute("commit")
    except BaseException:
        con.execute("rollback")
        raise
    con.execute("call ducklake_flush_inlined_data('lake')")
    for table in ("events", "event_personal", "refused"):
        con.execute(f"call ducklake_rewrite_data_files('lake', '{table}', delete_threshold => 0)")


def rewrite_marts(con: duckdb.DuckDBPyConnection, people: Sequence[tuple[int, int]], key: bytes) -> None:
    """The same in the marts: rows of a campaign get the lake's number, what is about the person alone goes."""
    tables: dict[str, set[str]] = {}
    for name, column in con.execute(
        "select c.table_name, c.column_name from duckdb_columns() c join duckdb_tables() t"
        " using (database_name, schema_name, table_name) where c.database_name = 'marts' and c.schema_name = 'main'"
    ).fetchall():
        tables.setdefault(str(name), set()).add(str(column))
    about = {f'marts.main."{name}"': found for name, found in tables.items() if {"account_id", "contact_id"} <= found}
    counted = [name for name, found in about.items() if "campaign_id" in found]
    _tell(con, people)
    con.execute("begin")
    try:
        _number(con, counted, key)
        for name, found in about.items():
            if "campaign_id" in found:
                con.execute(f"update {name} set contact_id = n.number from numbers n where {_SAME.format(table=name)}")
            con.execute(
                f"delete from {name} where (account_id, contact_id) in (select (account_id, contact_id) from erased)"
            )
        con.execute("commit")
    except BaseException:
        con.execute("rollback")
        raise
    con.execute("call ducklake_flush_inlined_data('marts')")
    con.execute("call ducklake_rewrite_data_files('marts', delete_threshold => 0)")


_SAME = "account_id = n.account and contact_id = n.contact and campaign_id = n.campaign"


def _tell(con: duckdb.DuckDBPyConnection, people: Sequence[tuple[int, int]]) -> None:
    con.execute("create or replace temp table erased (account_id bigint, contact_id bigint)")
    con.executemany("insert into erased values (?, ?)", [list(one) for one in people])


def _number(con: duckdb.DuckDBPyConnection, tables: Sequence[str], key: bytes) -> None:
    """A number for each person and campaign that a table names together."""
    con.execute("create or replace temp table numbers (account bigint, contact bigint, campaign bigint, number bigint)")
    found: set[tuple[int, int, int]] = set()
    for table in tables:
        found.update(
            con.execute(
                f"select distinct account_id, contact_id, campaign_id from {table}"
                " semi join erased using (account_id, contact_id) where campaign_id is not null"
            ).fetchall()
        )
    if found:
        con.executemany("insert into numbers values (?, ?, ?, ?)", [[*one, nobody(key, *one)] for one in sorted(found)])


def _refused_go(con: duckdb.DuckDBPyConnection, people: Sequence[tuple[int, int]]) -> None:
    """Events that no column fitted: those that name the person, and those that nobody can read, go."""
    wanted = {(account, contact) for account, contact in people}
    for stream, seq, body in con.execute("select stream, stream_seq, body from lake.main.refused").fetchall():
        try:
            said = msgspec.json.decode(bytes(body))
            names_them = (said.get("account_id"), said.get("contact_id")) in wanted
        except (msgspec.DecodeError, UnicodeDecodeError, AttributeError, TypeError):
            names_them = True
        if names_them:
            # The place in the stream stays: a replay is told by it.
            con.execute(
                "update lake.main.refused set body = ''::blob, error = 'erased' where stream = $1 and stream_seq = $2",
                [stream, seq],
            )


def _moment(con: duckdb.DuckDBPyConnection, sql: str) -> datetime | None:
    row = con.execute(sql).fetchone()
    found = row[0] if row else None
    return found if isinstance(found, datetime) else None


def _vacuum(path: Path) -> bool:
    with closing(sqlite3.connect(path, isolation_level=None, timeout=5.0)) as con:
        try:
            con.execute("vacuum")
        except sqlite3.OperationalError as exc:
            log.info("erasure.waits", file=str(path), error=str(exc))
            return False
    return _truncate(path)


def _truncate(path: Path) -> bool:
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0.5)) as con:
        busy, _, _ = con.execute("pragma wal_checkpoint(truncate)").fetchone()
    return not busy
