"""The door to ops: SQLite by default, PostgreSQL by a URL. Callers own the transaction."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from sillage.errors import BadInput, TransientError

# File systems on which SQLite's locks can't be trusted (statfs f_type; linux/magic.h and fs headers).
NETWORK_FILE_SYSTEMS = {"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "afs", "ceph", "glusterfs"}
BUSY_TIMEOUT_MS = 10_000


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
                with self._turn(), self.engine.connect().execution_options(sillage_write=True) as conn, conn.begin():
                    yield conn
            else:
                with self.engine.begin() as conn:
                    yield conn
        except sa.exc.OperationalError as exc:
            raise TransientError(_explain(exc, self.url)) from exc

    @contextmanager
    def _turn(self) -> Iterator[None]:
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

    def reconnect(self) -> None:
        """Let connections that nobody uses go, where a file's locks may have been lost; new ones take locks anew."""
        if self.is_sqlite:
            self.engine.dispose()

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


def _engine(url: sa.URL, *, is_sqlite: bool) -> sa.Engine:
    if not is_sqlite:
        return sa.create_engine(url, pool_size=4, max_overflow=4, pool_pre_ping=True)
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000, "check_same_thread": False})

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
        writes = conn.get_execution_options().get("sillage_write")
        conn.exec_driver_sql("begin immediate" if writes else "begin")

    return engine


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
