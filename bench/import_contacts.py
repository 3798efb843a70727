"""An import of a million contacts by the full path, beside a bare chunked upsert of the same rows, in one run.

Prints, for SQLite and PostgreSQL: the ratio of both times (median of the rounds), the second import of the same file,
the longest time for which a chunk held the write lock, the waits of one-row writers beside it, and the peak of memory.

    python -m bench.import_contacts [--rows 1000000] [--rounds 1] [--engines sqlite,postgresql]
    python -m bench.import_contacts --memory 1000000,10000000       what files of these lengths take of it, on SQLite
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import resource
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import sqlalchemy as sa

from bench.results import record
from sillage.domain.ids import AccountId
from sillage.ingest import import_file
from sillage.ingest.pace import Pace
from sillage.settings import Settings
from sillage.store import accounts
from sillage.store.database import Store
from sillage.store.migrate import upgrade
from sillage.store.tables import installation
from tests.conftest import cluster

SECRET = "0123456789abcdef0123456789abcdef"  # noqa: S105 - of a database that lives for a minute
FIELDS = ("email", "first_name", "last_name", "city", "postcode", "country", "plan", "consent_at")
CHUNK = 5_000
PRAGMAS = ("journal_mode=wal", "synchronous=full", "foreign_keys=on", "secure_delete=on", "temp_store=memory")
_UPSERT = f"insert into bare ({', '.join(FIELDS)}) {{source}} on conflict (email) do update set " + ", ".join(
    f"{name} = excluded.{name}" for name in FIELDS[1:]
)
_MAIN = "import sys\nfrom bench.import_contacts import measured\nmeasured(*sys.argv[1:])\n"
_ONCE = "import sys\nfrom bench.import_contacts import once\nonce(*sys.argv[1:])\n"


def write_file(path: Path, rows: int) -> None:
    """People in no order, 1 % twice, 1 % without an address."""
    rng = random.Random(7)  # noqa: S311 - the same people in each run
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(FIELDS)
        for n in range(rows):
            kind = rng.random()
            email = f"anna.{rng.getrandbits(40):x}@d{rng.randrange(400)}.example"
            if kind < 0.01:
                email = "no address"
            elif kind < 0.02:
                email = "twice@d1.example"
            writer.writerow((
                email, rng.choice(("Anne", "Chloé", "Bob")), rng.choice(("Martin", "Lefèvre")), rng.choice(("Paris", "Brest")),
                f"{n % 95000:05d}", "FR", rng.choice("abc"), f"2026-0{1 + n % 9}-1{n % 9}",
            ))  # fmt: skip


def chunks(path: Path) -> Iterator[list[tuple[str, ...]]]:
    """The rows of a file, read before anything is timed."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        next(reader)
        part: list[tuple[str, ...]] = []
        for row in reader:
            part.append(tuple(row))
            if len(part) == CHUNK:
                yield part
                part = []
        if part:
            yield part


def bare(path: Path, url: str, folder: Path) -> float:
    """Seconds of a bare upsert: executemany on SQLite; COPY to a temporary table and merge on PostgreSQL."""
    took = 0.0
    columns = ", ".join(f"{name} text" for name in FIELDS[1:])
    if url.startswith("sqlite"):
        conn = sqlite3.connect(folder / "bare.sqlite", isolation_level=None)
        for pragma in PRAGMAS:
            conn.execute(f"pragma {pragma}")
        conn.execute(f"create table bare (id integer primary key, email text not null unique, {columns})")
        sql = _UPSERT.format(source=f"values ({', '.join('?' * len(FIELDS))})")
        for part in chunks(path):
            begun = time.perf_counter()
            conn.execute("begin immediate")
            conn.executemany(sql, part)
            conn.execute("commit")
            took += time.perf_counter() - begun
        conn.close()
        return took
    with psycopg.connect(url) as pg, pg.cursor() as cursor:
        cursor.execute(f"create table bare (id bigserial primary key, email text not null unique, {columns})")
        cursor.execute(f"create temp table loading (email text, {columns})")
        pg.commit()
        for part in chunks(path):
            begun = time.perf_counter()
            cursor.execute("truncate loading")
            with cursor.copy(f"copy loading ({', '.join(FIELDS)}) from stdin") as copy:
                for row in part:
                    copy.write_row(row)
            cursor.execute(
                _UPSERT.format(source=f"select distinct on (email) {', '.join(FIELDS)} from loading").encode()
            )
            pg.commit()
            took += time.perf_counter() - begun
        cursor.execute("drop table bare")
    return took


