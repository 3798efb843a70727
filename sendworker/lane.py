"""A lane: the connections that this worker has to one mailbox provider, and the messages that wait for them.

A slow provider fills its own lane and no other.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from sendworker import outcome as outcomes
from sendworker.mailroom import Job, Mailroom
from sendworker.smtp import Connection, SessionError
from sillage.content.message import Compiled, Person
from sillage.domain.campaign import Pixel
from sillage.domain.eligibility import pixel_for, why_not
from sillage.domain.ids import CampaignId
from sillage.errors import BadInput
from sillage.settings import Settings
from sillage.store.columns import from_micros, to_micros
from sillage.store.deliveries import Outcome
from sillage.store.merge_fields import merged
from sillage.tokens import NOBODY, Recipient, TokenKey

log = structlog.get_logger()

STALE_S = 1.0
"""A claimed row whose first byte has not left within a second goes back."""
IDLE_CLOSE_S = 20.0
RETRY_CONNECT_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)


@dataclass(frozen=True, slots=True)
class Route:
    """Where a lane's mail goes and how much at a time."""

    host: str
    port: int
    helo: str
    connections: int
    per_connection: int


class Lane:
    """Sends what it is given; hands each outcome to `settle`."""

    def __init__(
        self, provider: str, route: Route, settings: Settings, mailroom: Mailroom, settle: Callable[[Outcome], None]
    ) -> None:
        self.provider = provider
        self._route = route
        self._settings = settings
        self._mailroom = mailroom
        self._settle = settle
        self._key = TokenKey(settings.secret.get_secret_value())
        self._queue: deque[Job] = deque()
        self._wake = asyncio.Condition()
        self._tasks: list[asyncio.Task[None]] = []
        self._failures = 0
        self._silent_since: datetime | None = None
        """Since when, in business time, nobody has answered here."""
        self._closed_until = 0.0
        self._stopping = False
        self._anonymous: dict[int, str] = {}
        self._is_narrowed = False
        self.on_refused: Callable[[SessionError], None] = lambda _: None
        """Told when no connection could be had."""
        self._rate = 0.0
        self._sent_since = (time.monotonic(), 0)

    @property
    def room(self) -> int:
        """How many more messages fit, so that each leaves within its second."""
        if self._stopping or time.monotonic() < self._closed_until:
            return 0
        wanted = max(self._route.connections * 4, int(self._rate * 0.3))
        return max(0, min(wanted, self._settings.window_size) - len(self._queue))

    def allow(self, connections: int, per_connection: int) -> None:
        """From now on so many connections, and so many messages on each; surplus ones end after their message."""
        self._is_narrowed = self._is_narrowed or connections < self._route.connections
        self._route = replace(self._route, connections=connections, per_connection=per_connection)

    def _is_surplus(self) -> bool:
        if not self._is_narrowed:
            return False
        open_ones = [t for t in self._tasks if not t.done()]
        self._is_narrowed = len(open_ones) > self._route.connections
        return asyncio.current_task() in open_ones[self._route.connections :]

    def withdraw(self, runs: Collection[CampaignId]) -> None:
        """Give back what waits here of campaigns that don't run any more."""
        if any(job.campaign.id not in runs for job in self._queue):
            kept = [job for job in self._queue if job.campaign.id in runs]
            for job in self._queue:
                if job.campaign.id not in runs:
                    self._give_back(job)
            self._queue = deque(kept)

    def put(self, jobs: list[Job]) -> None:
        """Queue claimed messages; the last look is taken when each leaves."""
        self._queue.extend(jobs)
        self._tasks = [t for t in self._tasks if not t.done()]
        for _ in range(min(self._route.connections - len(self._tasks), len(jobs))):
            self._tasks.append(asyncio.create_task(self._work()))
        asyncio.get_running_loop().create_task(self._notify())

    async def _notify(self) -> None:
        async with self._wake:
            self._wake.notify_all()

    async def stop(self, grace_s: float) -> None:
        """Finish what is in flight, give the rest back."""
        self._stopping = True
        await self._notify()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace_s)
        for task in self._tasks:
            task.cancel()
        self._give_back_all()

    def _give_back_all(self) -> None:
        while self._queue:
            self._give_back(self._queue.popleft())

    def _give_back(self, job: Job) -> None:
        self._settle(outcomes.given_back(job, due_at=from_micros(job.claimed.due)))

    def sweep(self) -> None:
        """Give back what has waited too long for a connection."""
        while self._queue and time.monotonic() - self._queue[0].claimed_at > STALE_S:
            self._give_back(self._queue.popleft())

    async def _has_work(self) -> bool:
        async with self._wake:
            if not self._queue and not self._stopping:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(IDLE_CLOSE_S):
                        await self._wake.wait_for(lambda: bool(self._queue) or self._stopping)
        return bool(self._queue) and not self._stopping

    async def _work(self) -> None:
        connection: Connection | None = None
        try:
            while await self._has_work() and not self._is_surplus():
                # A message is taken from the queue only when it can leave at once.
                connection = await self._ready(connection)
                self.sweep()
                if self._queue:
                    await self._send(connection, self._queue.popleft())
        except SessionError as exc:
            self._no_route(exc)
        finally:
            if connection is not None:
                with contextlib.suppress(asyncio.CancelledError):
                    await connection.quit()

    async def _ready(self, connection: Connection | None) -> Connection:
        if connection is not None:
            if connection.is_open and connection.messages < self._route.per_connection:
                return connection
            await connection.quit()
        return await self._connect()

    async def _connect(self) -> Connection:
        connection = await Connection.open(self._route.host, self._route.port, helo=self._route.helo)
        connection.may_write = lambda: time.monotonic() < self._mailroom.lease_ends
        self._failures = 0
        self._silent_since = None
        return connection

    def _no_route(self, exc: SessionError) -> None:
        """Nobody answers: not an attempt. The lane waits; what can't wait any longer has failed."""
        self.on_refused(exc)
        now = self._settings.clock.now()
        self._silent_since = self._silent_since or now
        wait = RETRY_CONNECT_S[min(self._failures, len(RETRY_CONNECT_S) - 1)]
        if time.monotonic() >= self._closed_until:
            self._failures += 1
            log.warning("lane.no_route", provider=self.provider, why=str(exc), wait_s=wait)
        self._closed_until = max(self._closed_until, time.monotonic() + wait)
        while self._queue:
            waiting = self._queue.popleft()
            since = waiting.claimed.first_attempt_at or max(self._silent_since, from_micros(waiting.claimed.due))
            if (now - since).total_seconds() > waiting.campaign.retry_for_s:
                self._settle(outcomes.failed(waiting, "no_route", now=now))
            else:
                self._give_back(waiting)

    async def _send(self, connection: Connection, job: Job) -> None:
        filled = self._fill(job)
        if filled is None:
            return
        message, sender, pixel = filled
        chance = self._mailroom.chance()
        try:
            reply = await connection.send(sender, job.claimed.email or "", message)
        except SessionError as exc:
            log.info("session.broke", provider=self.provider, why=str(exc), in_doubt=exc.in_doubt)
            self._settle(
                outcomes.broken(job, pixel, in_doubt=exc.in_doubt, now=self._settings.clock.now(), chance=chance)
            )
        else:
            self._settle(outcomes.settled(job, reply, pixel, now=self._settings.clock.now(), chance=chance))
            self._measure()

    def _measure(self) -> None:
        since, count = self._sent_since
        elapsed = time.monotonic() - since
        if elapsed >= 0.2:  # noqa: PLR2004
            self._rate = 0.5 * self._rate + 0.5 * (count + 1) / elapsed
            self._sent_since = (time.monotonic(), 0)
        else:
            self._sent_since = (since, count + 1)

    def _fill(self, job: Job) -> tuple[bytes, str, Pixel] | None:
        """The last look, and the message with its return path; None where it is settled without leaving."""
        row, now = job.claimed, self._settings.clock.now()
        reason = why_not(
            job.campaign.kind,
            has_address=row.email is not None,
            suppressed=row.suppressed,
            marketing=row.marketing,
            basis=row.marketing_basis,
            lapses_at=row.lapses_at,
            now=to_micros(now),
            allowed_bases=job.account.allowed_bases,
        )
        if reason is not None:
            self._settle(outcomes.suppressed(job, reason, now=now))
            return None
        pixel = pixel_for(job.account.tracking_policy, job.account.untracked_pixel, row.open_tracking)
        recipient = Recipient(row.campaign_id, row.variant_id, row.contact_id)
        mailbox_token = self._key.sign_for_mailbox(recipient)
        person = Person(
            address=row.email or "",
            fields=merged(row.email, row.fields, row.custom),
            token=self._key.sign(recipient),
            mailbox_token=mailbox_token,
            anonymous_token=self._anonymous_token(job),
            pixel=pixel,
            sent_at=now,
        )
        compiled: Compiled = self._mailroom.compiled(row.variant_id)
        try:
            message = compiled.fill(person)
        except BadInput as exc:
            log.warning("delivery.not_rendered", campaign_id=row.campaign_id, contact_id=row.contact_id, why=str(exc))
            self._settle(outcomes.failed(job, exc.code, now=now))
            return None
        return message, f"b-{mailbox_token}@{self._settings.bounce_domain}", pixel

    def _anonymous_token(self, job: Job) -> str:
        variant = job.claimed.variant_id
        if variant not in self._anonymous:
            self._anonymous[variant] = self._key.sign(Recipient(job.claimed.campaign_id, variant, NOBODY))
        return self._anonymous[variant]
