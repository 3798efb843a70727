"""Verdicts that later events change: told in the lake, once, whatever dies."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from lake_home import NOON, Installation, append, body, event

from sillage.domain.judge import NO_SIGN
from sillage.lake import catalog
from sillage.lake.collector import collect_once
from sillage.lake.drain import Collector
from sillage.lake.event import EventType
from sillage.lake.reader import Reader

BROWSER = {"ip": "81.2.3.0", "agent": "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0"}


def click(number: int, seconds: float, link: int, **fields: Any) -> bytes:
    """A click that the tracker took for a person's."""
    values: dict[str, Any] = {"contact_id": 7, "is_machine": False, "rule": NO_SIGN, "rule_version": 2, **BROWSER}
    moment = NOON + timedelta(seconds=seconds)
    return body(number, EventType.CLICKED, link=link, occurred_at=moment, recorded_at=moment, **{**values, **fields})


def judged(home: Installation) -> list[tuple[uuid.UUID, bool, str]]:
    """The verdicts in the lake, oldest first."""
    reader = Reader(home.settings)
    try:
        rows = reader.query(
            "select subject_id, is_machine, rule from lake.main.events where type = 'judged' order by lake_seq"
        )
    finally:
        reader.close()
    return [(row["subject_id"], row["is_machine"], row["rule"]) for row in rows]


def test_burst_over_two_drains_condemns_its_first_click(home: Installation) -> None:
    """A click drained as a person's is judged again when the links that follow show a machine."""
    home.contact(7, clicks="granted")
    path = home.journal()
    append(path, click(1, 100, 1))
    collect_once(home.settings, home.store)
    assert judged(home) == []
    append(path, click(2, 100.4, 2), click(3, 100.9, 3))
    collect_once(home.settings, home.store)
    found = judged(home)
    assert {(subject, machine) for subject, machine, _ in found} == {(event(n).id, True) for n in (1, 2, 3)}
    collect_once(home.settings, home.store)
    assert judged(home) == found


def test_burst_of_somebody_who_is_not_tracked_counts_as_well(home: Installation) -> None:
    """Who did not agree loses the name on the way in, and yet a machine's clicks are no person's in the totals."""
    home.contact(7)
    append(home.journal(), *(click(n, 100 + n / 10, n) for n in range(1, 5)))
    collect_once(home.settings, home.store)
    assert len(judged(home)) == 4


def test_click_before_anybody_could_read_is_judged_by_its_acceptance(home: Installation) -> None:
    """The tracker knows nothing of acceptance; the collector sees both, whichever comes first."""
    home.contact(7, clicks="granted")
    append(home.journal(), click(1, 0.5, 1))
    collect_once(home.settings, home.store)
    assert judged(home) == []
    with catalog.sole_writer(home.settings.lake_dir, "collector", what="writes"):
        collector = Collector(home.settings, home.store)
        home.record(event("a", contact_id=7))
        collector.drain()
        collector.close()
    assert judged(home) == [(event(1).id, True, "click-too-soon")]


def test_agent_that_is_not_kept_makes_nobody_a_machine(home: Installation) -> None:
    """Without address and agent a click keeps the verdict that the tracker gave, who saw both."""
    home.contact(7, clicks="granted")
    append(home.journal(), click(1, 100, 1, ip=None, agent=None))
    home.record(event("a", contact_id=7))
    collect_once(home.settings, home.store)
    assert judged(home) == []


def test_test_messages_are_not_judged(home: Installation) -> None:
    """They are in no metric."""
    append(home.journal(), *(click(n, 100 + n / 10, n, is_test=True) for n in range(1, 5)))
    collect_once(home.settings, home.store)
    assert judged(home) == []
