"""A segment over a million contacts and twenty million events, beside the same question in plain SQL on PostgreSQL.

    python -m bench.segments [ROUNDS]

The segment crosses two fields, "clicked link X" and "opened at least 2 of the last 5 campaigns sent to that contact";
each round asks it with other values, of both engines in turn, and both must find the same people. Cold is a new
process's first question, warm all others. A late event, written after the marts were built, must change the answer.
The world is bench/cache/world with its marts; nothing in it is changed: the late event is written into a copy.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bench.results import record
from bench.world import HOME, settings, world
from sillage.campaign.audience import open_audience
from sillage.domain.ids import AccountId
from sillage.domain.segment import parse_tree
from sillage.lake import catalog
from sillage.lake.build import build_marts
from sillage.settings import Settings
from sillage.store.database import Store
from tests.conftest import cluster

ACCOUNT = AccountId(1)
ROUNDS = 15
COLD_ROUNDS = 3


def values(round_: int) -> dict[str, Any]:
    """Other values in each round."""
    return {
        "cities": [f"City{(round_ * 7 + n) % 89}" for n in range(30)],
        "loyalty": 50 + 17 * round_ % 300,
        "campaign": 1 + round_ * 3 % 40,
        "link": 1 + round_ % 10,
    }


def tree(given: dict[str, Any]) -> Any:
    """The question as a segment."""
    return parse_tree(
        {
            "kind": "and",
            "parts": [
                {"kind": "field", "field": "city", "op": "in", "value": given["cities"]},
                {"kind": "field", "field": "loyalty", "op": "at_least", "value": given["loyalty"]},
                {"kind": "engaged", "did": "clicked", "campaign": given["campaign"], "link": given["link"]},
                {"kind": "engaged", "did": "opened", "last": 5, "at_least": 2},
            ],
        }
    )


# The same in plain SQL over contacts and events, the clicked ones first, as its planner finds it fastest.
QUESTION = """
    with clickers as materialized (
        select distinct contact_id from events
        where account_id = 1 and type = 'clicked' and not is_machine and campaign_id = %(campaign)s and link = %(link)s
    )
    select c.id from contacts c join clickers k on k.contact_id = c.id
    where c.account_id = 1 and lower(unaccent(c.city)) = any(%(cities)s)
        and (c.custom ->> 'loyalty')::float8 >= %(loyalty)s
        and (select count(*) from (
            select e.campaign_id,
                bool_or(e.type = 'opened' and not e.is_machine) as was_opened,
                bool_or(e.type = 'accepted' and e.opens_measured)
                    and not (bool_or(e.type = 'bounced' and e.via = 'mail')
                        and not bool_or(e.type in ('opened', 'clicked') and not e.is_machine)) as is_measurable
            from events e where e.account_id = 1 and e.contact_id = c.id
            group by e.campaign_id
            having bool_or(e.type = 'accepted' or (e.type = 'bounced'))
            order by min(e.occurred_at) filter (where e.type in ('accepted', 'bounced')) desc, e.campaign_id desc
            limit 5) recent
            where recent.was_opened and recent.is_measurable) >= 2
"""


def load_postgres(url: str, found: Settings) -> float:
    """Contacts, and all events but `planned`, which the question doesn't need; sensible indexes. Seconds."""
    started = time.monotonic()
    engine = sa.create_engine(url)
    con = catalog.connect(found)
    for extension in ("postgres_scanner",):
        import duckdb_extensions  # noqa: PLC0415  # of this one bench

        duckdb_extensions.import_extension(extension, con=con)
        con.execute(f"load {extension}")
    catalog.attach_lake(con, found, read_only=True)
    catalog.attach_ops(con, found)
    at = sa.make_url(url)
    con.execute(f"attach 'host={at.host} port={at.port} dbname={at.database} user={at.username}' as pg (type postgres)")
    con.execute("""
        create table pg.public.events as
        select account_id, contact_id, campaign_id, type, link, is_machine, opens_measured, via, occurred_at
        from lake.main.events where type <> 'planned' and contact_id is not null
    """)
    con.execute(
        "create table pg.public.contacts_raw as select id, account_id, city, custom::varchar as custom from ops.contacts"
    )
    con.close()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        for sql in (
            "create extension if not exists unaccent",
            "create table contacts as select id, account_id, city, custom::jsonb as custom from contacts_raw",
            "drop table contacts_raw",
            "alter table contacts add primary key (id)",
            "set maintenance_work_mem = '512MB'",
            "create index on events (account_id, campaign_id, link) include (contact_id) where type = 'clicked' and not is_machine",
            (
                "create index on events (account_id, contact_id) include"
                " (campaign_id, type, is_machine, opens_measured, via, occurred_at)"
            ),
            "vacuum analyze events",
            "vacuum analyze contacts",
        ):
            conn.exec_driver_sql(sql)
    engine.dispose()
    return time.monotonic() - started


