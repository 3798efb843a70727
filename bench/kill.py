"""kill -9 of worker, collector, web and inbound at random moments of a campaign, and a count of what was lost.

    python -m bench.kill [--kills 20] [--contacts 60000] [--seed 1]

Each kill comes while at least 5 % of the audience is left, and the state that it hit is named from what lay on the
disk right after it. At the end everything is counted from the post office's own ledger and from the lake.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import sqlite3
import tempfile
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import structlog

from bench.results import record
from sillage import processes
from sillage.commands.demo import demo_settings
from sillage.demo import once, scene
from sillage.demo.people import Mishaps, make_people
from sillage.lake import catalog
from sillage.log import configure
from sillage.settings import Settings
from sillage.store import campaigns
from sillage.store.database import Store
from sillage.store.tables import campaigns as campaigns_table
from sillage.store.tables import contacts, deliveries, outbox, workers
from sillage.supervisor import Supervisor

log = structlog.get_logger()

VICTIMS = ("worker", "collector", "web", "inbound")
LEFT = 0.05
MORE = 20
# What a kill can hit, by what is on the disk right after it.
STATES = {
    "worker": ("messages of its own in flight", "not signed on yet, or nothing in flight"),
    "collector": ("events waiting", "nothing waiting"),
    "web": ("requests journalled, not drained", "journal empty"),
    "inbound": ("mail waiting for it", "no mail waiting"),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """How many kills of each process, how many more where a state was not hit, and the seconds between two kills."""

    kills: int
    more: int
    pause_s: tuple[float, float]


@dataclass(slots=True)
class Toll:
    """What the kills hit, and what came of it."""

    kills: Counter[str] = field(default_factory=Counter)
    states: Counter[tuple[str, str]] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    newest_worker: int | None = None


def run(
    folder: Path, *, contacts_count: int, kills: int, seed: int, pause_s: tuple[float, float], more: int = 0
) -> Toll:
    """One campaign with `kills` kills of each process at random moments, and up to `more` of each of which a state was
    not hit; the toll, with every fault found.
    """
    settings = demo_settings(folder / "run", speed=120, free_ports=True)
    store = scene.fresh(settings)
    made = make_people(
        settings.data_dir / "input", contacts_count, seed=seed, mishaps=Mishaps(), now=settings.clock.now()
    )
    cast = once.Cast(*made, None, seed)
    toll = Toll()
    asyncio.run(_run(settings, store, cast, toll, Plan(kills, more, pause_s)))
    _count(settings, store, toll)
    return toll


async def _run(settings: Settings, store: Store, cast: once.Cast, toll: Toll, plan: Plan) -> None:
    office = processes.post_office(settings, cast.people, delay_scale=0.0, seed=cast.seed)
    supervisor = Supervisor([office, *processes.serving(settings)], settings.environment())
    running = asyncio.create_task(supervisor.run())
    try:
        await asyncio.to_thread(_direct, settings, store, cast, toll, supervisor, plan)
    finally:
        supervisor.stop()
        await running


def _direct(settings: Settings, store: Store, cast: once.Cast, toll: Toll, supervisor: Supervisor, plan: Plan) -> None:
    stage = scene.set_up(store, settings, cast.contacts, cast.arms)
    with store.write() as conn:
        conn.execute(campaigns_table.update().values(in_doubt="resend"))
    scene.plan(store, settings, stage)
    once.until(processes.ledger(settings).exists, "the post office to open")
    chance = random.Random(cast.seed)  # noqa: S311  # chance of a test
    order = [victim for victim in VICTIMS for _ in range(plan.kills)]
    chance.shuffle(order)
    for victim in order:
        time.sleep(chance.uniform(*plan.pause_s))
        if not _enough_left(store, stage):
            toll.faults.append(f"the campaign was over before all kills: {sum(toll.kills.values())} of {len(order)}")
            break
        _kill(settings, store, supervisor, victim, toll)
    _hit_the_rest(settings, store, stage, supervisor, toll, plan, chance)
    once.until_closed(store, stage)
    once.until_all_is_in_the_lake(settings, store)


def _hit_the_rest(
    settings: Settings, store: Store, stage: scene.Scene, supervisor: Supervisor, toll: Toll, plan: Plan,
    chance: random.Random,
) -> None:  # fmt: skip
    """Go on, while enough is left to send, until every state was hit.

    Every second moment is the first after a start: that is when a worker has not signed on yet.
    """
    for number in range(plan.more):
        missing = sorted({v for v, states in STATES.items() for state in states if not toll.states[v, state]})
        if not missing or not _enough_left(store, stage):
            return
        for victim in missing:
            time.sleep(0.05 if number % 2 else chance.uniform(*plan.pause_s))
            _kill(settings, store, supervisor, victim, toll)


def _enough_left(store: Store, stage: scene.Scene) -> bool:
    with store.read() as conn:
        books = campaigns.balance(conn, stage.account_id, stage.campaign_id)
    return books["due"] + books["sending"] >= LEFT * books.audience or books["due"] == books.audience


def _kill(settings: Settings, store: Store, supervisor: Supervisor, victim: str, toll: Toll) -> None:
    pid = None
    for _ in range(100):
        pid = supervisor.pid(victim)
        if pid is not None:
            break
        time.sleep(0.1)
    if pid is None:
        toll.faults.append(f"{victim} did not come back")
        return
    os.kill(pid, signal.SIGKILL)
    state = _state(settings, store, victim, toll)
    toll.kills[victim] += 1
    toll.states[victim, state] += 1
    log.info("bench.killed", victim=victim, state=state, pid=pid)


def _state(settings: Settings, store: Store, victim: str, toll: Toll) -> str:
    hit, missed = STATES[victim]
    if victim == "web":
        waiting = 0
        for path in settings.journal_dir.glob("*.sqlite"):
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as journal:
                (count,) = journal.execute("select count(*) from outbox").fetchone()
                waiting += count
        return hit if waiting else missed
    if victim == "inbound":
        with closing(sqlite3.connect(f"file:{processes.ledger(settings)}?mode=ro", uri=True)) as ledger:
            (count,) = ledger.execute("select count(*) from errands where channel = 'mail'").fetchone()
        return hit if count else missed
    with store.read() as conn:
        if victim == "collector":
            count = conn.execute(sa.select(sa.func.count()).select_from(outbox)).scalar_one()
        else:
            count = _own_in_flight(conn, toll)
    return hit if count else missed


def _own_in_flight(conn: sa.Connection, toll: Toll) -> int:
    """Rows *sending* of the worker that was just killed; one that died before it had signed on has none."""
    newest: int | None = conn.execute(sa.select(sa.func.max(workers.c.id))).scalar_one()
    was_seen, toll.newest_worker = newest == toll.newest_worker, newest
    mine = sa.and_(deliveries.c.state == "sending", deliveries.c.worker_id == newest)
    return 0 if was_seen else conn.execute(sa.select(sa.func.count()).select_from(deliveries).where(mine)).scalar_one()


def _count(settings: Settings, store: Store, toll: Toll) -> None:
    """Everybody mailed, doubt within its bound, duplicates only among the doubtful, each event in the lake once."""
    with closing(sqlite3.connect(processes.ledger(settings))) as ledger:
        times = dict(ledger.execute("select recipient, count(*) from messages group by recipient").fetchall())
        refused = {r for (r,) in ledger.execute("select distinct recipient from refusals where code >= 500")}
    with store.read() as conn:
        people = {r.email: r.id for r in conn.execute(sa.select(contacts.c.email, contacts.c.id))}
    con = catalog.connect(settings)
    catalog.attach_lake(con, settings, read_only=True)
    doubtful = {i for (i,) in con.execute("select contact_id from lake.main.events where type = 'in_doubt'").fetchall()}
    audience = {i for (i,) in con.execute("select contact_id from lake.main.events where type = 'planned'").fetchall()}
    [(rows, streams)] = con.execute(
        "select count(*), count(distinct (stream, stream_seq)) from lake.main.events"
    ).fetchall()
    settled = {
        i
        for (i,) in con.execute(
            "select contact_id from lake.main.events where type in ('accepted', 'bounced', 'suppressed', 'failed')"
        ).fetchall()
    }
    con.close()
    reached = {people[a] for a in times if a in people} | {people[a] for a in refused if a in people}
    twice = {people[a] for a, n in times.items() if n > 1}
    bound = settings.sending_cap * max(toll.kills["worker"], 1)
    suppressed = settled - reached
    toll.figures = {
        "audience": len(audience), "mailed": len(reached), "suppressed": len(suppressed), "in_doubt": len(doubtful),
        "bound": bound, "mailed_twice": len(twice), "events": rows, "distinct_events": streams,
    }  # fmt: skip
    if missing := audience - reached - suppressed:
        toll.faults.append(f"{len(missing)} recipients got nothing: {sorted(missing)[:5]}")
    if unsettled := audience - settled:
        toll.faults.append(f"{len(unsettled)} recipients have no outcome in the lake: {sorted(unsettled)[:5]}")
    if twice - doubtful:
        toll.faults.append(f"{len(twice - doubtful)} people got two though they were never in doubt")
    if len(doubtful) > bound:
        toll.faults.append(f"{len(doubtful)} in doubt, more than {bound}")
    if rows != streams:
        toll.faults.append(f"{rows - streams} events are in the lake twice")


def main() -> None:
    """Run rounds until every state was hit, twenty at the most."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="of each process, a round")
    parser.add_argument("--contacts", type=int, default=60_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    configure("bench")
    missed = {(victim, state) for victim, states in STATES.items() for state in states}
    for round_number in range(20):
        with tempfile.TemporaryDirectory(prefix="sillage-kill-") as folder:
            toll = run(
                Path(folder), contacts_count=options.contacts, kills=options.kills, seed=options.seed + round_number,
                pause_s=(0.1, 1.2), more=MORE,
            )  # fmt: skip
        missed -= set(toll.states)
        states = {f"{victim}: {state}": n for (victim, state), n in sorted(toll.states.items())}
        record(
            "kill",
            round=round_number,
            kills=dict(toll.kills),
            states=states,
            **toll.figures,
            faults=toll.faults,
        )
        if toll.faults:
            raise SystemExit(1)
        if not missed:
            return
    raise SystemExit(f"never hit: {sorted(missed)}")


if __name__ == "__main__":
    main()
