"""The tracker under wrk, beside the same server giving a constant picture; then the collector; then kills.

    python -m bench.track [--rounds 5] [--seconds 5] [--kills 0]

Server and wrk are pinned to a core each. Rounds are interleaved; medians are reported, by the wall and by the
server's own CPU (the machine may be busy with others). Every request has another recipient, and address and agent out
of many. `--kills N` ends with N kills -9 of tracker and collector under load: each answered click must be in the lake,
once. Needs Debian's wrk.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import uvloop
from msgspec.structs import replace

from bench.results import record
from sillage.domain.ids import ContactId
from sillage.lake.collector import collect_once
from sillage.lake.reader import Reader
from sillage.settings import ROOT, Settings
from sillage.store.database import Store
from sillage.store.migrate import upgrade
from tests.conftest import SECRET, free_port
from tests.listening import Scene
from web.answers import Answers
from web.http import Listener

RECIPIENTS = 5_000
NETWORKS = 3_000
MANY_LINKS = 20_000
AGENTS = [
    "Mozilla/5.0 (via ggpht.com GoogleImageProxy)",
    "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html",
    *(f"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:{v}.0) Gecko/20100101 Firefox/{v}.0" for v in range(100, 133)),
    *(f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_{v} like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148" for v in range(9)),
]
_SCRIPT = """
local paths, agents, networks = {{}}, {{}}, {networks}
for line in io.lines("{paths}") do paths[#paths + 1] = line end
for line in io.lines("{agents}") do agents[#agents + 1] = line end
local n, cut = 0, #paths
request = function()
  n = n + 1
  local m = n % networks
  return "GET " .. paths[n % cut + 1] .. " HTTP/1.1\\r\\nHost: t.example\\r\\nAccept: image/*\\r\\nUser-Agent: " ..
    agents[m % #agents + 1] .. "\\r\\nX-Forwarded-For: 81." .. math.floor(m / 250) .. "." .. m % 250 .. ".7\\r\\n\\r\\n"
end
"""


def serve_constant(port: int) -> None:
    """The same server with no check and no event."""

    async def serve() -> None:
        answers = Answers()
        listener = Listener(lambda exchange: exchange.send(answers.pixel), answers, max_connections=4_096)
        await listener.listen("127.0.0.1", port)
        await asyncio.Event().wait()

    from web.__main__ import _room, _spare_collections  # noqa: PLC0415  # the process is set up as the tracker is

    _room()
    _spare_collections()
    uvloop.run(serve())


def installation(folder: Path, *, links: int = 1) -> tuple[Settings, Scene]:
    """An ops with one message, and a port."""
    values: dict[str, Any] = {"data_dir": folder, "secret": SECRET, "demo": True, "trusted_proxies": ("127.0.0.1",)}
    settings = Settings(web_port=free_port(), **values)
    store = Store(settings.database_url)
    upgrade(store)
    scene = Scene.set_up(store, SECRET)
    for number in range(2, links + 1):
        scene.add_link(number, f"https://shop.example/{number}")
    return settings, scene


def started(settings: Settings, *command: str, core: int | None = None) -> subprocess.Popen[bytes]:
    """A process of ours, on its core."""
    pinned = ["taskset", "-c", str(core)] if core is not None else []
    return subprocess.Popen(
        [*pinned, sys.executable, *command], cwd=ROOT, env=settings.environment(), stderr=subprocess.DEVNULL
    )


def wait_for(port: int) -> None:
    """Until somebody answers there."""
    for _ in range(400):
        try:
            httpx.get(f"http://127.0.0.1:{port}/health", timeout=5)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"nobody answers on {port}")


@contextmanager
def running(settings: Settings, port: int, *command: str) -> Iterator[psutil.Process]:
    """A server on core 0, ended by its own id."""
    process = started(settings, *command, core=0)
    try:
        wait_for(port)
        yield psutil.Process(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def wrk(port: int, script: Path, connections: int, seconds: int, server: psutil.Process) -> dict[str, float]:
    """One run of wrk on core 1."""
    before = sum(server.cpu_times()[:2])
    command = ["taskset", "-c", "1", "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(script)]
    said = subprocess.run([*command, f"http://127.0.0.1:{port}/"], capture_output=True, text=True, check=True).stdout
    cpu = sum(server.cpu_times()[:2]) - before
    number, unit = re.findall(r"99%\s+([\d.]+)(us|ms|s)", said)[0]
    requests = int(re.findall(r"(\d+) requests in", said)[0])
    errors = sum(
        int(n)
        for line in re.findall(r"(?:Socket errors|Non-2xx).*", said)
        for n in re.findall(r"\d+", line.partition(":")[2])
    )
    return {
        "rps": float(re.findall(r"Requests/sec:\s+([\d.]+)", said)[0]),
        "p99_ms": float(number) * {"us": 0.001, "ms": 1.0, "s": 1_000.0}[unit],
        "per_cpu_s": requests / max(cpu, 0.01),
        "requests": requests,
        "errors": errors,
    }


def speed(folder: Path, rounds: int, seconds: int) -> dict[str, Any]:
    """Tracker and constant picture in turn; then how fast the collector carries it all away."""
    settings, scene = installation(folder)
    tokens = (scene.key.sign(replace(scene.recipient, contact_id=ContactId(n + 1))) for n in range(RECIPIENTS))
    (folder / "paths").write_text("".join(f"/o/{token}.gif\n" for token in tokens))
    (folder / "agents").write_text("".join(f"{agent}\n" for agent in AGENTS))
    script = folder / "track.lua"
    script.write_text(_SCRIPT.format(paths=folder / "paths", agents=folder / "agents", networks=NETWORKS))
    constant_port = free_port()
    runs: dict[str, list[dict[str, float]]] = {"tracker": [], "constant": []}
    with (
        running(settings, settings.web_port, "-m", "web") as tracker,
        running(settings, constant_port, "-m", "bench.track", "--constant", str(constant_port)) as constant,
    ):
        wrk(settings.web_port, script, 64, 1, tracker)
        for _ in range(rounds):
            runs["constant"].append(wrk(constant_port, script, 256, seconds, constant))
            runs["tracker"].append(wrk(settings.web_port, script, 256, seconds, tracker))
        crowd = wrk(settings.web_port, script, 1_000, seconds, tracker)
        health = httpx.get(f"{settings.base_url}/health").json()
    answered = sum(run["requests"] for run in (*runs["tracker"], crowd))
    begun = time.perf_counter()
    drained = collect_once(settings, scene.store).events
    drain_s = time.perf_counter() - begun
    assert health["lost"] == 0
    assert drained >= answered

    def median(who: str, what: str) -> float:
        return round(statistics.median(run[what] for run in runs[who]), 2)

    return {
        "rounds": rounds,
        **{f"{who}_{what}": median(who, what) for who in runs for what in ("rps", "per_cpu_s", "p99_ms")},
        "ratio_rps": round(median("tracker", "rps") / median("constant", "rps"), 3),
        "ratio_cpu": round(median("tracker", "per_cpu_s") / median("constant", "per_cpu_s"), 3),
        "errors": sum(run["errors"] for run in runs["tracker"]),
        "errors_at_1000": crowd["errors"],
        "rps_at_1000": crowd["rps"],
        "p99_ms_at_1000": crowd["p99_ms"],
        "drained": drained,
        "drained_per_s": round(drained / drain_s),
    }


async def _clicks(port: int, token: str, numbers: Iterator[int], answered: set[int], stop: asyncio.Event) -> None:
    """Follow one link after the other, each once, whoever dies meanwhile; note which were answered."""
    while not stop.is_set():
        number = next(numbers, None)
        if number is None:
            return
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /c/%s/%d HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n" % (token.encode(), number))
            if (await reader.read(12)) == b"HTTP/1.1 302":
                answered.add(number)
            writer.close()
        except OSError:
            await asyncio.sleep(0.02)


def killed(folder: Path, *, kills: int, seed: int = 1, links: int = MANY_LINKS) -> dict[str, Any]:
    """Tracker and collector killed by turns under load; what was answered, and what is in the lake of it."""
    settings, scene = installation(folder, links=links)
    answered: set[int] = set()
    done = asyncio.run(_killed(settings, scene.token, answered, kills, seed, links))
    collect_once(settings, scene.store)
    scene.store.close()
    reader = Reader(settings)
    try:
        rows = reader.query("select link, count(*) as n from lake.main.events where type = 'clicked' group by link")
    finally:
        reader.close()
    held = {row["link"]: row["n"] for row in rows}
    return {
        "kills": done,
        "answered": len(answered),
        "in_lake": len(held),
        "lost": len(answered - held.keys()),
        "doubled": sum(n > 1 for n in held.values()),
    }


async def _killed(
    settings: Settings, token: str, answered: set[int], kills: int, seed: int, links: int
) -> dict[str, int]:
    chance = random.Random(seed)  # noqa: S311  # chance of a test
    modules = {"web": "web", "collector": "sillage.lake.collector"}
    living = {name: started(settings, "-m", module) for name, module in modules.items()}
    done = dict.fromkeys(modules, 0)
    try:
        await asyncio.to_thread(wait_for, settings.web_port)
        numbers, stop = iter(range(1, links + 1)), asyncio.Event()
        clients = [asyncio.create_task(_clicks(settings.web_port, token, numbers, answered, stop)) for _ in range(16)]
        for turn in range(2 * kills):
            await asyncio.sleep(chance.uniform(0.1, 0.8))
            victim = ("web", "collector")[turn % 2]
            living[victim].kill()
            await asyncio.to_thread(living[victim].wait)
            done[victim] += 1
            living[victim] = started(settings, "-m", modules[victim])
            await asyncio.to_thread(wait_for, settings.web_port)
        stop.set()
        await asyncio.gather(*clients)
    finally:
        for process in living.values():
            process.kill()
            process.wait()
    return done


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--constant", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.constant:
        serve_constant(options.constant)
        return
    with tempfile.TemporaryDirectory(prefix="sillage-track-") as folder:
        record("track", load=os.getloadavg()[0], **speed(Path(folder), options.rounds, options.seconds))
    if options.kills:
        with tempfile.TemporaryDirectory(prefix="sillage-track-") as folder:
            toll = killed(Path(folder), kills=options.kills)
        record("track_kills", **toll)
        if toll["lost"] or toll["doubled"]:
            raise SystemExit(1)


if __name__ == "__main__":
    main()
