"""How long a campaign that has passed its critical line goes on, and what the guard costs.

    python -m bench.guard [--runs 3] [--seconds 20]

Real processes (collector, worker, guard) send to a server of ours that turns sour at a known message: it refuses
every recipient from then on, or puts off those of one provider. Time runs from the answer by which the line is
passed to the last message that left; the rows of the thresholds say which answer that is. The cost is the guard's
processor time on the world of 20 M events, with a campaign of 1,000,000 recipients that is being sent to.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bench import marts
from bench.results import record
from bench.world import world
from sillage.alarm.guard import Guard
from sillage.campaign.create import CampaignSpec, SenderSpec, VariantSpec, create_campaign
from sillage.campaign.plan import plan_campaign
from sillage.campaign.schedule import resume, resume_slice, schedule
from sillage.commands.demo import demo_settings
from sillage.domain.consent import lapses_at
from sillage.domain.ids import AccountId, CampaignId
from sillage.domain.segment import parse_tree
from sillage.lake.build import build_marts
from sillage.lake.reader import Reader
from sillage.log import configure
from sillage.settings import ROOT, Settings
from sillage.store import accounts, campaigns, incidents, segments
from sillage.store.database import Store
from sillage.store.incidents import Incident
from sillage.store.migrate import upgrade
from sillage.store.tables import campaigns as campaigns_table
from sillage.store.tables import consents, contacts, metadata
from sillage.supervisor import Supervisor, python
from sillage.tokens import address_hash

PROVIDERS = ("gmail", "yahoo", "orange")
PEOPLE = 9_000
SOUR_AT = 1_200
"""From this message on."""


@dataclass
class SourServer:
    """A mail server that turns sour at one message, and writes down when each of its answers went out."""

    sour_provider: str | None
    port: int = 0
    is_mended: bool = False
    answers: list[tuple[float, str, int]] = field(default_factory=list)
    """(time.monotonic(), provider, code) of each message, in their order."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One session."""
        writer.write(b"220 sour\r\n")
        person = 0
        try:
            while line := (await reader.readline()).decode():
                verb, answer = line[:4].upper(), "250 ok"
                if verb == "RCPT":
                    person = int(line.split("<c", 1)[1].split("@", 1)[0])
                elif verb == "DATA":
                    writer.write(b"354 go on\r\n")
                    await reader.readuntil(b"\r\n.\r\n")
                    await asyncio.sleep(0.05)
                    answer = self._answer(PROVIDERS[person % 3])
                elif verb == "QUIT":
                    return
                writer.write(f"{answer}\r\n".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, provider: str) -> str:
        answer = "250 2.0.0 taken"
        if len(self.answers) >= SOUR_AT and not self.is_mended:
            if self.sour_provider is None:
                answer = "550 5.1.1 user unknown"
            elif self.sour_provider == provider:
                answer = "451 4.7.1 too much from you"
        self.answers.append((time.monotonic(), provider, int(answer[:3])))
        return answer


@dataclass
class Fault:
    """A campaign under way to a server that turns sour."""

    settings: Settings
    store: Store
    account_id: AccountId
    campaign_id: CampaignId
    server: SourServer

    def state(self) -> str:
        """The campaign's."""
        with self.store.read() as conn:
            return campaigns.get(conn, self.account_id, self.campaign_id).state.value

    def incidents(self) -> list[Incident]:
        """What the guard has stopped."""
        with self.store.read() as conn:
            return incidents.of_campaign(conn, self.account_id, self.campaign_id)

    def resume(self) -> None:
        """Mend the server and go on, as an analyst does."""
        now = self.settings.clock.now()
        self.server.is_mended = True
        with self.store.write() as conn:
            if self.server.sour_provider is None:
                resume(conn, self.account_id, self.campaign_id, now=now)
            else:
                resume_slice(conn, self.account_id, self.campaign_id, self.server.sour_provider, now=now)


def crossed_at(answers: list[tuple[float, str, int]], provider: str | None) -> int | None:
    """Number of the answer by which a line of dbt's table is passed (all is younger than its shortest window)."""
    with (ROOT / "dbt" / "seeds" / "thresholds.csv").open(encoding="utf-8", newline="") as file:
        rows = [
            r for r in csv.DictReader(file) if r["metric"] == ("refusal_rate" if provider else "permanent_bounce_rate")
        ]
    bad = all_ = 0
    for number, (_, of, code) in enumerate(answers):
        if provider is None or of == provider:
            all_ += 1
            bad += code != 250
        for row in rows:
            if (
                bad >= int(row["min_events"])
                and all_ >= int(row["min_denominator"])
                and bad / all_ >= float(row["critical_at"])
            ):
                return number
    return None


