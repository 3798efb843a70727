"""The two DuckLake catalogs, lake and marts: how they are attached, and who may write.

A catalog on SQLite is safe with one writing process alone, and fast only with the journal mode and the busy
timeout below; both are measured (docs/adr). Readers attach read-only and attach again after a catalog error.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import duckdb_extensions
import sqlalchemy as sa

from sillage.errors import NotFound, TransientError
from sillage.settings import Settings

EXTENSIONS = ("ducklake", "sqlite_scanner")
# A commit of 2,000 rows takes 25-47 ms as a file and 169-194 ms inlined; 200 rows take the same both ways.
INLINED_ROWS = 200
CATALOG_FILE = "catalog.sqlite"
ATTACH_S = 5.0
"""How long whoever is making or changing a catalog is waited for."""


def connect(settings: Settings) -> duckdb.DuckDBPyConnection:
    """A DuckDB of its own in memory, in UTC, with the extensions loaded and nothing attached.

    Extensions come from installed packages: nothing is fetched, now or when a query asks for one.
    """
    con = duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"})
    prepare(con, settings)
    return con


def prepare(con: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Load the extensions into a connection that somebody else opened (dbt)."""
    load(con, *EXTENSIONS, _scanner(sa.make_url(settings.database_url)))
    con.execute("set TimeZone = 'UTC'")


def load(con: duckdb.DuckDBPyConnection, *names: str) -> None:
    """Load extensions from installed packages, each once."""
    for name in dict.fromkeys(names):
        duckdb_extensions.import_extension(name, con=con)
        con.execute(f"load {name}")


def _scanner(url: sa.URL) -> str:
    return "sqlite_scanner" if url.get_backend_name() == "sqlite" else "postgres_scanner"


def attach_lake(con: duckdb.DuckDBPyConnection, settings: Settings, *, read_only: bool) -> None:
    """Attach the event log as `lake`.

    Raises: NotFound where it is to be read and nobody has written it yet.
    """
    _attach(con, "lake", settings.lake_dir, read_only=read_only)


def attach_marts(con: duckdb.DuckDBPyConnection, settings: Settings, *, read_only: bool) -> None:
    """Attach the answers as `marts`.

    Raises: NotFound where they are to be read and nobody has built them yet.
    """
    _attach(con, "marts", settings.marts_dir, read_only=read_only)


def attach_ops(con: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Attach ops as `ops`, read-only, through the scanner of its engine."""
    attach_ops_at(con, sa.make_url(settings.database_url))


def attach_ops_at(con: duckdb.DuckDBPyConnection, url: sa.URL) -> None:
    """Attach the ops that lies at an address, in a process that opens it in no other way (`sillage.aside`)."""
    load(con, _scanner(url))
    if url.get_backend_name() == "sqlite":
        con.execute(f"attach {_literal(str(url.database))} as ops (type sqlite, read_only)")
        return
    parts = {"host": url.host, "port": url.port, "dbname": url.database, "user": url.username, **url.query}
    if url.password is not None:
        parts["password"] = str(url.password)
    text = " ".join(f"{key}='{_escaped(value)}'" for key, value in parts.items() if value is not None)
    con.execute(f"attach {_literal(text)} as ops (type postgres, read_only)")


def ops_schema(settings: Settings) -> str:
    """The schema in which the scanner shows the tables of ops."""
    return "main" if _ops_is_sqlite(settings) else "public"


def exists(directory: Path) -> bool:
    """Whether a catalog lies there."""
    return (directory / CATALOG_FILE).exists()


def data_dir(directory: Path) -> Path:
    """Where the Parquet files of a catalog lie."""
    return directory / "files"


@contextmanager
def sole_writer(directory: Path, who: str, *, what: str) -> Iterator[None]:
    """Hold the right to write a catalog; its file names the process that holds it.

    Raises: TransientError "another WHO (pid N) WHAT DIRECTORY".
    """
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{who}.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            pid = os.pread(descriptor, 20, 0).decode().strip() or "unknown"
            raise TransientError(f"another {who} (pid {pid}) {what} {directory}; only one may, stop it first") from exc
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _attach_patiently(con: duckdb.DuckDBPyConnection, statement: str) -> None:
    """DuckLake looks at its catalog while it attaches, and fails where somebody else is just changing that."""
    until = time.monotonic() + ATTACH_S
    while True:
        try:
            con.execute(statement)
        except duckdb.TransactionException:
            if time.monotonic() >= until:
                raise
            time.sleep(0.02)
        else:
            return


def _attach(con: duckdb.DuckDBPyConnection, alias: str, directory: Path, *, read_only: bool) -> None:
    if read_only and not exists(directory):
        raise NotFound(f"{directory} holds no catalog yet: {_MAKERS[alias]}")
    if not read_only:
        data_dir(directory).mkdir(parents=True, exist_ok=True)
        if not exists(directory):
            _make(con, directory)
    options = _options(directory)
    if read_only:
        options.insert(0, "read_only")
    path = _literal(f"ducklake:sqlite:{directory / CATALOG_FILE}")
    _attach_patiently(con, f"attach {path} as {alias} ({', '.join(options)})")


def _make(con: duckdb.DuckDBPyConnection, directory: Path) -> None:
    """Make an empty catalog, and put it in its place whole.

    A reader that comes while the file is made and not yet in WAL mode takes a lock that its maker then runs into, and
    a build that fails by it costs half a minute.
    """
    draft = directory / f"{CATALOG_FILE}.new"
    for suffix in ("", "-wal", "-shm"):
        draft.with_name(draft.name + suffix).unlink(missing_ok=True)
    path = _literal(f"ducklake:sqlite:{draft}")
    con.execute(f"attach {path} as being_made ({', '.join(_options(directory))})")
    con.execute("detach being_made")
    draft.replace(directory / CATALOG_FILE)


def _options(directory: Path) -> list[str]:
    return [
        f"data_path {_literal(str(data_dir(directory)))}",
        "override_data_path true",
        "meta_journal_mode 'WAL'",
        "meta_busy_timeout 500",
        f"data_inlining_row_limit {INLINED_ROWS}",
    ]


_MAKERS = {"lake": "start the collector (`sillage up`)", "marts": "run `sillage metrics build`"}


def _ops_is_sqlite(settings: Settings) -> bool:
    return sa.make_url(settings.database_url).get_backend_name() == "sqlite"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _escaped(value: object) -> str:
    return str(value).replace("\\", "\\\\").replace("'", "\\'")
