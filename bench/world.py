"""One seeded, skewed world for all benchmarks that need size: 1 M contacts, 200 campaigns, 20 M events.

    python -m bench.world            makes it once, in bench/cache/world, and says what is in it

Campaigns shrink with their rank (the first has a million recipients, the last some eleven thousand), providers and
people are skewed, some events come late, some twice, and none in the order in which they happened.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
from sqlalchemy.schema import CreateTable

from sillage.domain.consent import lapses_at
from sillage.domain.segment import parse_tree
from sillage.lake import catalog, schema
from sillage.settings import Settings
from sillage.store import accounts, campaigns, segments
from sillage.store.columns import to_micros
from sillage.store.database import Store
from sillage.store.migrate import upgrade
from sillage.store.tables import metadata

HOME = Path(__file__).parent / "cache" / "world"
SECRET = "bench-bench-bench-bench-bench-bench"  # noqa: S105  # signs nothing that leaves the machine
CONTACTS = 1_000_000
CAMPAIGNS = 200
SKEW = 0.85
VERSION = 2
START = datetime(2026, 5, 1, 8, tzinfo=UTC)
EVERY = timedelta(hours=24)


def settings(home: Path = HOME) -> Settings:
    """Settings that point at the world."""
    return Settings(data_dir=home, secret=SECRET, demo=True)  # type: ignore[arg-type]


def world(home: Path = HOME, *, contacts: int = CONTACTS, campaigns_count: int = CAMPAIGNS) -> Settings:
    """The world, made if it is not there or of another version."""
    found = settings(home)
    mark = home / "made.json"
    wanted = {"version": VERSION, "contacts": contacts, "campaigns": campaigns_count, "ops": _ops_schema()}
    if not mark.exists() or json.loads(mark.read_text()) != wanted:
        shutil.rmtree(home, ignore_errors=True)
        _make(found, contacts, campaigns_count)
        mark.write_text(json.dumps(wanted))
    return found


def _ops_schema() -> str:
    """What the tables of ops look like: a world of others can't be opened."""
    ddl = "".join(str(CreateTable(table)) for table in metadata.sorted_tables)
    return hashlib.sha256(ddl.encode()).hexdigest()


def recipients(rank: int, contacts: int = CONTACTS) -> int:
    """How many people campaign number `rank` (from 1) went to."""
    return int(contacts * rank**-SKEW)


def _make(found: Settings, contacts: int, campaigns_count: int) -> None:
    store = Store(found.database_url)
    upgrade(store)
    _ops(store, contacts, campaigns_count)
    with catalog.sole_writer(found.lake_dir, "collector", what="writes"):
        con = catalog.connect(found)
        con.execute("set preserve_insertion_order = false")
        catalog.attach_lake(con, found, read_only=False)
        schema.create(con)
        for rank in range(1, campaigns_count + 1):
            _campaign_events(con, rank, recipients(rank, contacts), contacts)
        _replays(con)
        con.close()
    store.close()