def until(is_so: Callable[[], bool], what: str, *, seconds: float = 600.0) -> None:
    """Wait for something to become true: 37 s for the rest of the people at the server's pace, more on a busy machine."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.05)


def with_fault(
    folder: Path, provider: str | None, direct: Callable[[Fault], Any], *, template: Path | None = None
) -> Any:
    """Set up a campaign to a server that turns sour, run the real processes, and let `direct` look on.

    `template` keeps the empty lake and the views over it from one run to the next: dbt takes its time.
    """
    settings = demo_settings(folder / "run", speed=1, free_ports=True)
    store = Store(settings.database_url)
    upgrade(store)
    if template is not None and (template / "marts" / "project").exists():
        for part in ("lake", "marts"):
            shutil.copytree(template / part, settings.data_dir / part)
    else:
        build_marts(settings)
        if template is not None:
            for part in ("lake", "marts"):
                shutil.copytree(settings.data_dir / part, template / part)
    return asyncio.run(_with_fault(settings, store, provider, direct))


async def _with_fault(settings: Settings, store: Store, provider: str | None, direct: Callable[[Fault], Any]) -> Any:
    server = SourServer(provider)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    settings = settings.model_copy(update={"postoffice_port": server.port})
    account, campaign = await asyncio.to_thread(_campaign, settings, store)
    rooms = ("sillage.lake.collector", "sendworker.worker", "sendworker.guard")
    supervisor = Supervisor([python(room.rsplit(".", 1)[1], room) for room in rooms], settings.environment())
    running = asyncio.create_task(supervisor.run())
    try:
        return await asyncio.to_thread(direct, Fault(settings, store, account, campaign, server))
    finally:
        supervisor.stop()
        await running
        listening.close()
        store.close()


def _campaign(settings: Settings, store: Store) -> tuple[AccountId, CampaignId]:
    now, secret = settings.clock.now(), settings.secret.get_secret_value()
    spec = CampaignSpec(
        name="Sour",
        sender=SenderSpec(name="Maison", email="news@maison.example"),
        include=["All"],
        variants=[VariantSpec(subject="Hello", html='<p><a href="https://shop.example/">shop</a></p>')],
    )
    with store.write() as conn:
        account = accounts.create(
            conn, "maison", "Maison", created_at=now, legal_name="Maison SAS", postal_address="1 quai, Brest"
        )
        campaigns.add_sender(conn, account.id, "Maison", "news@maison.example", now=now, verified_at=now)
        segments.save(conn, account.id, "All", parse_tree({"kind": "everyone"}), now=now)
        people = [
            {"id": n, "account_id": account.id, "email": f"c{n}@mail.example", "provider": PROVIDERS[n % 3], "custom": {},
             "email_hash": address_hash(secret, f"c{n}@mail.example"), "created_at": now, "updated_at": now}
            for n in range(1, PEOPLE + 1)
        ]  # fmt: skip
        conn.execute(contacts.insert(), people)
        agreed = {"account_id": account.id, "channel": "email", "marketing": "granted", "marketing_basis": "consent",
                  "marketing_at": now, "lapses_at": lapses_at(now, None), "open_tracking": "granted",
                  "click_tracking": "granted"}  # fmt: skip
        conn.execute(consents.insert(), [{"contact_id": p["id"], **agreed} for p in people])
        made = create_campaign(conn, settings, account, spec, now=now)
        schedule(conn, account.id, made, send_at=now)
    plan_campaign(store, settings, account.id, made)
    return account.id, made


def reaction(fault: Fault) -> dict[str, Any]:
    """Seconds from the answer that passes the line to the last one of what had to stop."""
    server, provider = fault.server, fault.server.sour_provider
    until(lambda: bool(fault.incidents()), "the guard")
    time.sleep(3.0)  # whatever was in flight has been answered by then
    crossed = crossed_at(server.answers, provider)
    assert crossed is not None
    last = max(at for at, of, _ in server.answers if provider is None or of == provider)
    after = sum(provider is None or of == provider for _, of, _ in server.answers[crossed + 1 :])
    return {"last_message_after_s": round(last - server.answers[crossed][0], 2), "messages_after": after}


def cost(seconds: float) -> dict[str, Any]:
    """Processor time of the guard's looks in shares of a core, while a campaign of a million is being sent to."""
    settings = marts.copied()
    if not (settings.marts_dir / "project").exists():
        build_marts(settings)
    store, reader = Store(settings.database_url), Reader(settings)
    # A world that was made before there were incidents has no table of them.
    metadata.create_all(store.engine)
    with store.write() as conn:
        conn.execute(
            campaigns_table.update().where(campaigns_table.c.id.in_((1, 15))).values(state="sending", closed_at=None)
        )
    guard = Guard(settings, store, reader)
    guard.look()
    stop = threading.Event()
    feeder = threading.Thread(target=_feed, args=(stop,))
    spent: deque[float] = deque()
    looks: list[float] = []
    feeder.start()
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        before, began = _thread_cpu(), time.monotonic()
        guard.look()
        spent.append(_thread_cpu() - before)
        looks.append(time.monotonic() - began)
        time.sleep(max(0.0, 1.0 - looks[-1]))
    stop.set()
    feeder.join()
    with store.write() as conn:
        conn.execute(sa.update(campaigns_table).values(state="closed"))
    reader.close()
    store.close()
    return {"looks": len(looks), "core_share": round(sum(spent) / (time.monotonic() - started), 3),
            "look_median_ms": round(statistics.median(looks) * 1000, 1), "look_max_ms": round(max(looks) * 1000, 1)}  # fmt: skip


def _thread_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _feed(stop: threading.Event) -> None:
    """Events in a process of its own, so that their cost is not the guard's."""
    code = (
        "import sys, time\nfrom bench import marts\nfrom sillage.settings import Settings\ns = marts.copied()\n"
        "n = 0\nwhile True:\n    n += 1\n    marts.add_events(s, int(time.time() * 1000) % 10**9 + n, 1000)\n    time.sleep(1)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) as child:
        stop.wait()
        child.terminate()


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    configure("bench")
    with tempfile.TemporaryDirectory(prefix="sillage-guard-") as template:
        _reactions(Path(template), options.runs)
    if options.seconds:
        world()
        record("guard_cost", events=20_000_000, **cost(options.seconds))


def _reactions(template: Path, runs: int) -> None:
    for provider in (None, "orange") if runs else ():
        found = []
        for _ in range(runs):
            with tempfile.TemporaryDirectory(prefix="sillage-guard-") as folder:
                found.append(with_fault(Path(folder), provider, reaction, template=template))
        waits = sorted(f["last_message_after_s"] for f in found)
        where = provider or "everywhere"
        record("guard", fault_at=where, runs=found, median_s=statistics.median(waits), max_s=waits[-1])


if __name__ == "__main__":
    main()
