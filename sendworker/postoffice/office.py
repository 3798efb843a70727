"""The post office as a whole: the mail server, the control port, and the people behind them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from sendworker.postoffice.browser import Browsers
from sendworker.postoffice.clock import BusinessClock
from sendworker.postoffice.control import serve_control
from sendworker.postoffice.errands import Channel
from sendworker.postoffice.ledger import Ledger, open_to_read
from sendworker.postoffice.log import log
from sendworker.postoffice.model import Nature
from sendworker.postoffice.people import People
from sendworker.postoffice.postman import Postman
from sendworker.postoffice.providers import mailboxes
from sendworker.postoffice.report import figures
from sendworker.postoffice.runner import Doer, Runner
from sendworker.postoffice.server import Mailroom, Rules, Server, be_quiet

MAIL_AT_ONCE = 8
BACKLOG = 1024


@dataclass(frozen=True, slots=True)
class Plan:
    """How a post office is set up. A port of 0 takes a free one."""

    ledger: Path
    people: People = field(default_factory=lambda: People({}))
    host: str = "127.0.0.1"
    port: int = 8426
    control_port: int = 8427
    bounces_to: tuple[str, int] = ("127.0.0.1", 8425)
    clock: BusinessClock = field(default_factory=BusinessClock)
    rules: Rules = field(default_factory=Rules)
    is_modelled: bool = False
    web_at_once: int = 64


class PostOffice:
    """Open while inside its `async with`."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._boxes = mailboxes()
        self._closing = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        plan = self._plan
        be_quiet()
        try:
            self._ledger = Ledger(plan.ledger)
            self._closing.push_async_callback(self._ledger.close)
            self._browsers = await self._closing.enter_async_context(Browsers())
            postman = Postman(*plan.bounces_to)
            self._closing.push_async_callback(postman.close)
            nature = Nature(plan.people, plan.rules.seed, is_modelled=plan.is_modelled)
            doer = Doer(self._ledger, nature, self._boxes, self._browsers, postman, plan.rules.seed)
            sizes = {Channel.WEB: plan.web_at_once, Channel.MAIL: MAIL_AT_ONCE}
            self._runners = [Runner(self._ledger, doer, plan.clock, channel, sizes[channel]) for channel in Channel]
            for runner in self._runners:
                self._closing.push_async_callback(_stop, asyncio.create_task(runner.run()))
            self._mailroom = Mailroom(self._ledger, nature, self._boxes, plan.clock, plan.rules, self._wake)
            await self._listen()
        except BaseException:
            await self._closing.aclose()
            raise
        log(
            "postoffice.ready",
            port=self.port,
            control_port=self.control_port,
            people=len(plan.people.known),
            pending=self._ledger.counts.pending,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._closing.aclose()
        log("postoffice.stopped", accepted=self._ledger.counts.accepted, pending=self._ledger.counts.pending)

    async def _listen(self) -> None:
        plan, loop = self._plan, asyncio.get_running_loop()
        connections: set[Server] = set()

        def connected() -> Server:
            server = Server(self._mailroom, loop)
            connections.add(server)
            server.when_lost(connections.discard)
            return server

        async def hang_up() -> None:
            for server in list(connections):
                server.hang_up()
            # One turn of the loop lets the transports say that they are closed.
            await asyncio.sleep(0)

        self._smtp = await loop.create_server(connected, plan.host, plan.port, backlog=BACKLOG)
        self._closing.push_async_callback(hang_up)
        self._closing.callback(self._smtp.close)
        routes = {
            ("GET", "/status"): self.status,
            ("GET", "/report"): self.report,
            ("POST", "/pause"): self._pause,
            ("POST", "/resume"): self._resume,
        }
        self._control = await serve_control(plan.host, plan.control_port, routes)
        self._closing.callback(self._control.close)

    @property
    def port(self) -> int:
        """Where mail is taken."""
        return _port(self._smtp.sockets[0])

    @property
    def control_port(self) -> int:
        """Where questions are answered."""
        return _port(self._control.sockets[0])

    async def status(self) -> dict[str, Any]:
        """How things stand. `next_action_in_s`: wall seconds, below zero when it is late, null when none is left."""
        counts = self._ledger.counts
        due = self._ledger.next_due()
        return {
            "accepted": counts.accepted,
            "duplicates": counts.duplicates,
            "refused": counts.refused,
            "deferred": counts.deferred,
            "pending_actions": counts.pending,
            "next_action_in_s": None if due is None else round(self._plan.clock.wall_wait(due), 3),
            "done_actions": counts.done,
            "failed_errands": sum(runner.failed for runner in self._runners),
            "refused_hosts": dict(self._browsers.refused_hosts),
            "paused": self._mailroom.is_paused,
        }

    async def report(self) -> dict[str, Any]:
        """The figures of the ledger, counted beside the event loop."""
        return await asyncio.to_thread(self._figures)

    def _figures(self) -> dict[str, Any]:
        with contextlib.closing(open_to_read(self._plan.ledger)) as conn:
            return figures(conn, self._plan.people, self._boxes)

    async def _pause(self) -> dict[str, Any]:
        return await self._set_paused(is_paused=True)

    async def _resume(self) -> dict[str, Any]:
        return await self._set_paused(is_paused=False)

    async def _set_paused(self, *, is_paused: bool) -> dict[str, Any]:
        self._mailroom.is_paused = is_paused
        log("postoffice.paused" if is_paused else "postoffice.resumed")
        return await self.status()

    def _wake(self) -> None:
        for runner in self._runners:
            runner.wake()


async def say_how_it_goes(office: PostOffice, seconds: float = 10.0) -> None:
    """One line now and then while something happens."""
    last: dict[str, Any] = {}
    while True:
        await asyncio.sleep(seconds)
        status = await office.status()
        counts = {name: status[name] for name in ("accepted", "refused", "deferred", "pending_actions", "done_actions")}
        if counts != last:
            log("postoffice.status", wall=round(time.time(), 3), **counts)
        last = counts


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _port(sock: socket.socket) -> int:
    number: int = sock.getsockname()[1]
    return number
