"""All processes of an installation under one roof: started, watched, restarted, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

log = structlog.get_logger()

STOP_GRACE_S = 15.0
RESTART_WAITS_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
STEADY_S = 30.0
"""A process that lived that long is restarted at once again."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process to keep alive: its name in the log, and its command."""

    name: str
    argv: tuple[str, ...]
    starts_after_s: float = 0.0
    """Heavy ones wait, so that mail and clicks are served first."""
    nice: int = 0
    """How far it stands back where the processor is short: a send starves neither clicks nor pages."""


def python(name: str, module: str, *args: str, nice: int = 0) -> Process:
    """A room's module as a process."""
    return Process(name, (sys.executable, "-m", module, *args), nice=nice)


class Supervisor:
    """Keeps processes running until it is stopped."""

    def __init__(self, processes: Sequence[Process], env: Mapping[str, str]) -> None:
        self._processes = processes
        self._env = dict(env)
        self._stopping = asyncio.Event()
        self._running: dict[str, asyncio.subprocess.Process] = {}

    def stop(self) -> None:
        """Ask everything to end."""
        self._stopping.set()

    def pid(self, name: str) -> int | None:
        """The process id that a process has now."""
        process = self._running.get(name)
        return process.pid if process is not None and process.returncode is None else None

    async def run(self) -> None:
        """Run until `stop`; then end all, the last started first."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        keepers = [asyncio.create_task(self._keep(p)) for p in self._processes]
        await self._stopping.wait()
        log.info("supervisor.stopping", processes=len(self._running))
        for process in reversed(list(self._running.values())):
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        _, late = await asyncio.wait(keepers, timeout=STOP_GRACE_S)
        for process in self._running.values():
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
        if late:
            await asyncio.wait(late, timeout=STOP_GRACE_S)
        log.info("supervisor.stopped")

    async def _keep(self, process: Process) -> None:
        if process.starts_after_s and await self._stopped_within(process.starts_after_s):
            return
        deaths = 0
        while not self._stopping.is_set():
            started = time.monotonic()
            # A child's standard output goes to our standard error: standard output is the command's own.
            child = await asyncio.create_subprocess_exec(
                *process.argv, env=self._env, stdin=asyncio.subprocess.DEVNULL, stdout=sys.stderr.fileno()
            )
            self._running[process.name] = child
            if process.nice:
                with contextlib.suppress(ProcessLookupError):
                    os.setpriority(os.PRIO_PROCESS, child.pid, process.nice)
            log.info("process.started", name=process.name, pid=child.pid)
            code = await child.wait()
            if self._stopping.is_set():
                log.info("process.ended", name=process.name, code=code)
                return
            deaths = 0 if time.monotonic() - started > STEADY_S else deaths + 1
            wait = RESTART_WAITS_S[min(deaths, len(RESTART_WAITS_S) - 1)]
            log.warning("process.died", name=process.name, code=code, restart_in_s=wait)
            if await self._stopped_within(wait):
                return

    async def _stopped_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)
        return self._stopping.is_set()
