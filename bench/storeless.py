"""A worker with the store taken out: the same lane, filler, signatures and wire; rows from memory, outcomes dropped.

python -m bench.storeless COUNT      prints messages a second
"""

from __future__ import annotations

import asyncio
import sys
import time

import uvloop

from sendworker.lane import Lane, Route
from sendworker.mailroom import Job, Mailroom
from sendworker.way import router_of
from sillage.domain.campaign import CampaignState
from sillage.log import configure
from sillage.settings import Settings
from sillage.store import campaigns, deliveries, rates
from sillage.store.accounts import by_id
from sillage.store.database import Store
from sillage.store.deliveries import Outcome


def _jobs(store: Store, mailroom: Mailroom, settings: Settings, count: int) -> list[Job]:
    """All rows, claimed in a transaction that is taken back."""
    now = settings.clock.now()
    with store.engine.connect() as conn:
        states = (CampaignState.PLANNED, CampaignState.SENDING)
        (campaign,) = campaigns.due(conn, states=states, before=now)
        account = by_id(conn, campaign.account_id)
        rows = deliveries.claim_due(
            conn, campaign.id, provider="other", worker_id=mailroom.worker_id, now=now, limit=count
        )
        mailroom._is_ready(conn, campaign)  # noqa: SLF001
        conn.rollback()
    return [Job(row, campaign, account, 0.0) for row in rows]


async def run(count: int) -> float:
    """Messages a second between a tenth and the end."""
    settings = Settings.load()
    store = Store(settings.database_url)
    mailroom = Mailroom(store, settings, "bench")
    mailroom.lease_ends = time.monotonic() + 3600
    jobs = _jobs(store, mailroom, settings, count)
    with store.read() as conn:
        rate = rates.load(conn, channel="email")[rates.EVERYBODY]
    done: list[float] = []

    def settle(_outcome: Outcome) -> None:
        done.append(time.perf_counter())

    lane = Lane("other", Route(router_of(settings), rate.connections, rate.per_connection), settings, mailroom, settle)
    at = 0
    while len(done) < count:
        if (room := lane.room) >= 1 and at < count:
            now = time.monotonic()
            lane.put([Job(job.claimed, job.campaign, job.account, now) for job in jobs[at : at + room]])
            at += room
        await asyncio.sleep(0.005)
    await lane.stop(1.0)
    first = count // 10
    return (count - first) / (done[-1] - done[first])


if __name__ == "__main__":
    configure("bench")
    print(uvloop.run(run(int(sys.argv[1]))))
