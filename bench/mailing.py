"""A campaign of N recipients, planned and due, in a store of its own, and a worker that sends it: the bench's bed.

The message is the one of limits.md: 10 KB, HTML and text, 31 links, 3 merge fields.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from sillage.campaign.create import create_campaign, parse_spec
from sillage.campaign.plan import plan_campaign
from sillage.campaign.schedule import schedule
from sillage.content.dkim import Algorithm, generate
from sillage.domain.consent import lapses_at
from sillage.domain.ids import AccountId, CampaignId
from sillage.domain.segment import parse_tree
from sillage.settings import Settings
from sillage.store import accounts, bulk, campaigns, dkim_keys, segments
from sillage.store.columns import to_micros
from sillage.store.database import Store
from sillage.store.migrate import upgrade
from sillage.store.tables import consents, contacts, outbox, provider_rates
from sillage.tokens import address_hash

SECRET = "bench-bench-bench-bench-bench-bench"  # noqa: S105  # signs nothing that leaves the machine
DOMAIN = "news.bench.example"
PROVIDER = "other"
LINKS = 28
"""The footer adds three."""
POLL_S = 0.02
GIVE_UP_S = 600.0


def body() -> str:
    """The source of a 10 KB message with three merge fields."""
    words = "Une lettre de la maison, avec ce qui est neuf, ce qui est beau, ce qui reste et ce qui vient après elle. "
    items = "".join(
        f'<p style="margin:0 0 8px">{words}<a href="https://shop.example/p/{n}">Voir {n}</a></p>' for n in range(LINKS)
    )
    return (
        '<html><body><p>Bonjour {{ first_name | default: "vous" }} {{ last_name | default: "" }},</p>'
        f'<p>{{{{ city | default: "ici" }}}}</p>{items}</body></html>'
    )


TEXT = "Bonjour {{ first_name | default: 'vous' }}.\n" + "Une lettre de la maison, sans image, à lire partout.\n" * 20


@dataclass(frozen=True, slots=True)
class Mailing:
    """A planned campaign and the settings that point at its store."""

    settings: Settings
    account_id: AccountId
    campaign_id: CampaignId
    count: int

    @property
    def path(self) -> Path:
        """The file of ops."""
        return self.settings.data_dir / "ops.sqlite"


def make(
    folder: Path, count: int, *, port: int, connections: int, keys: tuple[Algorithm, ...] = (), **settings: Any
) -> Mailing:
    """Contacts who agreed, and a campaign to all of them, planned and due now, signed with `keys`."""
    found = Settings(data_dir=folder, secret=SECRET, demo=True, postoffice_port=port, **settings)  # type: ignore[arg-type]
    store = Store(found.database_url)
    upgrade(store)
    now = found.clock.now()
    at = to_micros(now)
    with store.write() as conn:
        account = accounts.create(
            conn, "bench", "Bench", created_at=now, legal_name="Bench SAS", postal_address="1 quai, Brest"
        )
        campaigns.add_sender(conn, account.id, "Bench", f"news@{DOMAIN}", now=now, verified_at=now)
        for algorithm in keys:
            path = folder / f"{algorithm}.pem"
            path.write_bytes(generate(DOMAIN, algorithm, algorithm).to_pem())
            dkim_keys.add(conn, account.id, DOMAIN, algorithm, algorithm, path, now=now)
        dkim_keys.activate(conn, account.id, DOMAIN, now=now)
        segments.save(conn, account.id, "All", parse_tree({"kind": "everyone"}), now=now)
        conn.execute(provider_rates.delete())
        conn.execute(
            provider_rates.insert().values(
                provider="*", channel="email", connections=connections, per_connection=1_000_000, per_second=None
            )
        )
        lapses = to_micros(lapses_at(now, None))
        for first in range(1, count + 1, 20_000):
            numbers = range(first, min(first + 20_000, count + 1))
            bulk.insert(
                conn, contacts,
                ("id", "account_id", "email", "email_hash", "provider", "first_name", "last_name", "city", "custom",
                 "created_at", "updated_at"),
                [(n, account.id, f"person{n}@mail.example", address_hash(SECRET, f"person{n}@mail.example"), PROVIDER,
                  f"Zoé{n}", f"Durand{n}", "Saint-Malo", "{}", at, at) for n in numbers],
            )  # fmt: skip
            bulk.insert(
                conn, consents,
                ("contact_id", "channel", "account_id", "marketing", "marketing_basis", "marketing_at", "lapses_at",
                 "open_tracking", "click_tracking"),
                [(n, "email", account.id, "granted", "consent", at, lapses, "granted", "granted") for n in numbers],
            )  # fmt: skip
    raw = {
        "name": "News",
        "sender": {"name": "Bench", "email": f"news@{DOMAIN}"},
        "include": ["All"],
        "send_at": now,
        "variants": [{"subject": "{{ first_name | default: 'Vous' }}, du neuf", "html": body(), "text": TEXT}],
    }
    with store.write() as conn:
        campaign = create_campaign(conn, found, account, parse_spec(raw, where="bench"), now=now)
        schedule(conn, account.id, campaign)
    plan_campaign(store, found, account.id, campaign)
    with store.write() as conn:
        conn.execute(outbox.delete())
    store.close()
    return Mailing(found, account.id, campaign, count)


def copy(mailing: Mailing, folder: Path) -> Mailing:
    """The same campaign, not sent yet, in another folder."""
    shutil.copytree(mailing.settings.data_dir, folder)
    return replace(mailing, settings=mailing.settings.model_copy(update={"data_dir": folder}))


def progress(path: Path) -> int:
    """How many events were ever put in the outbox: every outcome is one."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as conn:
        (seq,) = conn.execute("select coalesce(max(seq), 0) from sqlite_sequence where name = 'outbox'").fetchone()
    return int(seq)


