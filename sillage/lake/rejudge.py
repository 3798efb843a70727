"""Opens and clicks judged again, when what comes later shows a machine at work.

The tracker judges each request by itself; here, where all trackers' events meet and still name their contact, they
are looked at together (`sillage.domain.burst`). What changes is told by a `judged` event in the same transaction as
the events that changed it; the raw event stays, and the newest verdict counts.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from typing import cast

import duckdb

from sillage.clock import Clock
from sillage.domain.burst import Deed, Watch
from sillage.domain.judge import NO_SIGN, Act, Rules, Verdict
from sillage.lake.event import Event, EventType, event_id
from sillage.lake.rows import Entry

STREAM = "judge"
KEPT_S = 600.0
"""How long a request is remembered: what belongs together reaches the collector within seconds of another."""
KEPT_AT_MOST = 200_000
_WARM_EVENTS = 50_000

_ACTS = {EventType.OPENED: Act.OPEN, EventType.CLICKED: Act.CLICK}
_RECENT = """
select e.event_id, e.type, e.account_id, e.campaign_id, e.contact_id, epoch(e.occurred_at) as at, e.link,
    e.is_machine, e.rule, e.rule_version, p.ip, p.agent
from lake.main.events as e left join lake.main.event_personal as p using (event_id)
where e.lake_seq > $1 and e.type in ('opened', 'clicked', 'accepted') and e.contact_id is not null and not e.is_test
order by e.lake_seq
"""


class Rejudge:
    """The watch over all that the collector takes in."""

    def __init__(self, con: duckdb.DuckDBPyConnection, rules: Rules, clock: Clock, *, last_seq: int) -> None:
        """Remember the newest events of the lake, so that a restart does not cut a burst in two."""
        self._watch = Watch(rules)
        self._clock = clock
        found = con.execute("select coalesce(max(stream_seq), 0) from lake.main.events where stream = $1", [STREAM])
        self._number = int((found.fetchone() or (0,))[0])
        rows = con.execute(_RECENT, [last_seq - _WARM_EVENTS]).fetchall()
        accepted = [((row[3], row[4]), row[5]) for row in rows if row[1] == EventType.ACCEPTED]
        deeds = [
            Deed(
                id=(row[0], row[2], row[3]),
                act=_ACTS[row[1]],
                message=(row[3], row[4]),
                at=row[5],
                link=row[6],
                network=row[10] or "",
                agent=row[11] or "",
                said=_said(is_machine=row[7], rule=row[8], version=row[9]),
            )
            for row in rows
            if row[1] in _ACTS
        ]
        # What these show together was told when they came.
        self._watch.take(deeds, accepted, now=time.monotonic())

    def take(self, entries: Sequence[Entry]) -> list[Entry]:
        """The verdicts that these events change, as events of their own."""
        now = time.monotonic()
        self._watch.forget(now - KEPT_S, at_most=KEPT_AT_MOST)
        accepted, deeds = [], []
        for entry in entries:
            event = entry.event
            if event.contact_id is None or event.is_test:
                continue
            if event.type is EventType.ACCEPTED:
                accepted.append(((event.campaign_id, event.contact_id), event.occurred_at.timestamp()))
            elif event.type in _ACTS and event.via is None:
                deeds.append(_deed(event))
        if not accepted and not deeds:
            return []
        return [self._told(deed, verdict) for deed, verdict in self._watch.take(deeds, accepted, now=now)]

    def _told(self, deed: Deed, verdict: Verdict) -> Entry:
        subject, account_id, campaign_id = cast("tuple[uuid.UUID, int, int | None]", deed.id)
        self._number += 1
        now = self._clock.now()
        event = Event(
            id=event_id(STREAM, subject, self._number),
            type=EventType.JUDGED,
            account_id=account_id,
            campaign_id=campaign_id,
            occurred_at=now,
            recorded_at=now,
            subject_id=subject,
            is_machine=verdict.is_machine,
            rule=verdict.rule,
            rule_version=verdict.version,
        )
        return Entry(STREAM, self._number, event)


def _deed(event: Event) -> Deed:
    return Deed(
        id=(event.id, event.account_id, event.campaign_id),
        act=_ACTS[event.type],
        message=(event.campaign_id, event.contact_id),
        at=event.occurred_at.timestamp(),
        link=event.link,
        network=event.ip or "",
        agent=event.agent or "",
        said=_said(is_machine=event.is_machine, rule=event.rule, version=event.rule_version),
    )


def _said(*, is_machine: bool | None, rule: str | None, version: int | None) -> Verdict:
    return Verdict(bool(is_machine), rule or NO_SIGN, version or 0)
