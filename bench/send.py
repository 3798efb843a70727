"""The send engine against what else there is, on loopback, medians of interleaved rounds.

    python -m bench.send [--json] [--rounds 3] [--scale 1.0] [--only NAME …]
    python -m bench.send --recipients 1000000        one campaign of that size, and the memory of its worker

The sink is postfix's smtp-sink; each run of ours is a whole worker process with everything on: leases, claims,
consent, fill, send, intent and outcome durable in SQLite at synchronous=FULL, events in the outbox.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import mailing, opponents
from bench.mailing import Mailing
from bench.results import record
from sillage.campaign.prepare import envelope_of, footer_of
from sillage.content.dkim import Algorithm
from sillage.content.message import Compiled, compile_variant
from sillage.content.segments import Person
from sillage.domain.campaign import MessageKind, Pixel
from sillage.store import accounts, campaigns
from sillage.store.database import Store

UNSIGNED, SIGNED, DELAYED = 20_000, 8_000, 16_000
NAIVE = 200
DELAY_S = 0.02
TARGETS = {
    "unsigned_vs_smtp_source": (">=", 0.7),
    "unsigned_vs_nodemailer": (">=", 3.0),
    "rsa_vs_signing_limit": (">=", 0.75),
    "rsa_ed25519_vs_signing_limit": (">=", 0.68),
    "rsa_vs_nodemailer_dkim": (">=", 5.0),
    "rsa_vs_naive": (">=", 20.0),
    "two_processes_vs_one": (">=", 1.5),
    "delay20ms_vs_smtp_source": (">=", 3.5),
    "store_cost": ("<=", 0.2),
}


class Bed:
    """Campaigns ready to be sent, and a sink on its own port."""

    def __init__(self, folder: Path, scale: float) -> None:
        self.folder = folder
        self.port = _free_port()
        self.slow_port = _free_port()
        self._made: dict[str, Mailing] = {}
        self._number = 0
        self._scale = scale

    def size(self, count: int) -> int:
        """A number of messages, scaled."""
        return max(400, int(count * self._scale))

    def mailing(self, name: str, count: int, *, port: int, connections: int, keys: tuple[Algorithm, ...]) -> Mailing:
        """A fresh copy of a campaign, made on first use."""
        if name not in self._made:
            home = self.folder / name
            home.mkdir()
            self._made[name] = mailing.make(home, self.size(count), port=port, connections=connections, keys=keys)
        self._number += 1
        return mailing.copy(self._made[name], self.folder / f"run{self._number}")

    def unsigned(self) -> Mailing:
        """Ten connections, the relay signs."""
        return self.mailing("unsigned", UNSIGNED, port=self.port, connections=10, keys=())

    def signed(self, *keys: Algorithm) -> Mailing:
        """Ten connections, we sign."""
        return self.mailing("-".join(keys), SIGNED, port=self.port, connections=10, keys=keys)

    def delayed(self) -> Mailing:
        """A hundred connections to a server that takes its time."""
        return self.mailing("delayed", DELAYED, port=self.slow_port, connections=100, keys=())

    @property
    def key(self) -> Path:
        """An RSA key in a file."""
        return self.folder / "rsa" / "rsa.pem"

    @property
    def message(self) -> Path:
        """A message of ours in a file, as smtp-source and nodemailer send it."""
        path = self.folder / "message.eml"
        if not path.exists():
            path.write_bytes(filled(self.unsigned()))
        return path


def filled(found: Mailing) -> bytes:
    """One message of the campaign, unsigned."""
    compiled, person = _one(found)
    return compiled.fill(person).replace(b"\r\n", b"\n")


def _one(found: Mailing) -> tuple[Compiled, Person]:
    store = Store(found.settings.database_url)
    with store.read() as conn:
        account = accounts.by_id(conn, found.account_id)
        (variant,) = campaigns.variants_of(conn, found.account_id, found.campaign_id)
        (sender,) = campaigns.senders_of(conn, found.account_id)
    store.close()
    envelope = envelope_of(found.settings, account, sender, found.campaign_id, variant.id)
    compiled = compile_variant(variant.source, envelope, footer_of(account, MessageKind.MARKETING))
    fields = {"first_name": "Zoé123", "last_name": "Durand123", "city": "Saint-Malo"}
    now = found.settings.clock.now()
    return compiled, Person("person1@mail.example", fields, "t" * 36, "m" * 44, "n" * 36, Pixel.INDIVIDUAL, now)


def _fill_us(found: Mailing) -> float:
    compiled, person = _one(found)
    start = time.perf_counter()
    for _ in range(5000):
        compiled.fill(person)
    return (time.perf_counter() - start) / 5000 * 1e6


def _storeless(found: Mailing, core: int) -> float:
    done = subprocess.run(
        ["taskset", "-c", str(core), sys.executable, "-m", "bench.storeless", str(found.count)],
        env=found.settings.environment(), check=True, capture_output=True, text=True,
    )  # fmt: skip
    return float(done.stdout.split()[-1])


Measured = tuple[float, float | None]
"""Messages a second, and where it is known the processor time of one in microseconds."""


def _sent(found: Mailing, *, workers: int = 1, core: int | None = None) -> Measured:
    run = mailing.send(found, workers=workers, core=core)
    return run.per_second, run.cpu_us


def runs(bed: Bed, core: int) -> dict[str, Callable[[], float | Measured]]:
    """What is measured, in the order in which each round goes through it."""
    port, slow, count = bed.port, bed.slow_port, bed.size(UNSIGNED)
    signed = bed.size(SIGNED)
    rsa, ed25519 = Algorithm.RSA, Algorithm.ED25519
    return {
        "smtp_source": lambda: opponents.smtp_source(port, bed.message, count, 10),
        "unsigned": lambda: _sent(bed.unsigned()),
        "nodemailer": lambda: opponents.nodemailer(port, bed.message, count // 2, 10),
        "signing_limit": lambda: opponents.signing_limit(core=core),
        "rsa": lambda: _sent(bed.signed(rsa), core=core),
        "rsa_ed25519": lambda: _sent(bed.signed(rsa, ed25519), core=core),
        "rsa_storeless": lambda: _storeless(bed.signed(rsa), core),
        "nodemailer_dkim": lambda: opponents.nodemailer(port, bed.message, max(300, signed // 8), 10, bed.key),
        "naive": lambda: opponents.naive(port, bed.key, NAIVE, 10),
        "rsa_one_process": lambda: _sent(bed.signed(rsa)),
        "rsa_two_processes": lambda: _sent(bed.signed(rsa), workers=2),
        "delay_smtp_source": lambda: opponents.smtp_source(slow, bed.message, bed.size(DELAYED) // 4, 100),
        "delay": lambda: _sent(bed.delayed()),
    }


RATIOS = {
    "unsigned_vs_smtp_source": ("unsigned", "smtp_source"),
    "unsigned_vs_nodemailer": ("unsigned", "nodemailer"),
    "rsa_vs_signing_limit": ("rsa", "signing_limit"),
    "rsa_ed25519_vs_signing_limit": ("rsa_ed25519", "signing_limit"),
    "rsa_vs_nodemailer_dkim": ("rsa", "nodemailer_dkim"),
    "rsa_vs_naive": ("rsa", "naive"),
    "two_processes_vs_one": ("rsa_two_processes", "rsa_one_process"),
    "delay20ms_vs_smtp_source": ("delay", "delay_smtp_source"),
}


def measure(rounds: int, scale: float, only: set[str]) -> dict[str, object]:
    """All figures: rates as medians over the rounds, ratios as medians of each round's own ratio."""
    found: dict[str, list[float]] = defaultdict(list)
    cpu: dict[str, list[float]] = defaultdict(list)
    wanted = {name for ratio, names in RATIOS.items() if ratio in only for name in names}
    if "store_cost" in only:
        wanted |= {"rsa", "rsa_storeless", "signing_limit"}
    core = (os.cpu_count() or 1) - 1
    with tempfile.TemporaryDirectory(prefix="sillage-send-") as name:
        bed = Bed(Path(name), scale)
        with sink(bed.port), slow_sink(bed.slow_port):
            for number in range(rounds):
                for title, run in runs(bed, core).items():
                    if only and title not in wanted:
                        continue
                    rate, cpu_us = one if isinstance(one := run(), tuple) else (one, None)
                    found[title].append(rate)
                    if cpu_us is not None:
                        cpu[title].append(cpu_us)
                    print(f"round {number + 1}: {title}: {found[title][-1]:,.0f}/s", file=sys.stderr)
        fill_us = _fill_us(bed.unsigned())
    figures: dict[str, object] = {
        ratio: round(statistics.median(a / b for a, b in zip(found[ours], found[theirs], strict=True)), 3)
        for ratio, (ours, theirs) in RATIOS.items()
        if found[ours] and found[theirs]
    }
    if found["rsa_storeless"] and found["rsa"]:
        pairs = zip(found["rsa"], found["rsa_storeless"], strict=True)
        figures["store_cost"] = round(statistics.median(1 - ours / bare for ours, bare in pairs), 3)
        figures["shares_of_signed"] = _shares(found, fill_us)
    # Processor time is what other work on the machine changes least: the same ratios by it, beside those by the clock.
    figures |= {
        f"{ratio}_by_cpu": round(statistics.median(b / a for a, b in zip(cpu[ours], cpu[theirs], strict=True)), 3)
        for ratio, (ours, theirs) in RATIOS.items()
        if cpu[ours] and theirs == "signing_limit" and cpu[theirs]
    }
    figures["cpu_us"] = {title: round(statistics.median(us)) for title, us in cpu.items() if us}
    figures["per_second"] = {title: round(statistics.median(rates)) for title, rates in found.items() if rates}
    return figures