def _ops(store: Store, contacts: int, campaigns_count: int) -> None:
    now = START + EVERY * campaigns_count
    with store.write() as conn:
        account = accounts.create(
            conn, "bench", "Bench", created_at=START, legal_name="Bench SAS", postal_address="1 quai, Brest"
        )
        sender = campaigns.add_sender(conn, account.id, "Bench", "news@bench.example", now=START, verified_at=START)
        everyone = segments.save(conn, account.id, "All", parse_tree({"kind": "everyone"}), now=START)
        for rank in range(1, campaigns_count + 1):
            at = START + EVERY * (rank - 1)
            conn.exec_driver_sql(
                "insert into campaigns (id, account_id, name, sender_id, include, state, send_at, created_at, started_at,"
                " closed_at, planned_at, audience) values (?, ?, ?, ?, ?, 'closed', ?, ?, ?, ?, ?, ?)",
                (rank, account.id, f"Campaign {rank}", sender.id, json.dumps([everyone.id]), to_micros(at), to_micros(at),
                 to_micros(at), to_micros(at + EVERY), to_micros(at), recipients(rank, contacts)),
            )  # fmt: skip
            conn.exec_driver_sql(
                "insert into variants (id, account_id, campaign_id, position, name, subject, source_kind, source)"
                " values (?, ?, ?, 1, 'A', 'Hello', 'html', '<p>x</p>'), (?, ?, ?, 2, 'B', 'Hi', 'html', '<p>x</p>')",
                (2 * rank - 1, account.id, rank, 2 * rank, account.id, rank),
            )
            conn.exec_driver_sql(
                "insert into links (variant_id, number, account_id, campaign_id, url, label) values (?, ?, ?, ?, ?, ?)",
                [
                    (variant, number, account.id, rank, f"https://shop.example/{rank}/{number}", f"Link {number}")
                    for variant in (2 * rank - 1, 2 * rank)
                    for number in range(1, 11)
                ],
            )
    lapse = to_micros(lapses_at(now, None))
    for first in range(1, contacts + 1, 20_000):
        ids = range(first, min(first + 20_000, contacts + 1))
        with store.write() as conn:
            conn.exec_driver_sql(
                "insert into contacts (id, account_id, email, email_hash, provider, first_name, city, country, custom,"
                " created_at,"
                " updated_at) values (?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (i, f"p{i}@mail.example", i.to_bytes(16, "big"), _PROVIDERS[_skewed(i)], f"Name{i % 997}",
                     f"City{i % 89}", _COUNTRIES[i % 7], json.dumps({"loyalty": i * 7919 % 500, "tier": "abcd"[i % 4]}), to_micros(START),
                     to_micros(START))
                    for i in ids
                ],
            )  # fmt: skip
            conn.exec_driver_sql(
                "insert into consents (contact_id, channel, account_id, marketing, marketing_basis, marketing_at,"
                " lapses_at, open_tracking, click_tracking) values (?, 'email', 1, 'granted', 'consent', ?, ?, ?, 'granted')",
                [(i, to_micros(START), lapse, "granted" if i % 10 else None) for i in ids],
            )


_PROVIDERS = ("gmail", "outlook", "yahoo", "orange", "free", "icloud", "sfr", "laposte", "gmx", "other")
_COUNTRIES = ("France", "FR", "France", "Belgique", "Suisse", "Canada", None)
_SHARES = (34, 52, 66, 76, 83, 89, 93, 96, 98, 100)


def _skewed(i: int) -> int:
    drawn = i * 2654435761 % 2**32 % 100
    return next(n for n, share in enumerate(_SHARES) if drawn < share)


