"""The marts on the world of 20 M events: an incremental build, the overview of all campaigns, the live report.

    python -m bench.marts [--rounds 3] [--looks 15]

A look at the report is asked three times: of a campaign whose events the build has all counted (its tables answer;
asked anew, since a page that has asked before gets its answer without), and with 100,000 events on top of the build
(a live view answers, or for the large one what brings the build's counts up to date). Milliseconds are told with those of CPU, which other work on the machine makes no longer.

A round adds 100,000 events (four fifths to the twenty newest campaigns, the rest to all; opens, clicks, late bounces,
complaints, one in fifty a replay), then builds, and beside it asks dbt for one small model: its start-up cost. The
world is changed by it: it is a copy of the cached one.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from bench.results import record
from bench.world import CAMPAIGNS, CONTACTS, EVERY, HOME, START, recipients, world
from dashboards import queries
from dashboards.shell import Desk
from dashboards.words import Words
from sillage.lake import campaign_report, catalog, live
from sillage.lake.build import build_marts
from sillage.lake.live import Source
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
    mark = COPY / "made.json"
    if not mark.exists() or mark.read_text() != (HOME / "made.json").read_text():
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
    starts: list[tuple[float, float]] = []
    built: list[tuple[float, float]] = []
    for number in range(rounds):
        starts.append(_build(settings, select="dim_account"))
        add_events(settings, int(time.time()) % 1_000_000 + number)
        built.append(_build(settings))
    (start, start_cpu), (build, build_cpu) = (
        map(statistics.median, zip(*taken, strict=True)) for taken in (starts, built)
    )
    return {
        "start_up_s": round(start, 1),
        "build_s": round(build, 1),
        "ratio": round(build / start, 2),
        "start_up_cpu_s": round(start_cpu, 1),
        "build_cpu_s": round(build_cpu, 1),
        "ratio_cpu": round(build_cpu / start_cpu, 2),
    }


def _build(settings: Settings, select: str | None = None) -> tuple[float, float]:
    """Seconds of a build by the clock, and of CPU in dbt's own process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = build_marts(settings, select=select)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert not done.is_full_refresh
    return done.seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _timed(question: Callable[[], object], looks: int) -> tuple[list[float], float]:
    """Milliseconds of each look, sorted, and the median of those of CPU."""
    question()
    taken, burnt = [], []
    for _ in range(looks):
        started, cpu = time.perf_counter(), time.process_time()
        question()
        burnt.append((time.process_time() - cpu) * 1000)
        taken.append((time.perf_counter() - started) * 1000)
    return sorted(taken), round(statistics.median(burnt), 1)


def looks(settings: Settings, count: int) -> dict[str, Any]:
    """Milliseconds of what the pages ask, without their cache."""
    store, reader = Store(settings.database_url), Reader(settings)
    with store.read() as conn:
        account = accounts.by_slug(conn, "bench")
    desk = Desk(settings, store, reader, account, Words())
    found: dict[str, Any] = {"campaigns": len(queries.overview_now(desk).campaigns)}

    def first_look() -> None:
        reader.forget()
        queries.overview_now(desk)

    # What a page gets that is the first to look after a build, and what all later ones get.
    for name, question in (
        ("overview_first", first_look),
        ("overview", lambda: queries.overview_now(desk)),
    ):
        taken, cpu = _timed(question, count * 4)
        found[name] = {
            "median_ms": round(statistics.median(taken), 1),
            "p95_ms": round(taken[int(0.95 * (len(taken) - 1))], 1),
            "cpu_ms": cpu,
        }
    build_marts(settings)
    found |= _reports(reader, account.id, "counted", count)
    add_events(settings, int(time.time()) % 1_000_000)
    found |= _reports(reader, account.id, "moving", count)
    reader.close()
    store.close()
    return found


def _reports(reader: Reader, account_id: int, state: str, count: int) -> dict[str, Any]:
    """Each query of the live report, for a campaign of 100,000 and one of 1,000,000: milliseconds, and of CPU."""
    found: dict[str, Any] = {}
    for name, rank in (("100k", MIDDLE), ("1m", LARGE)):
        source = live.source_of(reader, account_id, [rank], recipients(rank))
        assert (source is Source.TABLES) is (state == "counted")

        def ask(sql: str, rank: int = rank, source: Source = source) -> None:
            reader.forget()
            live.ask(reader, sql, [account_id, rank], source, account_id=account_id, campaigns=[rank])

        parts = {query: _timed(partial(ask, sql), count) for query, sql in campaign_report.LIVE.items()}
        found[f"{state}_{name}"] = {
            "recipients": recipients(rank),
            "is_counted_ms": round(
                statistics.median(_timed(partial(live.is_counted, reader, account_id, [rank]), count)[0]), 1
            ),
            "ms": {query: round(statistics.median(taken), 1) for query, (taken, _) in parts.items()},
            "cpu_ms": {query: cpu for query, (_, cpu) in parts.items()},
        }
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
