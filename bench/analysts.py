"""Analysts at work: sessions over websockets that speak the pages' own protocol, each as a browser would.

A session opens a page, lets its live parts draw themselves as often as they ask to, waits as a person does, and moves
on. A page that could not be drawn, a connection that broke and an answer that never came are errors.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

LOOKS_S = (2.0, 6.0)
"""How long somebody looks at a page."""
PATIENCE_S = 30.0
_BROKEN = ("could not be drawn", "There is no such")


@dataclass
class Worked:
    """What became of all moves: milliseconds each, by page, and what went wrong."""

    moves: list[tuple[str, float]] = field(default_factory=list)
    redrawn: int = 0
    errors: list[str] = field(default_factory=list)


async def at_work(address: str, token: str, paths: Sequence[str], *, count: int, seconds: float) -> dict[str, Any]:
    """So many analysts for so long; their moves in milliseconds."""
    # The first looks of a server's life are not what a day is made of.
    await _Session(address, token, paths, Worked(), random.Random(0)).go_round()  # noqa: S311  # draws nothing
    worked, until = Worked(), time.monotonic() + seconds
    chances = [random.Random(number) for number in range(count)]  # noqa: S311  # who looks where, not a secret
    sessions = [_Session(address, token, paths, worked, chance) for chance in chances]
    await asyncio.gather(*(session.work(until) for session in sessions))
    times = sorted(ms for _, ms in worked.moves)
    by_page: dict[str, list[float]] = {}
    for path, ms in worked.moves:
        by_page.setdefault(urlsplit(path).path, []).append(ms)
    return {
        "analysts": count, "seconds": round(seconds), "moves": len(times), "parts_redrawn": worked.redrawn,
        "errors": len(worked.errors), "error": worked.errors[0] if worked.errors else None,
        "p50_ms": round(statistics.median(times)), "p95_ms": round(times[int(0.95 * (len(times) - 1))]),
        "p50_ms_by_page": {path: round(statistics.median(ms)) for path, ms in sorted(by_page.items())},
    }  # fmt: skip


class _Session:
    def __init__(self, address: str, token: str, paths: Sequence[str], worked: Worked, chance: random.Random) -> None:
        self._url = f"ws{address.removeprefix('http')}/_stcore/stream"
        self._headers = {"Cookie": f"sillage={token}"}
        self._origin = address
        self._paths, self._worked, self._chance = paths, worked, chance
        self._beats: dict[str, tuple[float, float]] = {}
        """Of each live part the seconds between two drawings, and when the next is due."""
        self._hash = ""

    async def go_round(self) -> None:
        """Every page once."""
        async with self._connect() as socket:
            for path in self._paths:
                await self._move(socket, path)

    def _connect(self) -> websockets.connect:
        return websockets.connect(
            self._url, additional_headers=self._headers, origin=self._origin, subprotocols=["streamlit"],  # type: ignore[arg-type,list-item]
            max_size=None,
        )  # fmt: skip

    async def work(self, until: float) -> None:
        """Open a page, look at it, move on, until the time is over."""
        await asyncio.sleep(self._chance.uniform(0, 3))
        try:
            async with self._connect() as socket:
                while time.monotonic() < until:
                    await self._move(socket, self._chance.choice(self._paths))
                    await self._look(socket, min(until, time.monotonic() + self._chance.uniform(*LOOKS_S)))
        except (OSError, TimeoutError, websockets.WebSocketException) as exc:
            self._worked.errors.append(f"{type(exc).__name__}: {exc}")

    async def _move(self, socket: websockets.ClientConnection, path: str) -> None:
        split = urlsplit(path)
        asked = BackMsg()
        asked.rerun_script.query_string = f"lang=en&{split.query}"
        asked.rerun_script.page_name = split.path.strip("/")
        asked.rerun_script.context_info.url = self._origin + path
        asked.rerun_script.context_info.timezone = "Europe/Paris"
        self._beats.clear()
        started = time.monotonic()
        await socket.send(asked.SerializeToString())
        await asyncio.wait_for(self._hear(socket, path, whole=True), PATIENCE_S)
        self._worked.moves.append((path, (time.monotonic() - started) * 1000))

    async def _look(self, socket: websockets.ClientConnection, until: float) -> None:
        while time.monotonic() < until:
            due = min(self._beats.items(), key=lambda item: item[1][1], default=None)
            if due is None or due[1][1] > until:
                await asyncio.sleep(max(0.0, until - time.monotonic()))
                return
            await asyncio.sleep(max(0.0, due[1][1] - time.monotonic()))
            asked = BackMsg()
            asked.rerun_script.fragment_id = due[0]
            asked.rerun_script.is_auto_rerun = True
            asked.rerun_script.page_script_hash = self._hash
            await socket.send(asked.SerializeToString())
            await asyncio.wait_for(self._hear(socket, "a live part", whole=False), PATIENCE_S)
            self._worked.redrawn += 1
            every = due[1][0]
            self._beats[due[0]] = (every, time.monotonic() + every)

    async def _hear(self, socket: websockets.ClientConnection, what: str, *, whole: bool) -> None:
        """Until it is drawn."""
        while True:
            said = await socket.recv(decode=False)
            message = ForwardMsg()
            message.ParseFromString(said)
            self._note(message, what)
            if message.WhichOneof("type") == "script_finished":
                wanted = (
                    {ForwardMsg.FINISHED_SUCCESSFULLY}
                    if whole
                    else {ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY}
                )
                if message.script_finished in wanted:
                    return
                if message.script_finished == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
                    self._worked.errors.append(f"{what}: does not compile")
                    return

    def _note(self, message: ForwardMsg, what: str) -> None:
        match message.WhichOneof("type"):
            case "auto_rerun":
                every = message.auto_rerun.interval
                self._beats.setdefault(message.auto_rerun.fragment_id, (every, time.monotonic() + every))
            case "new_session":
                self._hash = message.new_session.page_script_hash
            case "page_not_found":
                self._worked.errors.append(f"{what}: not found")
            case "delta" if message.delta.WhichOneof("type") == "new_element":
                element = message.delta.new_element
                kind = element.WhichOneof("type")
                if kind == "exception":
                    self._worked.errors.append(f"{what}: {element.exception.message[:200]}")
                elif kind == "alert" and any(sign in element.alert.body for sign in _BROKEN):
                    self._worked.errors.append(f"{what}: {element.alert.body[:200]}")
