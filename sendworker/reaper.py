"""Workers that stopped beating, and what becomes of the rows that they held."""

from __future__ import annotations

import time
from datetime import datetime

import sqlalchemy as sa
import structlog

from sendworker.outcome import doubt_event
from sillage.domain import quota
from sillage.domain.campaign import MessageKind
from sillage.domain.delivery import DeliveryState, InDoubtPolicy
from sillage.domain.ids import CampaignId, ContactId
from sillage.store import deliveries, frequency, workers
from sillage.store.database import Store
from sillage.store.deliveries import Outcome

log = structlog.get_logger()

GRACE = 1.2
"""A worker is taken for dead when it has not beaten for its lease and a fifth: clocks don't tick alike."""


class Reaper:
    """Watches the others for one worker. Only this process's own monotonic clock judges."""

    def __init__(self, store: Store, worker_id: int) -> None:
        self._store = store
        self._worker_id = worker_id
        self._seen: dict[int, tuple[int, float]] = {}
        """By worker: the beats that were seen last, and since when."""
        self._looked_at = time.monotonic()

    def reap(self, now: datetime) -> None:
        """Take back the rows of workers that stopped beating."""
        since_last_look, self._looked_at = time.monotonic() - self._looked_at, time.monotonic()
        with self._store.read() as conn:
            beats = workers.alive(conn)
        seen, self._seen = self._seen, {}
        for beat in beats:
            renewals, since = seen.get(beat.id, (-1, 0.0))
            # Who slept through a whole lease has not watched: it has to look anew before it calls others dead.
            overslept = since_last_look > beat.lease_s
            if beat.id == self._worker_id or renewals != beat.renewals or overslept:
                self._seen[beat.id] = (beat.renewals, time.monotonic())
            elif time.monotonic() - since < beat.lease_s * GRACE:
                self._seen[beat.id] = (renewals, since)
            else:
                self._bury(beat.id, now, renewals=renewals)

    def _bury(self, worker_id: int, now: datetime, *, renewals: int) -> None:
        """End a worker that has not beaten since: one that beat while we waited for its row is alive."""
        with self._store.write() as conn:
            if not workers.end(conn, worker_id, now=now, renewals=renewals):
                return
            in_doubt = take_back(conn, worker_id, now, reason="worker_died")
        log.warning("worker.buried", worker_id=worker_id, in_doubt=in_doubt)


def take_back(conn: sa.Connection, worker_id: int, now: datetime, *, reason: str) -> int:
    """Rows still in flight at a worker that is gone are in doubt: held or sent again, as the campaign says."""
    outcomes: list[Outcome] = []
    uncounted: list[tuple[ContactId, int]] = []
    for row in deliveries.held_by(conn, worker_id):
        goes_again = row.in_doubt == InDoubtPolicy.RESEND
        outcomes.append(
            Outcome(
                CampaignId(row.campaign_id),
                ContactId(row.contact_id),
                DeliveryState.DUE if goes_again else DeliveryState.IN_DOUBT,
                row.due_at,
                row.attempt + 1,
                row.first_attempt_at or now,
                reason,
                (doubt_event(row, now=now, reason=reason),),
            )
        )
        if goes_again and row.kind == MessageKind.MARKETING:
            # It will be counted anew when it is claimed again.
            uncounted.append((ContactId(row.contact_id), quota.day_of(now)))
    deliveries.settle(conn, worker_id, outcomes)
    frequency.uncount(conn, uncounted)
    return len(outcomes)
