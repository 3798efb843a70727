"""The sending process: windows over the delivery table, one lane per provider, one mailroom for all.

python -m sendworker.worker [--number N]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar, TypeVarTuple

import structlog
import uvloop

from sendworker.clerk import Clerk
from sendworker.lane import Lane, Route
from sendworker.mailroom import Job, Mailroom
from sendworker.metrics import Metrics
from sendworker.pacing import Pacer
from sendworker.reply import SessionError
from sendworker.way import router_of
from sillage.campaign.live import why_not
from sillage.domain.bounce_rules import rules_with
from sillage.domain.ids import CampaignId
from sillage.domain.pace import Rate
from sillage.errors import SillageError
from sillage.log import configure
from sillage.settings import Settings
from sillage.store.campaigns import Campaign
from sillage.store.database import Store
from sillage.store.deliveries import FencedError, Outcome

log = structlog.get_logger()

T = TypeVar("T")
Args = TypeVarTuple("Args")

WINDOW_S = 0.05
IDLE_S = 0.2
TICK_S = 0.5
SHARE_S = 1.0
SLOW_S = 0.25
"""A provider that wants less is served so within a quarter of a second; the others' shares wait for their second."""
LOOK_S = 5.0
ASK_AGAIN_S = 2.0
SAY_AGAIN_S = 60.0
TOO_BUSY = 421
GRACE_S = 10.0
REPORT_S = 5.0


