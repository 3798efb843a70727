"""The door to ops: SQLite by default, PostgreSQL by a URL. Callers own the transaction."""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from sillage.errors import BadInput, TransientError

# File systems on which SQLite's locks can't be trusted (statfs f_type; linux/magic.h and fs headers).
NETWORK_FILE_SYSTEMS = {"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "afs", "ceph", "glusterfs"}
BUSY_TIMEOUT_MS = 10_000
SESSION_CACHE_KIB = 24 << 10


class Store:
    """Connections to ops.

    On SQLite all writers of all processes queue at a file lock before they begin: SQLite's own waiting starves
    (one-row writers waited up to 4.3 s beside an import; with the lock their p99 is 44 ms).
    """

    def __init__(self, url: str) -> None:
        self.url = sa.make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        if self.is_sqlite:
            if not self.url.database:
                raise BadInput("SILLAGE_OPS_URL names no file: use sqlite:////path/to/ops.sqlite", code="bad_ops_url")
            path = Path(self.url.database)
            path.parent.mkdir(parents=True, exist_ok=True)
            refuse_network_disk(path)
            self._lock_path = f"{path}.lock"
        else:
            self.url = self.url.set(drivername="postgresql+psycopg")
        self.engine = _engine(self.url, is_sqlite=self.is_sqlite)
        # Sessions are held for long and take no connection away from those who need one for a moment.
        self._session_engine = _engine(self.url, is_sqlite=self.is_sqlite, poolclass=sa.NullPool)
        self._local = threading.local()

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """One consistent look at ops; nothing is written.

        Raises: TransientError where the database doesn't answer.
        """
        try:
            with self.engine.connect() as conn:
                yield conn
        except sa.exc.OperationalError as exc:
            raise TransientError(_explain(exc, self.url)) from exc

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """One short transaction: committed at the end of the block, taken back by any error.

        Raises: TransientError where the disk is full or the database doesn't answer.
        """
        try:
            if self.is_sqlite:
                with self.turn(), self.engine.connect().execution_options(sillage_write=True) as conn, conn.begin():
                    yield conn
            else:
                with self.engine.begin() as conn:
                    yield conn
        except sa.exc.OperationalError as exc:
            raise TransientError(_explain(exc, self.url)) from exc

    @contextmanager
    def session(self) -> Iterator[Session]:
        """One connection for a long work with temporary tables, cut into short transactions; closed at the end."""
        conn = self._session_engine.connect()
        try:
            if self.is_sqlite:
                for pragma in (
                    f"cache_size={-SESSION_CACHE_KIB}",
                    # The session moves its pages into the file itself, while it holds no lock.
                    "wal_autocheckpoint=0",
                    "temp.secure_delete=off",
                ):
                    conn.exec_driver_sql(f"pragma {pragma}").close()
                conn.commit()
            yield Session(self, conn)
        finally:
            conn.close()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for this writer's turn; a descriptor per thread, since flock knows descriptors, not threads."""
        descriptor = getattr(self._local, "descriptor", None)
        if descriptor is None:
            descriptor = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._local.descriptor = descriptor
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_UN)

    def truncate_journal(self) -> bool:
        """Move all of SQLite's journal into its file and empty it, so that no deleted text is left there.

        False where somebody reads at the moment: ask again.
        """
        if not self.is_sqlite:
            return True
        with self.turn(), self.engine.connect().execution_options(sillage_autocommit=True) as conn:
            busy = bool(conn.exec_driver_sql("pragma wal_checkpoint(truncate)").scalar())
        return not busy

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


class Session:
    """A connection with temporary tables of its own. One thread at a time."""

    def __init__(self, store: Store, conn: sa.Connection) -> None:
        self._store = store
        self._conn = conn

    @contextmanager
    def aside(self) -> Iterator[sa.Connection]:
        """Fill temporary tables and read; nothing of ops is written, and nobody waits."""
        with self._conn.execution_options(sillage_write=False).begin():
            yield self._conn

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """One short transaction, as `Store.write`.

        Raises: TransientError where the disk is full or the database doesn't answer.
        """
        store = self._store
        turn = store.turn() if store.is_sqlite else nullcontext()
        try:
            with turn, self._conn.execution_options(sillage_write=True).begin():
                yield self._conn
        except sa.exc.OperationalError as exc:
            raise TransientError(_explain(exc, store.url)) from exc

    def checkpoint(self) -> None:
        """Move what was committed from SQLite's journal into its file, while others read and write."""
        if self._store.is_sqlite:
            with self._conn.execution_options(sillage_write=False, sillage_autocommit=True).begin():
                self._conn.exec_driver_sql("pragma wal_checkpoint(passive)").close()
            self._conn.execution_options(sillage_autocommit=False)


def _engine(url: sa.URL, *, is_sqlite: bool, poolclass: type[sa.Pool] | None = None) -> sa.Engine:
    options: dict[str, Any] = {"json_serializer": _json}
    if poolclass is not None:
        options["poolclass"] = poolclass
    elif not is_sqlite:
        options |= {"pool_size": 4, "max_overflow": 4, "pool_pre_ping": True}
    if not is_sqlite:
        return sa.create_engine(url, **options)
    engine = sa.create_engine(
        url, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000, "check_same_thread": False}, **options
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:  # a DBAPI connection has no type
        # The driver's own BEGIN comes too late and is never IMMEDIATE: we say it ourselves below.
        connection.isolation_level = None
        for pragma in (
            "journal_mode=wal",
            "synchronous=full",
            "foreign_keys=on",
            "secure_delete=on",
            "temp_store=memory",
            f"busy_timeout={BUSY_TIMEOUT_MS}",
        ):
            connection.execute(f"pragma {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(conn: sa.Connection) -> None:
        options = conn.get_execution_options()
        if options.get("sillage_autocommit"):
            return
        writes = options.get("sillage_write")
        conn.exec_driver_sql("begin immediate" if writes else "begin")

    return engine


def _json(value: Any) -> str:
    """JSON as imports write it, so that the same value is the same text."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _explain(exc: sa.exc.OperationalError, url: sa.URL) -> str:
    text = str(exc.orig)
    if "full" in text or "No space left" in text or "disk I/O" in text:
        return f"the disk of {url.database} is full or broken: {text}; free some space, nothing was half-written"
    return f"ops does not answer ({url.render_as_string()}): {text}"


def refuse_network_disk(path: Path) -> None:
    """SQLite's locks are not safe on network disks.

    Raises: BadInput that names the file and its file system.
    """
    best, kind = "", ""
    for line in Path("/proc/mounts").read_text().splitlines() if Path("/proc/mounts").exists() else []:
        mount, fs = line.split()[1:3]
        if len(mount) > len(best) and str(path.resolve()).startswith(mount):
            best, kind = mount, fs
    if kind in NETWORK_FILE_SYSTEMS:
        raise BadInput(
            f"{path} lies on a network disk ({kind}): SQLite is not safe there; use a local disk or PostgreSQL",
            code="network_disk",
        )
