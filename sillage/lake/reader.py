"""The read side: lake and marts in one read-only connection that heals itself.

A reader that was attached before the writer flushed can find rows of a table that is gone; asking again does not
help, attaching again does. So any error of the engine that is not the query's own fault opens a new connection.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

import duckdb
import polars as pl

from sillage.errors import NotFound, TransientError
from sillage.lake import catalog
from sillage.lake.answers import Answers
from sillage.settings import Settings

_ATTEMPTS = 4
_PAUSE_S = 0.05
# The query is wrong, and stays so however often it is asked.
_ITS_OWN_FAULT = (
    duckdb.ParserException,
    duckdb.SyntaxException,
    duckdb.ConversionException,
    duckdb.PermissionException,
    duckdb.OutOfRangeException,
    duckdb.TypeMismatchException,
    duckdb.InterruptException,
)

Params = Sequence[object] | Mapping[str, object] | None
T = TypeVar("T")


class Reader:
    """Asks lake and marts. Safe to share between threads; each question sees one consistent state.

    Outside files can't be reached through it and its configuration is locked, whatever the SQL says. Values are
    always parameters, never parts of the text.
    """

    def __init__(self, settings: Settings, *, threads: int | None = None) -> None:
        """With `threads` one question runs on so many; on all cores else, which a small one pays for with half as much
        CPU again, and with other processes at work is not answered sooner for it.
        """
        self._settings = settings
        self._threads = threads
        self._lock = threading.Lock()
        self._con: duckdb.DuckDBPyConnection | None = None
        self._generation = 0
        self._answers = Answers(self.query)

    def query(self, sql: str, params: Params = None) -> list[dict[str, Any]]:
        """The rows as dictionaries.

        Raises: NotFound where lake or marts have no such table yet; TransientError where they don't answer.
        """

        def rows(cursor: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
            cursor.execute(sql, params)
            names = [column[0] for column in cursor.description or []]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

        return self._ask(rows)

    def query_marts(self, sql: str, params: Sequence[object] = ()) -> list[dict[str, Any]]:
        """The rows of a question that the marts alone answer, given once more until a build writes: read them, never
        change them. Raises as `query` does.
        """
        return self._answers.of_marts(sql, params)

    def query_campaigns(
        self, account_id: int, campaigns: Collection[int], sqls: Sequence[str], params: Sequence[object] = ()
    ) -> list[list[dict[str, Any]]]:
        """The rows of each question about the events of some campaigns, given once more until one of them has a new one
        or a build writes: read them, never change them. Raises as `query` does.
        """
        return self._answers.of_campaigns(account_id, campaigns, sqls, params)

    def frame(self, sql: str, params: Params = None) -> pl.DataFrame:
        """The rows as a polars frame; raises as `query` does."""
        return self._ask(lambda cursor: cursor.execute(sql, params).pl())

    def forget(self) -> None:
        """Ask anew what would be given once more."""
        self._answers.forget()

    def close(self) -> None:
        """Give the connection back."""
        with self._lock:
            if self._con is not None:
                self._con.close()
                self._con = None

    def _ask(self, question: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                cursor, generation = self._cursor()
            except TransientError:
                # Whoever opens a catalog while another process closes it meets its lock.
                if attempt == _ATTEMPTS:
                    raise
                time.sleep(_PAUSE_S * attempt)
                continue
            try:
                return question(cursor)
            except _ITS_OWN_FAULT:
                raise
            except duckdb.Error as exc:
                self._renew(generation)
                if attempt == _ATTEMPTS:
                    raise self._explained(exc) from exc
                time.sleep(_PAUSE_S * attempt)
            finally:
                cursor.close()
        raise AssertionError("unreachable")

    def _cursor(self) -> tuple[duckdb.DuckDBPyConnection, int]:
        with self._lock:
            if self._con is None:
                self._con = _open(self._settings, self._threads)
            return self._con.cursor(), self._generation

    def _renew(self, generation: int) -> None:
        """Drop the connection, unless another thread has done so already."""
        with self._lock:
            if generation == self._generation and self._con is not None:
                # Cursors of other threads keep the engine alive until they are done.
                self._con.close()
                self._con = None
                self._generation += 1
                self._answers.forget()

    @staticmethod
    def _explained(exc: duckdb.Error) -> NotFound | TransientError:
        if isinstance(exc, duckdb.CatalogException | duckdb.BinderException):
            return NotFound(f"lake and marts can't answer yet: {exc}; `sillage metrics build` makes what is missing")
        return TransientError(f"lake and marts don't answer: {exc}")


def _open(settings: Settings, threads: int | None) -> duckdb.DuckDBPyConnection:
    con = catalog.connect(settings)
    try:
        catalog.attach_lake(con, settings, read_only=True)
        directories = [catalog.data_dir(settings.lake_dir)]
        if catalog.exists(settings.marts_dir):
            catalog.attach_marts(con, settings, read_only=True)
            directories.append(catalog.data_dir(settings.marts_dir))
        allowed = ", ".join("'" + str(d).replace("'", "''") + "'" for d in directories)
        con.execute(f"set allowed_directories = [{allowed}]")
        con.execute("set enable_external_access = false")
        # To order the joins of our views it reads the catalog's statistics again and again: half of planning. They
        # are written in their order, and run as fast without (measured on 20 million events).
        con.execute("set disabled_optimizers = 'join_order'")
        if threads is not None:
            con.execute(f"set threads = {int(threads)}")
        con.execute("set lock_configuration = true")
    except duckdb.Error as exc:
        con.close()
        raise TransientError(f"lake and marts don't open: {exc}") from exc
    except NotFound:
        con.close()
        raise
    return con