def timed(ask: Callable[[], Any]) -> tuple[float, Any]:
    """Milliseconds, and what came."""
    started = time.perf_counter()
    found = ask()
    return (time.perf_counter() - started) * 1000, found


COLD = """
import sys, time
import pandas  # what duckdb imports at the first parameter; a process that answers pages has it
from bench.segments import *
given = values(int(sys.argv[1]))
store = Store(settings().database_url)
started = time.perf_counter()
found = open_audience(store, ACCOUNT, settings()).count(tree(given))
print((time.perf_counter() - started) * 1000)
"""


def cold(round_: int) -> float:
    """Milliseconds of a new process's first question: opening the stores is in it, importing Python modules is not."""
    done = subprocess.run([sys.executable, "-c", COLD, str(round_)], capture_output=True, text=True, check=True)
    return float(done.stdout)


def late_event() -> tuple[int, int]:
    """How many clicked the link before and after one more person does, in a copy of the lake, marts unchanged."""
    with tempfile.TemporaryDirectory(prefix="sillage-bench-") as name:
        shutil.copytree(HOME, name, dirs_exist_ok=True)
        copy = settings(Path(name))
        store = Store(copy.database_url)
        audience = open_audience(store, ACCOUNT, copy)
        clicked = parse_tree({"kind": "engaged", "did": "clicked", "campaign": 5, "link": 3})
        before = audience.count(clicked)
        fresh = audience.in_segment(
            parse_tree({"kind": "and", "parts": [{"kind": "engaged", "did": "received", "campaign": 5},
                                                 {"kind": "engaged", "did": "not_clicked", "campaign": 5}]})
        )[0]  # fmt: skip
        con = catalog.connect(copy)
        catalog.attach_lake(con, copy, read_only=False)
        con.execute(
            "insert into lake.main.events by name select max(lake_seq) + 1 as lake_seq, uuid() as event_id,"
            " 'late' as stream, 1 as stream_seq, 'clicked' as type, 1 as version, 1 as account_id,"
            " ?::timestamptz as occurred_at, ?::timestamptz as recorded_at, 5 as campaign_id, 9 as variant_id,"
            f" {int(fresh)} as contact_id, 'email' as channel, false as is_test, 3 as link, false as is_machine"
            " from lake.main.events",
            [datetime(2026, 11, 24, tzinfo=UTC)] * 2,
        )
        con.close()
        after = audience.count(clicked)
        store.close()
        return before, after


def run(rounds: int) -> None:
    """Ask, compare, record."""
    found = world()
    if not catalog.exists(found.marts_dir):
        build_marts(found)
    store = Store(found.database_url)
    with tempfile.TemporaryDirectory(prefix="sillage-bench-pg-") as name:
        bins = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        for url in cluster(Path(name), bins[-1].parent):
            loaded = load_postgres(url, found)
            cold_ms = [cold(100 + n) for n in range(COLD_ROUNDS)]
            audience = open_audience(store, ACCOUNT, found)
            engine = sa.create_engine(url)
            counts, memberships, others, sizes = [], [], [], []
            with engine.connect() as conn:
                conn.exec_driver_sql("set work_mem = '256MB'")
                for round_ in range(rounds):
                    given = values(round_)
                    folded = {**given, "cities": [c.lower() for c in given["cities"]]}
                    question = tree(given)
                    ms, size = timed(lambda: audience.count(question))  # noqa: B023  # asked at once
                    counts.append(ms)
                    ms, theirs = timed(lambda: conn.exec_driver_sql(QUESTION, folded).scalars().all())  # noqa: B023
                    others.append(ms)
                    ms, ours = timed(lambda: audience.in_segment(question))  # noqa: B023
                    memberships.append(ms)
                    if len(ours) != size or set(ours) != set(theirs):
                        raise SystemExit(f"{given}: {size} counted, {len(ours)} listed, {len(theirs)} by PostgreSQL")
                    sizes.append(size)
            engine.dispose()
    store.close()
    before, after = late_event()
    if after != before + 1:
        raise SystemExit(f"a late click changed {before} to {after}")
    median = statistics.median
    record(
        "segments",
        rounds=rounds,
        members=sizes,
        cold_count_ms=[round(ms) for ms in cold_ms],
        first_warm_count_ms=round(counts[0]),
        count_ms_median=round(median(counts[1:])),
        count_ms_worst=round(max(counts[1:])),
        membership_ms_median=round(median(memberships)),
        postgres_ms_median=round(median(others)),
        postgres_over_count=round(median(others) / median(counts[1:]), 2),
        postgres_load_and_index_s=round(loaded),
        late_event={"before": before, "after": after},
    )


if __name__ == "__main__":
    run(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
