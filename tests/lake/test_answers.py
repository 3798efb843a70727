"""What was answered is given once more for as long as it would be answered the same."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from lake_home import Installation, event

from sillage.lake import catalog
from sillage.lake.collector import collect_once
from sillage.lake.drain import Collector
from sillage.lake.foundation import lay_foundation
from sillage.lake.reader import Params, Reader

COUNT = "select count(*) as n from lake.main.events where account_id = ? and campaign_id = ?"


class Counting(Reader):
    """A reader that notes which questions reach the engine."""

    reached: list[str]

    def query(self, sql: str, params: Params = None) -> list[dict[str, Any]]:
        """See `Reader.query`."""
        self.__dict__.setdefault("reached", []).append(sql)
        return super().query(sql, params)


def _ask(reader: Reader, campaign: int, sql: str = COUNT) -> int:
    ((row,),) = reader.query_campaigns(1, [campaign], [sql], [1, campaign])
    return int(row["n"])


@pytest.fixture
def reader(home: Installation) -> Iterator[Counting]:
    """A reader over a lake with an event, and marts that nobody has built anything into."""
    home.record(event("first"))
    collect_once(home.settings, home.store)
    assert lay_foundation(home.settings)
    made = Counting(home.settings)
    yield made
    made.close()


def test_a_question_reaches_the_engine_once_while_nothing_comes(reader: Counting) -> None:
    """Asked three times, answered three times the same, thought about once."""
    assert [_ask(reader, 1) for _ in range(3)] == [1, 1, 1]
    assert reader.reached.count(COUNT) == 1


def test_events_of_another_campaign_change_no_answer(reader: Counting, home: Installation) -> None:
    """Only what comes for the campaign in question makes it ask again."""
    assert _ask(reader, 1) == 1
    for number in range(3):
        home.record(event(("other", number), campaign_id=2))
        collect_once(home.settings, home.store)
        assert _ask(reader, 1) == 1
    assert reader.reached.count(COUNT) == 1
    home.record(event("second"))
    collect_once(home.settings, home.store)
    assert _ask(reader, 1) == 2


def test_remembered_answers_equal_fresh_ones_whatever_comes_in_which_order(
    reader: Counting, home: Installation
) -> None:
    """Forty turns in which events come for some of three campaigns, or none: each answer is that of a new reader."""
    chance = random.Random(7)  # noqa: S311  # chance, no secret
    fresh = Reader(home.settings)
    with catalog.sole_writer(home.settings.lake_dir, "collector", what="writes"):
        collector = Collector(home.settings, home.store)
        for turn in range(40):
            touched = chance.sample([1, 2, 3], chance.randrange(3))
            home.record(*(event((turn, c), campaign_id=c) for c in touched))
            collector.drain()
            for campaign in chance.sample([1, 2, 3], 2):
                (row,) = fresh.query(COUNT, [1, campaign])
                assert _ask(reader, campaign) == row["n"]
        collector.close()
    fresh.close()