def _shares(found: dict[str, list[float]], fill_us: float) -> dict[str, float]:
    """Where a signed message's time goes: what single steps cost, and the rest to the wire."""
    whole, bare = (1e6 / statistics.median(found[name]) for name in ("rsa", "rsa_storeless"))
    sign = 1e6 / statistics.median(found["signing_limit"])
    shares = {"fill": fill_us, "sign": sign, "protocol": bare - fill_us - sign, "store": whole - bare}
    return {name: round(us / whole, 3) for name, us in shares.items()}


def memory(recipients: int, first: int | None) -> dict[str, object]:
    """Send one campaign of that size, or its first so many: the worker's memory at ten moments, and the most of it."""
    with tempfile.TemporaryDirectory(prefix="sillage-send-") as name:
        port = _free_port()
        made = mailing.make(Path(name), recipients, port=port, connections=10)
        with sink(port):
            run = mailing.send(made, count=first)
    steady = run.memory_mb[len(run.memory_mb) // 5 :]
    return {
        "recipients": recipients,
        "sent": first or recipients,
        "per_second": round(run.per_second),
        "peak_mb": round(run.peak_mb),
        "memory_mb": [round(mb) for mb in run.memory_mb],
        "growth_mb": round(max(steady) - min(steady), 1),
    }


@contextmanager
def sink(port: int) -> Iterator[None]:
    """Postfix's smtp-sink."""
    user = ["-u", "nobody"] if os.getuid() == 0 else []
    with mailing.running([opponents.tool("smtp-sink"), *user, f"127.0.0.1:{port}", "1024"]):
        _wait_for(port)
        yield


@contextmanager
def slow_sink(port: int) -> Iterator[None]:
    """A server that answers after 20 ms."""
    with mailing.running([sys.executable, "-m", "bench.slow_sink", str(port), str(DELAY_S)]):
        _wait_for(port)
        yield


def _wait_for(port: int) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise SystemExit(f"nothing listens on port {port}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _verdict(name: str, value: float) -> str:
    sign, target = TARGETS[name]
    met = value >= target if sign == ">=" else value <= target
    return f"{name:32} {value:8.3f}   {sign} {target:<6} {'met' if met else 'NOT MET'}"


def main() -> None:
    """Measure, print, record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object and nothing else")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="of the number of messages")
    parser.add_argument("--only", nargs="*", default=[], choices=[*TARGETS], metavar="NAME")
    parser.add_argument("--recipients", type=int, help="measure one campaign of that size instead")
    parser.add_argument("--first", type=int, help="of that one campaign, send so many and stop there")
    options = parser.parse_args()
    opponents.tool("smtp-sink")
    if options.recipients:
        record("send_memory", **memory(options.recipients, options.first))
        return
    figures = measure(options.rounds, options.scale, set(options.only))
    if options.json:
        print(json.dumps(figures))
        return
    for name in TARGETS:
        value = figures.get(name)
        if isinstance(value, float):
            print(_verdict(name, value))
    for title in ("shares_of_signed", "cpu_us"):
        print(f"{title}: {figures.get(title)}")
    record("send", **figures)


if __name__ == "__main__":
    main()
