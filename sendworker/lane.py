"""A lane: the connections that this worker has to one mailbox provider, and the messages that wait for them.

A slow provider fills its own lane and no other. Within a lane each pool has its own next hops: one pool where a
relay takes all, one for each domain in direct mode.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from sendworker import outcome as outcomes
from sendworker.fill import Filler
from sendworker.mailroom import Job, Mailroom
from sendworker.reply import Reply, SessionError
from sendworker.routes import NoRouteError, Router
from sendworker.session import Letter, Loss
from sendworker.smtp import Connection
from sillage.domain.bounce_rules import rules_with
from sillage.domain.campaign import Pixel
from sillage.domain.ids import CampaignId
from sillage.settings import Settings
from sillage.store.columns import from_micros
from sillage.store.deliveries import Outcome

log = structlog.get_logger()

STALE_S = 1.0
"""A claimed row whose first byte has not left within a second goes back."""
RETRY_CONNECT_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_MEASURE_S = 0.2
_AHEAD_S = 0.3
"""How much work a lane keeps waiting, in seconds of its own speed."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where a lane's mail goes and how much at a time."""

    router: Router
    connections: int
    per_connection: int


class Lane:
    """Sends what it is given; hands each outcome to `settle`."""

    def __init__(
        self, provider: str, route: Route, settings: Settings, mailroom: Mailroom, settle: Callable[[Outcome], None]
    ) -> None:
        self.provider = provider
        self.route = route
        self.settings = settings
        self.mailroom = mailroom
        self.settle = settle
        self.filler = Filler(settings, mailroom, settle)
        self.rules = rules_with(settings.own_bounce_rules)
        self.connections = 0
        """Open and opening, over all pools."""
        self.is_stopping = False
        self.on_refused: Callable[[SessionError], None] = lambda _: None
        """Told when no connection could be had."""
        self._pools: dict[str, _Pool] = {}
        self._rate = 0.0
        self._since, self._sent = time.monotonic(), 0

    @property
    def room(self) -> int:
        """How many more messages fit, so that each leaves within its second."""
        now = time.monotonic()
        if self.is_stopping or (self._pools and all(now < pool.closed_until for pool in self._pools.values())):
            return 0
        waiting = sum(len(pool.queue) for pool in self._pools.values())
        wanted = max(self.route.connections * 4, int(self._rate * _AHEAD_S))
        return max(0, min(wanted, self.settings.window_size) - waiting)

    def may_write(self) -> bool:
        """Whether this worker's lease lets anything out: nobody else has its rows."""
        return time.monotonic() < self.mailroom.lease_ends

    def allow(self, connections: int, per_connection: int) -> None:
        """From now on so many connections, and so many messages on each; surplus ones end after their message."""
        self.route = replace(self.route, connections=connections, per_connection=per_connection)
        surplus = self.connections - connections
        for pool in self._pools.values():
            surplus -= pool.narrow(surplus)

    def withdraw(self, runs: Collection[CampaignId]) -> None:
        """Give back what waits here of campaigns that don't run any more."""
        for pool in self._pools.values():
            pool.withdraw(runs)

    def put(self, jobs: Sequence[Job]) -> None:
        """Queue claimed messages; the last look is taken when each leaves."""
        touched: dict[str, _Pool] = {}
        for job in jobs:
            name = self.route.router.pool_of(job.claimed.email or "")
            pool = touched.get(name) or self._pools.get(name)
            if pool is None:
                pool = self._pools[name] = _Pool(self, name)
            pool.queue.append(job)
            touched[name] = pool
        for pool in touched.values():
            pool.kick()

    async def stop(self, grace_s: float) -> None:
        """Finish what is in flight, give the rest back."""
        self.is_stopping = True
        pools = list(self._pools.values())
        for pool in pools:
            pool.give_back_all()
        end = time.monotonic() + grace_s
        while any(pool.is_busy for pool in pools) and time.monotonic() < end:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        for pool in pools:
            await pool.close(politely=grace_s > 0)

    def sweep(self) -> None:
        """Give back what has waited too long for a connection; forget pools that are done."""
        old = time.monotonic() - STALE_S
        for name, pool in list(self._pools.items()):
            pool.sweep(old)
            if pool.is_forgettable:
                del self._pools[name]

    def give_back(self, job: Job) -> None:
        """The row is due again, as if it had not been claimed."""
        self.settle(outcomes.given_back(job, due_at=from_micros(job.claimed.due)))

    def make_way(self) -> None:
        """All connections are taken, and a pool has none: let one that idles elsewhere go."""
        for pool in self._pools.values():
            if pool.let_idle_go():
                return

    def measure(self) -> None:
        """One more was answered."""
        self._sent += 1
        elapsed = time.monotonic() - self._since
        if elapsed >= _MEASURE_S:
            self._rate = 0.5 * self._rate + 0.5 * self._sent / elapsed
            self._since, self._sent = time.monotonic(), 0


