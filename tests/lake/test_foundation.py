"""A new installation has its marts at once, and no reader ever sees a catalog that is half made."""

from __future__ import annotations

import shutil
import threading
from contextlib import closing
from pathlib import Path
from typing import cast

import duckdb
import pytest

from sillage.lake import catalog
from sillage.lake.build import FOUNDATION, PROJECT_MARK, build_marts
from sillage.lake.collector import collect_once
from sillage.lake.foundation import lay_foundation
from sillage.lake.reader import Reader
from sillage.settings import Settings
from sillage.store.database import Store
from sillage.store.migrate import upgrade


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "run", secret="s" * 40)


@pytest.mark.slow
def test_founded_marts_answer_before_any_build_and_the_first_build_fills_them_anew(settings: Settings) -> None:
    """Views and empty tables are there at once, as of nothing; the first build is a full one, in their place."""
    store = Store(settings.database_url)
    upgrade(store)
    collect_once(settings, store)
    assert lay_foundation(settings), "make setup leaves the foundation; is it of this project?"
    assert not lay_foundation(settings)
    with closing(Reader(settings)) as reader:
        assert reader.query("select * from marts.main.live_guard") == []
        assert reader.query("select * from marts.main.fct_campaign_performance") == []
        assert reader.query("select * from marts.main.as_of") == []
    done = build_marts(settings)
    assert done.is_full_refresh
    with closing(Reader(settings)) as reader:
        assert len(reader.query("select * from marts.main.as_of")) == 1
    store.close()


def test_foundation_of_another_project_is_left_alone(settings: Settings, tmp_path: Path) -> None:
    """Views of a project that has changed since would answer wrongly: the guard then builds the marts itself."""
    other = tmp_path / "foundation"
    shutil.copytree(FOUNDATION, other)
    (other / PROJECT_MARK).write_text("another")
    assert not lay_foundation(settings, source=other)
    assert not catalog.exists(settings.marts_dir)


def test_catalog_appears_whole(settings: Settings) -> None:
    """Readers that wait for a catalog find one that answers, at whatever moment they come."""
    errors: list[BaseException] = []
    ready, over = threading.Barrier(5), threading.Event()

    def read() -> None:
        ready.wait()
        while not catalog.exists(settings.marts_dir):
            if over.is_set():
                return
        try:
            with closing(catalog.connect(settings)) as con:
                catalog.attach_marts(con, settings, read_only=True)
                con.execute("select count(*) from duckdb_tables()").fetchall()
        except BaseException as exc:
            errors.append(exc)
            raise

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    with closing(catalog.connect(settings)) as con:
        ready.wait()
        catalog.attach_marts(con, settings, read_only=False)
        con.execute("create table marts.main.numbers (number integer)")
        for reader in readers:
            reader.join(timeout=30)
    over.set()
    assert not errors
    assert not list(settings.marts_dir.glob("*.new*"))


class _Changing:
    """A connection whose catalog somebody else is changing the first times that it is attached."""

    def __init__(self, con: duckdb.DuckDBPyConnection, times: int) -> None:
        self._con = con
        self._left = times

    def execute(self, statement: str) -> duckdb.DuckDBPyConnection:
        if statement.startswith("attach") and self._left:
            self._left -= 1
            raise duckdb.TransactionException("Failed to probe DuckLake metadata")
        return self._con.execute(statement)


def test_a_catalog_that_is_being_changed_is_waited_for(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Attached again until it answers; one that never does is an error after the patience, and no endless loop."""
    assert lay_foundation(settings)
    with closing(catalog.connect(settings)) as con:
        catalog.attach_marts(cast("duckdb.DuckDBPyConnection", _Changing(con, 3)), settings, read_only=True)
        assert con.execute("select count(*) from duckdb_tables() where database_name = 'marts'").fetchall() != [(0,)]
    monkeypatch.setattr(catalog, "ATTACH_S", 0.1)
    with closing(catalog.connect(settings)) as con, pytest.raises(duckdb.TransactionException, match="probe"):
        catalog.attach_marts(cast("duckdb.DuckDBPyConnection", _Changing(con, 10_000)), settings, read_only=True)