def _shop(url: str, folder: str) -> tuple[Settings, Store, AccountId]:
    settings = Settings(data_dir=Path(folder) / "run", secret=SECRET, ops_url=url, demo=True)  # type: ignore[arg-type]
    store = Store(settings.database_url)
    upgrade(store)
    with store.write() as conn:
        account = accounts.create(conn, f"shop{os.getpid()}", "Shop", created_at=settings.clock.now())
    return settings, store, account.id


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def once(path: str, folder: str) -> None:
    """In a process of its own: one import, on SQLite; prints what it took of time and memory."""
    settings, store, account_id = _shop(f"sqlite:///{folder}/run/ops.sqlite", folder)
    begun = time.perf_counter()
    import_file(store, settings, account_id, Path(path))
    print("FIGURES", time.perf_counter() - begun, _peak_mb())


def memory(folder: Path, lengths: list[int]) -> None:
    """Import files of some lengths, each into an empty ops, and record the peaks."""
    found = {}
    for rows in lengths:
        path = folder / f"people{rows}.csv"
        write_file(path, rows)
        with tempfile.TemporaryDirectory(dir=folder) as name:
            done = subprocess.run(
                [sys.executable, "-c", _ONCE, str(path), name], capture_output=True, text=True, check=True
            )
        took, peak = (float(x) for x in done.stdout.rpartition("FIGURES")[2].split())
        found[rows] = {"s": round(took, 1), "rows_per_s": round(rows / took), "peak_mb": round(peak)}
        path.unlink()
    record("import_memory", **{f"rows_{rows}": figures for rows, figures in found.items()})


def measured(path: str, url: str, folder: str) -> None:
    """In a process of its own: the import twice, with a one-row writer beside it; prints figures."""
    settings, store, account_id = _shop(url, folder)
    held: list[float] = []
    learn = Pace.learn

    def noted(pace: Pace, rows: int, cost: float, held_s: float) -> None:
        held.append(held_s)
        learn(pace, rows, cost, held_s)

    setattr(Pace, "learn", noted)  # noqa: B010  # as no type checker would have it
    waits: list[float] = []
    over = threading.Event()

    def write_one() -> None:
        while not over.wait(0.02):
            begun = time.perf_counter()
            with store.write() as conn:
                conn.execute(sa.update(installation).where(installation.c.key == "epoch").values(key="epoch"))
            waits.append(time.perf_counter() - begun)

    beside = threading.Thread(target=write_one)
    beside.start()
    times = []
    for _ in range(2):
        begun = time.perf_counter()
        import_file(store, settings, account_id, Path(path))
        times.append(time.perf_counter() - begun)
    over.set()
    beside.join()
    print("FIGURES", *times, _peak_mb(), *_quantiles(held), *_quantiles(waits))


def _quantiles(values: list[float]) -> tuple[float, float, float]:
    ordered = sorted(values)
    return (
        1000 * ordered[len(ordered) // 2], 1000 * ordered[int(len(ordered) * 0.99)], 1000 * ordered[-1]
    )  # fmt: skip


def compare(engine: str, url: str, path: Path, rows: int, rounds: int) -> None:
    """Rounds of both, interleaved, and one line of results."""
    ratios, figures = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            ours = f"sqlite:///{folder}/run/ops.sqlite" if engine == "sqlite" else url
            before = bare(path, ours, folder)
            done = subprocess.run(
                [sys.executable, "-c", _MAIN, str(path), ours, name], capture_output=True, text=True, check=True
            )
            found = [float(x) for x in done.stdout.rpartition("FIGURES")[2].split()]
            (folder / "bare.sqlite").unlink(missing_ok=True)
            after = bare(path, ours, folder)
            ratios.append(found[0] / statistics.mean([before, after]))
            figures.append((statistics.mean([before, after]), *found))
    middle = figures[len(figures) // 2]
    names = (
        "bare_s", "import_s", "again_s", "peak_mb", "held_ms_median", "held_ms_p99", "held_ms_max", "wait_ms_median",
        "wait_ms_p99", "wait_ms_max",
    )  # fmt: skip
    record(
        "import_contacts", engine=engine, rows=rows, ratio=round(statistics.median(ratios), 2),
        **{name: round(value, 2) for name, value in zip(names, middle, strict=True)},
        load=round(os.getloadavg()[0], 1),
    )  # fmt: skip


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--engines", default="sqlite,postgresql")
    parser.add_argument("--memory", metavar="ROWS,…", help="measure memory alone, with files of these lengths")
    said = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="sillage-bench-"))
    try:
        if said.memory:
            memory(folder, [int(rows) for rows in said.memory.split(",")])
            return
        path = folder / "people.csv"
        write_file(path, said.rows)
        for engine in said.engines.split(","):
            if engine == "sqlite":
                compare(engine, "", path, said.rows, said.rounds)
                continue
            bins = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
            if not bins:
                print("PostgreSQL is not installed: `make system`")
                continue
            with tempfile.TemporaryDirectory(prefix="sillage-postgres-") as name:
                for url in cluster(Path(name), bins[-1].parent):
                    compare(engine, url, path, said.rows, said.rounds)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