class _Pool:
    """Messages that go the same way, and the connections that they go over (the courier of each)."""

    def __init__(self, lane: Lane, name: str) -> None:
        self.name = name
        self.queue: deque[Job] = deque()
        self.closed_until = 0.0
        self._lane = lane
        self._open: list[Connection] = []
        self._opening: set[asyncio.Task[None]] = set()
        self._failures = 0
        self._silent_since: datetime | None = None
        """Since when, in business time, nobody has answered here."""
        self._used_at = time.monotonic()

    @property
    def is_busy(self) -> bool:
        """Something of ours is on its way."""
        return any(not c.session.is_idle for c in self._open)

    @property
    def is_forgettable(self) -> bool:
        """Nothing waits, nothing is open, and no failure is to be remembered."""
        done = not (self.queue or self._open or self._opening) and self.name
        return bool(done) and time.monotonic() > max(self.closed_until, self._used_at) + RETRY_CONNECT_S[-1]

    def kick(self) -> None:
        """There is mail: let idle connections take it, and open more where there is more of it than they take."""
        for connection in list(self._open):
            if not self.queue:
                return
            connection.pump()
        lane = self._lane
        if lane.is_stopping or not lane.may_write() or time.monotonic() < self.closed_until:
            return
        wanted = len(self.queue) - len(self._opening)
        if wanted > 0 and lane.connections >= lane.route.connections and not (self._open or self._opening):
            lane.make_way()
        for _ in range(min(wanted, lane.route.connections - lane.connections)):
            lane.connections += 1
            task = asyncio.get_running_loop().create_task(self._connect())
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _connect(self) -> None:
        lane, opened = self._lane, False
        try:
            hops = await lane.route.router.hops(self.name)
            why = SessionError(f"no server is known for {self.name or 'the relay'}")
            for hop in hops:
                try:
                    connection = await Connection.open(
                        hop, self, limit=lane.route.per_connection, ended=self._ended,
                        may_write=lane.may_write,
                    )  # fmt: skip
                except SessionError as exc:
                    if not lane.may_write():
                        raise
                    lane.route.router.tried(hop, worked=False)
                    log.info("hop.failed", provider=lane.provider, hop=str(hop), why=str(exc))
                    why = exc
                    continue
                lane.route.router.tried(hop, worked=True)
                opened = True
                self._failures = 0
                self._silent_since = None
                if connection.is_open:
                    self._open.append(connection)
                    connection.pump()
                return
            self._no_route(why)
        except SessionError as exc:
            self._no_route(exc)
        except NoRouteError as exc:
            self._refuse_all(exc.reply)
        finally:
            if not opened:
                lane.connections -= 1

    def _ended(self, connection: Connection) -> None:
        self._lane.connections -= 1
        if connection in self._open:
            self._open.remove(connection)
        if self.queue and not self._lane.is_stopping:
            asyncio.get_running_loop().call_soon(self.kick)

    def let_idle_go(self) -> bool:
        """Close a connection that has nothing to do, if there is one."""
        for connection in self._open:
            if connection.session.is_idle and not self.queue:
                connection.leave()
                return True
        return False

    def narrow(self, surplus: int) -> int:
        """Let up to so many connections take no further message; how many that are."""
        chosen = self._open[: max(surplus, 0)]
        for connection in chosen:
            connection.retire()
        return len(chosen)

    def withdraw(self, runs: Collection[CampaignId]) -> None:
        """Give back what waits here of other campaigns."""
        if any(job.campaign.id not in runs for job in self.queue):
            waiting, self.queue = self.queue, deque()
            for job in waiting:
                if job.campaign.id in runs:
                    self.queue.append(job)
                else:
                    self._lane.give_back(job)

    # --- the courier's part

    def next_letter(self) -> Letter | None:
        """The next message, filled; those that are settled without leaving are skipped."""
        lane, queue = self._lane, self.queue
        # A letter that the lease doesn't let out any more is not taken up: it waits for the next window, or goes back.
        while queue and not lane.is_stopping and lane.may_write():
            job = queue.popleft()
            if time.monotonic() - job.claimed_at > STALE_S:
                lane.give_back(job)
                continue
            letter = lane.filler.fill(job)
            if letter is not None:
                return letter
        return None

    def replied(self, letter: Letter, reply: Reply) -> None:
        """The server decided."""
        job, pixel = _of(letter)
        self._settle(job, reply, pixel)
        self._lane.measure()

    def lost(self, letter: Letter, loss: Loss, why: str) -> None:
        """The session broke under it."""
        job, pixel = _of(letter)
        lane = self._lane
        if loss is Loss.UNTRIED:
            lane.give_back(job)
            return
        in_doubt = loss is Loss.IN_DOUBT
        log.info("session.broke", provider=lane.provider, why=why, in_doubt=in_doubt)
        now = lane.settings.clock.now()
        lane.settle(outcomes.broken(job, pixel, in_doubt=in_doubt, now=now, chance=lane.mailroom.chance()))

    # --- no way through

    def _no_route(self, exc: SessionError) -> None:
        """Nobody answers: not an attempt. The pool waits; what can't wait any longer has failed."""
        if not self._lane.may_write():
            # It was us who may not speak: the servers are none the worse, and the next window goes on.
            return
        self._lane.on_refused(exc)
        wait = RETRY_CONNECT_S[min(self._failures, len(RETRY_CONNECT_S) - 1)]
        if self._open:
            # Others of ours are connected: this one was one too many for the server, and those go on.
            return
        if time.monotonic() >= self.closed_until:
            self._failures += 1
            log.warning("lane.no_route", provider=self._lane.provider, why=str(exc), wait_s=wait)
        self.closed_until = max(self.closed_until, time.monotonic() + wait)
        self._used_at = time.monotonic()
        now = self._lane.settings.clock.now()
        self._silent_since = self._silent_since or now
        while self.queue:
            job = self.queue.popleft()
            if _is_over(job, self._silent_since, now):
                self._lane.settle(outcomes.failed(job, "no_route", now=now))
            else:
                self._lane.give_back(job)

    def _refuse_all(self, reply: Reply) -> None:
        """The domain takes no mail, and says so: the verdict that its server would have given."""
        while self.queue:
            job = self.queue.popleft()
            self._settle(job, reply, self._lane.filler.pixel(job))

    def _settle(self, job: Job, reply: Reply, pixel: Pixel) -> None:
        lane = self._lane
        now, chance = lane.settings.clock.now(), lane.mailroom.chance()
        lane.settle(outcomes.settled(job, reply, pixel, now=now, chance=chance, rules=lane.rules))

    # --- the end

    def sweep(self, old: float) -> None:
        """Give back what was claimed before `old`."""
        while self.queue and self.queue[0].claimed_at < old:
            self._lane.give_back(self.queue.popleft())

    def give_back_all(self) -> None:
        """Give back everything that waits."""
        while self.queue:
            self._lane.give_back(self.queue.popleft())

    async def close(self, *, politely: bool) -> None:
        """Close every connection; a letter still on its way is told lost."""
        for task in list(self._opening):
            task.cancel()
        connections = list(self._open)
        if politely:
            await asyncio.gather(*(connection.quit() for connection in connections))
        for connection in connections:
            connection.abort()


def _of(letter: Letter) -> tuple[Job, Pixel]:
    job, pixel = letter.tag
    return job, pixel


def _is_over(job: Job, silent_since: datetime, now: datetime) -> bool:
    since = job.claimed.first_attempt_at or max(silent_since, from_micros(job.claimed.due))
    return (now - since).total_seconds() > job.campaign.retry_for_s
