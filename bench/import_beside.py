"""While a million contacts are imported: a campaign goes on sending, the tracker goes on answering, others go on writing.

    python -m bench.import_beside [--rows 1000000] [--per-second 100]

Worker, tracker, collector and import are processes of their own over one ops on SQLite. Measured beside the import, and
before it for comparison: each tracking request (a click and an open, in turn), each write of one row into ops, and the
messages that leave. Nobody may hear "database is locked": all processes' logs are searched for it.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bench import mailing
from bench.import_contacts import write_file
from bench.results import record
from sillage.ingest import import_file
from sillage.settings import Settings
from sillage.store import campaigns
from sillage.store.database import Store
from sillage.store.tables import installation, provider_rates
from sillage.tokens import Recipient, TokenKey
from tests.conftest import free_port

ROOMS = ("web", "sendworker.worker", "sillage.lake.collector")
BEFORE_S = 10.0
_IMPORT = "import sys\nfrom bench.import_beside import imported\nimported(*sys.argv[1:])\n"


def imported(folder: str, ops: str, account: str, path: str) -> None:
    """The import itself, in a process of its own."""
    settings = Settings(data_dir=Path(folder), secret=mailing.SECRET, ops_url=ops, demo=True)  # type: ignore[arg-type]
    begun = time.perf_counter()
    import_file(Store(settings.database_url), settings, int(account), Path(path))  # type: ignore[arg-type]
    print("TOOK", time.perf_counter() - begun)


class Looker:
    """Measures one thing again and again, until it is told to stop."""

    def __init__(self, act: Any, pause_s: float) -> None:
        self._act, self._pause_s = act, pause_s
        self._over = threading.Event()
        self.waits: list[float] = []
        self.faults: list[str] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.wait(self._pause_s):
            begun = time.perf_counter()
            try:
                self._act()
            except Exception as exc:  # noqa: BLE001 - whatever it is, it is counted and shown
                self.faults.append(repr(exc))
            self.waits.append(time.perf_counter() - begun)

    def stop(self) -> dict[str, Any]:
        """Milliseconds: median, p99 and the worst; how many, and how many failed."""
        self._over.set()
        self._thread.join()
        ordered = sorted(1000 * wait for wait in self.waits)
        return {
            "count": len(ordered), "median_ms": round(ordered[len(ordered) // 2], 1),
            "p99_ms": round(ordered[int(len(ordered) * 0.99)], 1), "max_ms": round(ordered[-1], 1),
            "faults": len(self.faults),
        }  # fmt: skip


def run(folder: Path, rows: int, per_second: int) -> dict[str, Any]:
    """Figures of before and beside."""
    path = folder / "people.csv"
    write_file(path, rows)
    web, sink = free_port(), free_port()
    bed = mailing.make(
        folder / "run", 60_000, port=sink, connections=4, web_port=web, inbound_port=free_port(), metrics_port=0
    )
    settings = bed.settings
    store = Store(settings.database_url)
    with store.write() as conn:
        conn.execute(provider_rates.update().values(per_second=per_second))
        (variant, *_) = campaigns.variants_of(conn, bed.account_id, bed.campaign_id)
    key = TokenKey(mailing.SECRET)
    turn = iter(range(10**9))

    def ask() -> None:
        number = next(turn)
        token = key.sign(Recipient(bed.campaign_id, variant.id, number % bed.count + 1))  # type: ignore[arg-type]
        conn = http.client.HTTPConnection("127.0.0.1", web, timeout=10)
        with contextlib.closing(conn):
            conn.request("GET", f"/c/{token}/1" if number % 2 else f"/o/{token}.gif")
            answer = conn.getresponse()
            answer.read()
            if answer.status not in {200, 302}:
                raise ValueError(answer.status)

    def write() -> None:
        with store.write() as conn:
            conn.execute(sa.update(installation).where(installation.c.key == "epoch").values(key="epoch"))

    logs = {room: folder / f"{room}.log" for room in ROOMS}
    with contextlib.ExitStack() as stack:
        stack.enter_context(mailing.running([sys.executable, "-m", "bench.slow_sink", str(sink), "0.02"]))
        for room in ROOMS:
            stack.enter_context(_room(room, settings, logs[room]))
        _until_up(web)
        begun = mailing.progress(bed.path)
        while mailing.progress(bed.path) < begun + per_second:
            time.sleep(0.1)
        found: dict[str, Any] = {"before": _measured(bed, ask, write, lambda: time.sleep(BEFORE_S))}
        took: list[float] = []

        def work() -> None:
            done = subprocess.run(
                [sys.executable, "-c", _IMPORT, str(settings.data_dir), settings.database_url, str(bed.account_id), str(path)],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            logs["import"] = folder / "import.log"
            logs["import"].write_text(done.stdout + done.stderr)
            took.append(float(done.stdout.rpartition("TOOK")[2]))

        found["beside"] = _measured(bed, ask, write, work)
    locked = sum("database is locked" in log.read_text(errors="replace") for log in logs.values())
    return {"rows": rows, "import_s": round(took[0], 1), "locked": locked, **found}


def _measured(bed: mailing.Mailing, ask: Any, write: Any, work: Any) -> dict[str, Any]:
    lookers = {"tracking": Looker(ask, 0.02), "write": Looker(write, 0.02)}
    sent, begun = mailing.progress(bed.path), time.monotonic()
    work()
    per_second = (mailing.progress(bed.path) - sent) / (time.monotonic() - begun)
    return {**{name: looker.stop() for name, looker in lookers.items()}, "sent_per_second": round(per_second, 1)}


@contextlib.contextmanager
def _room(module: str, settings: Settings, log: Path) -> Any:
    with log.open("wb") as file:
        process = subprocess.Popen([sys.executable, "-m", module], env=settings.environment(), stdout=file, stderr=file)
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


def _until_up(port: int) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            http.client.HTTPConnection("127.0.0.1", port, timeout=1).connect()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def main() -> None:
    """Run it once and record it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--per-second", type=int, default=100)
    said = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sillage-beside-") as name:
        record("import_beside", load=round(os.getloadavg()[0], 1), **run(Path(name), said.rows, said.per_second))


if __name__ == "__main__":
    main()