class Worker:
    """Runs until it is told to stop or is fenced.

    Raises: BadInput where the user's file of bounce rules can't be read.
    """

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store
        # Read now: the first message would wait a third of a second for it, and a faulty file would stop its window.
        rules_with(settings.own_bounce_rules)
        # One thread for all of ops: its transactions queue there and not at the file lock.
        self._thread = ThreadPoolExecutor(1, "mailroom")
        self._mailroom = Mailroom(store, settings, f"{socket.gethostname()}:{os.getpid()}")
        self._lanes: dict[str, Lane] = {}
        self._pacers: dict[str, Pacer] = {}
        self._next_share = self._next_slowing = 0.0
        self._outcomes: list[Outcome] = []
        # A transaction costs what it costs, however many rows it settles: three quarters of a window are worth one,
        # and the last quarter is sent while it goes on.
        self._full = max(1, settings.window_size * 3 // 4)
        self._held = 0
        self._router = router_of(settings)
        self._enough = asyncio.Event()
        self._stop = asyncio.Event()
        self._sent = 0
        self._plans: dict[CampaignId, asyncio.Task[None]] = {}
        self._clerk = Clerk(settings, store, self._mailroom.worker_id)
        self._letters: asyncio.Task[None] | None = None
        self.metrics = Metrics()
        self._next_look = 0.0
        self._looking: asyncio.Task[None] | None = None

    def stop(self) -> None:
        """Drain what is in flight, give the rest back, leave."""
        self._stop.set()

    async def run(self) -> None:
        """Work until stopped.

        Raises: FencedError where this worker was taken for dead.
        """
        await self._until_live()
        log.info("worker.started", worker_id=self._mailroom.worker_id)
        loop = asyncio.get_running_loop()
        next_tick = next_report = 0.0
        try:
            while not self._stop.is_set():
                started = time.monotonic()
                if started >= next_tick:
                    self._plan(await self._ask(self._mailroom.tick))
                    if self._letters is None or self._letters.done():
                        self._letters = asyncio.create_task(self._write_letters())
                    next_tick = time.monotonic() + TICK_S
                claimed = await self._window()
                await self._share()
                self._look()
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

    def _plan(self, unplanned: Iterable[Campaign]) -> None:
        """Plan what nobody has planned, beside the windows. A plan that takes its time is told of again: it goes on."""
        for campaign in unplanned:
            under_way = self._plans.get(campaign.id)
            if under_way is None or under_way.done():
                self._plans[campaign.id] = asyncio.create_task(asyncio.to_thread(self._mailroom.plan, campaign))

    async def _rest(self, seconds: float) -> None:
        """Wait for the next window: until its time, or until most of a window has its outcomes."""
        self._enough.clear()
        if len(self._outcomes) < self._full and seconds > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._enough.wait()

    async def _until_live(self) -> None:
        """A copy of an installation, or one that was restored, sends nothing until it is told that it is the live one.

        Meanwhile it beats, so that its number stays its own.
        """
        said = 0.0
        while not self._stop.is_set():
            why = await self._ask(why_not, self._store, self._settings)
            if why is None:
                return
            if time.monotonic() >= said:
                said = time.monotonic() + SAY_AGAIN_S
                log.error("worker.not_live", why=why)
            await self._ask(self._mailroom.window, [], {}, 0, 0)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), ASK_AGAIN_S)

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

    async def _write_letters(self) -> None:
        """Confirmation mails that are due, beside the windows of campaigns."""
        letters = await self._ask(self._clerk.claim)
        if letters:
            await self._ask(self._clerk.settle, await self._clerk.send(letters, self._router))

    async def _window(self) -> int:
        for lane in self._lanes.values():
            lane.sweep()
        room = {provider: pacer.room(self._lanes[provider].room) for provider, pacer in self._pacers.items()}
        outcomes, self._outcomes = self._outcomes, []
        # What is settled here makes room for what is claimed here: it is one transaction, so the cap holds either way.
        total = max(0, self._settings.sending_cap - self._held + len(outcomes))
        started = time.monotonic()
        try:
            jobs: list[Job] = await self._ask(self._mailroom.window, outcomes, room, self._settings.window_size, total)
        except FencedError:
            self._outcomes = outcomes + self._outcomes
            raise
        self._held += len(jobs) - len(outcomes)
        self._sent += len(outcomes)
        self.metrics.window(time.monotonic() - started, self._held)
        for lane in self._lanes.values():
            lane.withdraw(self._mailroom.running)
        for provider, mine in _by_provider(jobs).items():
            lane = self._lane(provider)
            self._pacers[provider].took(len(mine))
            lane.put(mine)
        return len(jobs)

    def _lane(self, provider: str) -> Lane:
        """The lane of a provider that something was claimed for, and with it the share that it was claimed under."""
        share = self._mailroom.shares[provider]
        if provider not in self._lanes:
            route = Route(self._router, share.connections, share.per_connection)
            lane = Lane(provider, route, self._settings, self._mailroom, partial(self._keep, provider))
            lane.on_refused = partial(self._refused, provider)
            self._lanes[provider] = lane
        if provider not in self._pacers:
            self._pacers[provider] = Pacer(share)
            self._lanes[provider].allow(share.connections, share.per_connection)
        return self._lanes[provider]

    def _keep(self, provider: str, outcome: Outcome) -> None:
        if provider in self._pacers:
            self._pacers[provider].heard(outcome)
        self.metrics.settled(provider, outcome)
        self._outcomes.append(outcome)
        if len(self._outcomes) >= self._full:
            self._enough.set()

    def _refused(self, provider: str, exc: SessionError) -> None:
        if exc.code == TOO_BUSY and provider in self._pacers:
            self._pacers[provider].refused(str(exc))

    async def _share(self) -> None:
        """Renew the shares of providers each second, and those of the ones that want less at once."""
        now = time.monotonic()
        idle: list[str] = []
        if now >= self._next_share:
            self._next_share = now + SHARE_S
            self._next_slowing = now + SLOW_S
            idle = [p for p, pacer in self._pacers.items() if pacer.is_idle and self._lanes[p].room]
            for provider in idle:
                del self._pacers[provider]
            told = {provider: pacer.report() for provider, pacer in self._pacers.items()}
        elif now >= self._next_slowing:
            told = {provider: pacer.report() for provider, pacer in self._pacers.items() if pacer.is_pushed_back}
            if told:
                self._next_slowing = now + SLOW_S
        else:
            return
        if not told and not idle:
            return
        shares = await self._ask(self._mailroom.share, told, idle)
        self.metrics.shares(shares | dict.fromkeys(idle, Rate(0, 1, 0.0)))
        for provider, share in shares.items():
            self._pacers[provider].lease(share)
            self._lanes[provider].allow(share.connections, share.per_connection)

    def _look(self) -> None:
        """Look at the whole queue for the monitor, where there is one: it costs a million rows some 0.2 s."""
        is_looking = self._looking is not None and not self._looking.done()
        if self.metrics.is_served and not is_looking and time.monotonic() >= self._next_look:
            self._looking = asyncio.create_task(self._look_at_queue())

    async def _look_at_queue(self) -> None:
        """One look at a time, for a twentieth of it: a million rows take 60 MB, and ten seconds on a busy machine."""
        started = time.monotonic()
        with contextlib.suppress(SillageError):
            self.metrics.queue(*await asyncio.to_thread(self._mailroom.queue))
        took = time.monotonic() - started
        self._next_look = time.monotonic() + max(LOOK_S, took * 20)

    async def _leave(self) -> None:
        await asyncio.gather(*(lane.stop(GRACE_S) for lane in self._lanes.values()))
        if self._letters is not None:
            await asyncio.wait([self._letters], timeout=GRACE_S)
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


async def _serve(settings: Settings, store: Store, number: int) -> None:
    worker = Worker(settings, store)
    worker.metrics.serve(settings.host, settings.metrics_port + number if settings.metrics_port else 0)
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, worker.stop)
    try:
        await worker.run()
    finally:
        worker.metrics.stop()


def main() -> None:
    """Run one worker until SIGTERM; exit code 3 where it was fenced, 1 where ops does not answer at the start."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=0, help="which of several on this machine, from 0")
    number = parser.parse_args().number
    configure("worker")
    settings = Settings.load()
    store = Store(settings.database_url)
    try:
        uvloop.run(_serve(settings, store, number))
    except FencedError:
        sys.exit(3)
    except SillageError as exc:
        log.error("worker.refused", why=str(exc))  # noqa: TRY400  # one line says it
        sys.exit(1)
    finally:
        store.close()


if __name__ == "__main__":
    main()