@contextmanager
def running(
    command: list[str],
    *,
    env: dict[str, str] | None = None,
    core: int | None = None,
    out: IO[bytes] | int = subprocess.DEVNULL,
) -> Iterator[int]:
    """A process, told to leave at the end; its pid."""
    pinned = ["taskset", "-c", str(core), *command] if core is not None else command
    process = subprocess.Popen(pinned, env=env, stdout=out, stderr=out)
    try:
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()
        process.wait()


@dataclass(frozen=True, slots=True)
class Run:
    """What a worker did: messages a second in its steady middle, and the most memory it took."""

    per_second: float
    cpu_us: float
    """Processor time of all workers for one message, in microseconds: what other work on the machine changes least."""
    peak_mb: float
    memory_mb: tuple[float, ...] = ()


def send(
    mailing: Mailing,
    *,
    workers: int = 1,
    core: int | None = None,
    env: dict[str, str] | None = None,
    count: int | None = None,
) -> Run:
    """Send the campaign, or its first `count`, with `workers` processes; the rate between a tenth and nineteen
    twentieths of that.
    """
    count = mailing.count if count is None else min(count, mailing.count)
    environment = mailing.settings.environment() | (env or {})
    log = mailing.settings.data_dir / "worker.log"
    start = progress(mailing.path)
    command = [sys.executable, "-m", "sendworker.worker"]
    with contextlib.ExitStack() as stack:
        out = stack.enter_context(log.open("wb"))
        pids = [stack.enter_context(running(command, env=environment, core=core, out=out)) for _ in range(workers)]
        marks: list[tuple[float, int]] = []
        memory: list[float] = []
        cpu: list[float] = []
        began = time.monotonic()
        while not marks or marks[-1][1] < count:
            if time.monotonic() - began > GIVE_UP_S or any(_has_ended(pid) for pid in pids):
                said = "\n".join(log.read_text("utf-8").splitlines()[-20:])
                raise SystemExit(f"the worker did not send: {marks[-1:]} of {count}; it said:\n{said}")
            time.sleep(POLL_S)
            marks.append((time.monotonic(), progress(mailing.path) - start))
            cpu.append(sum(_cpu_s(pid) for pid in pids))
            memory.append(max(_rss_mb(pid) for pid in pids))
    low, high = count * 0.1, count * 0.95
    first = next(at for at, mark in enumerate(marks) if mark[1] >= low)
    last = next(at for at, mark in enumerate(marks) if mark[1] >= high)
    sent = marks[last][1] - marks[first][1]
    step = max(1, len(memory) // 10)
    seconds = marks[last][0] - marks[first][0]
    return Run(sent / seconds, (cpu[last] - cpu[first]) / sent * 1e6, max(memory), tuple(memory[::step]))


def _has_ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("Z")
    except OSError:
        return True


def _cpu_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss_mb(pid: int) -> float:
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0