def _campaign_events(con: duckdb.DuckDBPyConnection, rank: int, size: int, contacts: int) -> None:
    """All events of one campaign, in the order of a hash, so that nothing lies as it happened."""
    at = START + EVERY * (rank - 1)
    con.execute(
        f"""
        insert into lake.main.events by name
        with people as (
            select (i * 48271 + {rank} * 7919) % {contacts} + 1 as contact_id,
                hash(i, {rank}) as h, 2 * {rank} - (i % 2) as variant_id
            from range({size}) t(i)
        ),
        drawn as (
            select *, (h % 1000) / 1000.0 as u, (h >> 10) % 1000 / 1000.0 as v, (h >> 20) % 1000 / 1000.0 as w,
                (h >> 30) % 1000 / 1000.0 as x,
                list_extract({list(_PROVIDERS)}, 1
                    + len(list_filter({list(_SHARES)}, s -> s <= (contact_id * 2654435761) % 4294967296 % 100))) as provider
            from people
        ),
        told as (
            select 'planned' as type, -600 as after, null::integer as link, null::boolean as is_machine,
                null::varchar as bounce_class, null::varchar as via, * from drawn
            union all
            select 'accepted', 10 + 3000 * v, null, null, null, null, * from drawn where u >= 0.012
            union all
            select 'bounced', 10 + 3000 * v, null, null, if(x < 0.5, 'npai', 'soft'), 'session', * from drawn
                where u < 0.012
            union all
            select 'bounced', 9000 + 90000 * v, null, null, if(x < 0.5, 'npai', 'block'), 'mail', * from drawn
                where u >= 0.012 and u < 0.016
            union all
            select 'opened', 3100 + 80000 * w * w * w, null, x < 0.15, null, null, * from drawn
                where u >= 0.016 and v < 0.30 and contact_id % 10 <> 0
            union all
            select 'opened', 3200 + 160000 * x, null, false, null, null, * from drawn
                where u >= 0.016 and v < 0.08 and contact_id % 10 <> 0
            union all
            select 'clicked', 3300 + 90000 * w * w, 1 + (h >> 40) % 10, x < 0.05, null, null, * from drawn
                where u >= 0.016 and v < 0.05
            union all
            select 'unsubscribed', 3400 + 90000 * w, null, null, null, 'one_click', * from drawn
                where u >= 0.016 and w < 0.002
            union all
            select 'complained', 3500 + 90000 * w, null, null, null, 'feedback_loop', * from drawn
                where u >= 0.016 and w >= 0.002 and w < 0.0025 and provider <> 'gmail'
        )
        select
            coalesce((select max(lake_seq) from lake.main.events), 0) + row_number() over (order by hash(h, type, after))
                as lake_seq,
            md5(concat_ws(':', type, {rank}, contact_id, after))::uuid as event_id,
            'bench' as stream, coalesce((select max(lake_seq) from lake.main.events), 0) + row_number() over () as stream_seq,
            type, 1 as version, 1 as account_id,
            ?::timestamptz + to_microseconds((after * 1000000)::bigint) as occurred_at,
            ?::timestamptz + to_microseconds(((after + if(h % 50 = 0, 40000, 1)) * 1000000)::bigint) as recorded_at,
            {rank} as campaign_id, variant_id, contact_id, 'email' as channel, provider, false as is_test,
            if(type in ('accepted', 'bounced'), 1, null) as attempt, link,
            bounce_class, if(bounce_class = 'npai', 'unknown_user', if(bounce_class = 'soft', 'mailbox_full',
                if(bounce_class = 'block', 'policy', null))) as reason,
            via, if(type = 'accepted', contact_id % 10 <> 0, null) as opens_measured, is_machine,
            if(is_machine, 'bench', null) as rule, if(type = 'planned', 1, null) as segment_id,
            if(type in ('opened', 'clicked'),
                list_extract(['mobile', 'mobile', 'desktop', 'desktop', 'tablet', null], 1 + ((h >> 50) % 6)::bigint), null) as device
        from told
        """,
        [at, at],
    )


def _replays(con: duckdb.DuckDBPyConnection) -> None:
    """One event in five hundred comes a second time."""
    con.execute("""
        insert into lake.main.events by name
        select * replace (lake_seq + (select max(lake_seq) from lake.main.events) as lake_seq,
            stream_seq + (select max(stream_seq) from lake.main.events) as stream_seq)
        from lake.main.events where hash(event_id) % 500 = 0
    """)


def main() -> None:
    """Make the world and say what is in it."""
    started = time.monotonic()
    found = world()
    con = catalog.connect(found)
    catalog.attach_lake(con, found, read_only=True)
    count = con.execute("select type, count(*) from lake.main.events group by type order by 2 desc").fetchall()
    size = sum(p.stat().st_size for p in HOME.rglob("*") if p.is_file())
    print(
        f"{sum(n for _, n in count):,} events, {size / 1e6:,.0f} MB, {time.monotonic() - started:.0f} s: {dict(count)}"
    )


if __name__ == "__main__":
    main()
