"""Readers see whole states, heal themselves and can't reach anything else."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from lake_home import Installation, event

from sillage.errors import NotFound, SillageError
from sillage.lake import catalog
from sillage.lake.collector import collect_once
from sillage.lake.drain import Collector
from sillage.lake.maintenance import maintain
from sillage.lake.reader import Reader


def test_a_lake_that_nobody_wrote_is_said_in_words(home: Installation) -> None:
    """Asked too early, the reader names what to do."""
    with pytest.raises(NotFound, match="start the collector"):
        Reader(home.settings).query("select 1")


def test_marts_that_nobody_built_are_said_in_words(home: Installation) -> None:
    """A table that is not there yet is no crash."""
    collect_once(home.settings, home.store)
    reader = Reader(home.settings)
    with pytest.raises(NotFound, match="metrics build"):
        reader.query("select * from marts.main.as_of")
    reader.close()


def test_a_reader_sees_what_comes_and_survives_every_kind_of_upkeep(home: Installation) -> None:
    """One reader, attached once, while rows are inlined, flushed, merged, expired and cleaned up."""
    home.record(event("first"))
    collect_once(home.settings, home.store)
    reader = Reader(home.settings)
    with catalog.sole_writer(home.settings.lake_dir, "collector", what="writes"):
        collector = Collector(home.settings, home.store)
        expected = 1
        for turn in range(4):
            # 300 become a file, 3 are inlined.
            size = 300 if turn % 2 else 3
            home.record(*(event((turn, i)) for i in range(size)))
            collector.drain()
            expected += size
            assert reader.query("select count(*) as n from lake.events") == [{"n": expected}]
            kept = maintain(collector.upkeep.con, kept_min=0)
            assert kept.seconds < 5
            assert reader.frame("select count(*) as n from lake.events")["n"].to_list() == [expected]
        collector.close()
    files = list(catalog.data_dir(home.settings.lake_dir).rglob("*.parquet"))
    assert len(files) <= 2
    reader.close()


FORBIDDEN = (
    "select * from read_csv('/etc/hostname')",
    "select * from read_text('/etc/hostname')",
    "attach '/tmp/elsewhere.db' as elsewhere",
    "copy (select 1) to '/tmp/elsewhere.csv'",
    "set enable_external_access = true",
    "install httpfs",
    "delete from lake.main.events",
)


def test_sql_reaches_nothing_but_lake_and_marts(home: Installation) -> None:
    """Whatever the text says, files, settings and extensions are out of reach, and nothing is written."""
    collect_once(home.settings, home.store)
    reader = Reader(home.settings)
    for sql in FORBIDDEN:
        with pytest.raises((duckdb.Error, SillageError)):
            reader.query(sql)
        assert reader.query("select 1 as one") == [{"one": 1}]
    reader.close()
    assert not Path("/tmp/elsewhere.csv").exists()  # noqa: S108
