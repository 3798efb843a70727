"""The sending process: windows over the delivery table, one lane per provider, one mailroom for all.

python -m sendworker.worker
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, TypeVarTuple

import structlog
import uvloop

from sendworker.lane import Lane, Route
from sendworker.mailroom import Job, Mailroom
from sendworker.way import router_of
from sillage.errors import SillageError
from sillage.log import configure
from sillage.settings import Settings
from sillage.store import rates
from sillage.store.database import Store
from sillage.store.deliveries import FencedError, Outcome

log = structlog.get_logger()

T = TypeVar("T")
Args = TypeVarTuple("Args")

WINDOW_S = 0.05
IDLE_S = 0.2
TICK_S = 0.5
GRACE_S = 10.0
REPORT_S = 5.0


class Worker:
    """Runs until it is told to stop or is fenced."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store
        # One thread for all of ops: its transactions queue there and not at the file lock.
        self._thread = ThreadPoolExecutor(1, "mailroom")
        self._mailroom = Mailroom(store, settings, f"{socket.gethostname()}:{os.getpid()}")
        self._rates = rates.load(store, channel="email")
        self._lanes: dict[str, Lane] = {}
        self._outcomes: list[Outcome] = []
        self._held = 0
        self._router = router_of(settings)
        self._enough = asyncio.Event()
        self._stop = asyncio.Event()
        self._sent = 0
        self._planning: asyncio.Task[None] | None = None

    def stop(self) -> None:
        """Drain what is in flight, give the rest back, leave."""
        self._stop.set()

    async def run(self) -> None:
        """Work until stopped.

        Raises: FencedError where this worker was taken for dead.
        """
        log.info("worker.started", worker_id=self._mailroom.worker_id)
        loop = asyncio.get_running_loop()
        next_tick = next_report = 0.0
        try:
            while not self._stop.is_set():
                started = time.monotonic()
                if started >= next_tick:
                    for campaign in await self._ask(self._mailroom.tick):
                        self._planning = asyncio.create_task(asyncio.to_thread(self._mailroom.plan, campaign))
                    next_tick = time.monotonic() + TICK_S
                claimed = await self._window()
                if time.monotonic() >= next_report and self._sent:
                    next_report = time.monotonic() + REPORT_S
                    log.info("worker.settled", count=self._sent, held=self._held)
                    self._sent = 0
                pause = WINDOW_S if claimed or self._held else IDLE_S
                await self._rest(pause - (time.monotonic() - started))
        except FencedError:
            await self._leave_fenced(loop)
            raise
        await self._leave()

    async def _rest(self, seconds: float) -> None:
        """Wait for the next window: until its time, or until half a window has its outcomes."""
        self._enough.clear()
        if len(self._outcomes) < self._settings.window_size // 2 and seconds > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._enough.wait()

    async def _ask(self, function: Callable[[*Args], T], *args: *Args) -> T:
        """Run one of the mailroom's sentences in its thread; a store that is down is waited for."""
        loop = asyncio.get_running_loop()
        wait = 0.2
        while True:
            try:
                return await loop.run_in_executor(self._thread, function, *args)
            except FencedError:
                raise
            except SillageError as exc:
                log.warning("ops.waiting", why=str(exc), wait_s=wait)
                await asyncio.sleep(wait)
                wait = min(wait * 2, 5.0)

    async def _window(self) -> int:
        for lane in self._lanes.values():
            lane.sweep()
        room = {provider: lane.room for provider, lane in self._lanes.items()}
        total = max(0, self._settings.sending_cap - self._held)
        outcomes, self._outcomes = self._outcomes, []
        try:
            jobs: list[Job] = await self._ask(self._mailroom.window, outcomes, room, self._first_room, total)
        except FencedError:
            self._outcomes = outcomes + self._outcomes
            raise
        self._held += len(jobs) - len(outcomes)
        self._sent += len(outcomes)
        for provider, mine in _by_provider(jobs).items():
            self._lane(provider).put(mine)
        return len(jobs)

    @property
    def _first_room(self) -> int:
        return self._rates.default.connections * 4

    def _lane(self, provider: str) -> Lane:
        if provider not in self._lanes:
            rate = self._rates.of(provider)
            route = Route(self._router, rate.connections, rate.per_connection)
            self._lanes[provider] = Lane(provider, route, self._settings, self._mailroom, self._keep)
        return self._lanes[provider]

    def _keep(self, outcome: Outcome) -> None:
        self._outcomes.append(outcome)
        if len(self._outcomes) >= self._settings.window_size // 2:
            self._enough.set()

    async def _leave(self) -> None:
        await asyncio.gather(*(lane.stop(GRACE_S) for lane in self._lanes.values()))
        await self._ask(self._mailroom.leave, self._outcomes)
        log.info("worker.left", worker_id=self._mailroom.worker_id)

    async def _leave_fenced(self, loop: asyncio.AbstractEventLoop) -> None:
        """Send nothing more; keep what servers said as evidence."""
        await asyncio.gather(*(lane.stop(0.0) for lane in self._lanes.values()))
        await loop.run_in_executor(self._thread, self._mailroom.evidence, self._outcomes)
        log.error("worker.fenced", worker_id=self._mailroom.worker_id, evidence=len(self._outcomes))


def _by_provider(jobs: list[Job]) -> dict[str, list[Job]]:
    found: dict[str, list[Job]] = {}
    for job in jobs:
        found.setdefault(job.claimed.provider, []).append(job)
    return found


async def _serve(settings: Settings, store: Store) -> None:
    worker = Worker(settings, store)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.stop)
    await worker.run()


def main() -> None:
    """Run one worker until SIGTERM; exit code 3 where it was fenced."""
    configure("worker")
    settings = Settings.load()
    store = Store(settings.database_url)
    try:
        uvloop.run(_serve(settings, store))
    except FencedError:
        sys.exit(3)
    finally:
        store.close()


if __name__ == "__main__":
    main()
