"""The marts on the world of 20 M events: an incremental build, the overview of all campaigns, the live report.

    python -m bench.marts [--rounds 3] [--looks 15]

A round adds 100,000 events (four fifths to the twenty newest campaigns, the rest to all; opens, clicks, late bounces,
complaints, one in fifty a replay), then builds, and beside it asks dbt for one small model: its start-up cost. The
world is changed by it: it is a copy of the cached one.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import time
from datetime import timedelta
from typing import Any

from bench.results import record
from bench.world import CAMPAIGNS, CONTACTS, EVERY, HOME, START, recipients, world
from dashboards import queries
from dashboards.shell import Desk
from dashboards.words import Words
from sillage.lake import catalog
from sillage.lake.build import build_marts
from sillage.lake.reader import Reader
from sillage.log import configure
from sillage.settings import Settings
from sillage.store import accounts
from sillage.store.database import Store

EVENTS = 100_000
COPY = HOME.parent / "marts"
LARGE, MIDDLE = 1, 15
"""Ranks of the campaigns of 1,000,000 and of 100,000 recipients."""


def copied() -> Settings:
    """The world with its marts, in a folder that may be changed."""
    made = world()
    if not (COPY / "made.json").exists():
        shutil.rmtree(COPY, ignore_errors=True)
        shutil.copytree(HOME, COPY)
    return made.model_copy(update={"data_dir": COPY})


def add_events(settings: Settings, seed: int, count: int = EVENTS) -> None:
    """What comes in until the next build, as the collector writes it: ten commits."""
    at = START + EVERY * CAMPAIGNS + timedelta(minutes=seed)
    with catalog.sole_writer(settings.lake_dir, "collector", what="writes"):
        con = catalog.connect(settings)
        catalog.attach_lake(con, settings, read_only=False)
        for part in range(10):
            con.execute(_ADD, {"count": count // 10, "seed": seed * 100 + part, "at": at})
        con.close()


_ADD = f"""
insert into lake.main.events by name
with drawn as (
    select i, hash(i, $seed) as h, if(i % 5 > 0, {CAMPAIGNS} - (h % 20)::bigint, 1 + (h % {CAMPAIGNS})::bigint) as rank
    from range($count) t(i)
),
people as (
    select *, (((h >> 16) % floor({CONTACTS} * pow(rank, -0.85))::bigint) * 48271 + rank * 7919) % {CONTACTS} + 1 as contact_id,
        list_extract(['opened', 'opened', 'opened', 'opened', 'opened', 'opened', 'clicked', 'clicked', 'bounced', 'complained'],
            1 + ((h >> 8) % 10)::bigint) as type
    from drawn
)
select
    (select max(lake_seq) from lake.main.events) + row_number() over () as lake_seq,
    md5(concat_ws(':', type, rank, contact_id, $seed, if(i % 50 = 0, 0, i)))::uuid as event_id,
    'bench2' as stream, $seed::bigint * 1000000 + i as stream_seq, type, 1 as version, 1 as account_id,
    $at::timestamptz as occurred_at, $at::timestamptz as recorded_at, rank as campaign_id, 2 * rank as variant_id, contact_id,
    'email' as channel, 'orange' as provider, false as is_test, if(type = 'clicked', 1, null) as link,
    if(type = 'bounced', 'npai', null) as bounce_class, if(type = 'bounced', 'unknown_user', null) as reason,
    if(type = 'bounced', 'mail', null) as via, if(type in ('opened', 'clicked'), i % 7 = 0, null) as is_machine
from people
"""


def builds(settings: Settings, rounds: int) -> dict[str, Any]:
    """Seconds of an incremental build with all data tests, and of dbt's start-up, in turns."""
    if not (settings.marts_dir / "project").exists():
        build_marts(settings)
    build_marts(settings)
    starts, built = [], []
    for number in range(rounds):
        starts.append(build_marts(settings, select="dim_account").seconds)
        add_events(settings, int(time.time()) % 1_000_000 + number)
        done = build_marts(settings)
        assert not done.is_full_refresh
        built.append(done.seconds)
    start, build = statistics.median(starts), statistics.median(built)
    return {"start_up_s": round(start, 1), "build_s": round(build, 1), "ratio": round(build / start, 2)}


def _timed(question: Any, looks: int) -> list[float]:
    question()
    taken = []
    for _ in range(looks):
        started = time.perf_counter()
        question()
        taken.append((time.perf_counter() - started) * 1000)
    return sorted(taken)


def looks(settings: Settings, count: int) -> dict[str, Any]:
    """Milliseconds of what the pages ask, without their cache."""
    store, reader = Store(settings.database_url), Reader(settings)
    with store.read() as conn:
        account = accounts.by_slug(conn, "bench")
    desk = Desk(settings, store, reader, account, Words())
    overview = _timed(lambda: queries.overview_now(desk), count * 4)
    found: dict[str, Any] = {
        "campaigns": len(queries.overview_now(desk).campaigns),
        "overview_median_ms": round(statistics.median(overview), 1),
        "overview_p95_ms": round(overview[int(0.95 * (len(overview) - 1))], 1),
    }
    for name, rank in (("live_100k", MIDDLE), ("live_1m", LARGE)):
        found[name] = {"recipients": recipients(rank)} | {
            query: round(statistics.median(_timed(lambda s=sql, r=rank: reader.query(s, [account.id, r]), count)), 1)
            for query, sql in queries.LIVE.items()
        }
    reader.close()
    store.close()
    return found


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--looks", type=int, default=15)
    options = parser.parse_args()
    configure("bench")
    settings = copied()
    if options.rounds:
        record("marts_build", events=EVENTS, **builds(settings, options.rounds))
    if options.looks:
        record("marts_looks", **looks(settings, options.looks))


if __name__ == "__main__":
    main()
