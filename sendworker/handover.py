"""Handing over a handful of ready letters, such as confirmations and alerts. Campaigns have lanes of their own."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

import structlog

from sendworker.reply import Reply, SessionError
from sendworker.routes import NoRouteError, Router
from sendworker.session import Letter, Loss
from sendworker.smtp import Connection, Hop

log = structlog.get_logger()

Fate = Reply | Loss
"""What a server decided, or how far the letter was when no decision came."""


async def hand_over(letters: Sequence[Letter], router: Router) -> list[tuple[Letter, Fate]]:
    """Send each letter once at most; each comes back with its fate, `Loss.UNTRIED` where no server was reached."""
    by_pool: dict[str, list[Letter]] = {}
    for letter in letters:
        by_pool.setdefault(router.pool_of(letter.recipient), []).append(letter)
    fates: list[tuple[Letter, Fate]] = []
    for pool, mine in by_pool.items():
        handful = _Handful(mine)
        try:
            for hop in await router.hops(pool):
                if await handful.over(hop, router):
                    break
        except NoRouteError as exc:
            fates += [(letter, exc.reply) for letter in mine]
            continue
        except SessionError as exc:
            log.info("handover.no_route", why=str(exc))
        fates += handful.fates()
    return fates


class _Handful:
    """The courier of some letters over one connection."""

    def __init__(self, letters: Sequence[Letter]) -> None:
        self._waiting = deque(letters)
        self._fates: list[tuple[Letter, Fate]] = []
        self._on_the_way = 0
        self._is_over = asyncio.Event()

    async def over(self, hop: Hop, router: Router) -> bool:
        """Hand all over to one server; False where it could not be reached."""
        try:
            connection = await Connection.open(hop, self, limit=len(self._waiting), ended=lambda _: self._is_over.set())
        except SessionError as exc:
            router.tried(hop, worked=False)
            log.info("handover.no_route", hop=str(hop), why=str(exc))
            return False
        router.tried(hop, worked=True)
        self._look()
        await self._is_over.wait()
        await connection.quit()
        return True

    def fates(self) -> list[tuple[Letter, Fate]]:
        """What became of every letter."""
        return [*self._fates, *((letter, Loss.UNTRIED) for letter in self._waiting)]

    def next_letter(self) -> Letter | None:
        """The next one."""
        if not self._waiting:
            return None
        self._on_the_way += 1
        return self._waiting.popleft()

    def replied(self, letter: Letter, reply: Reply) -> None:
        """The server decided."""
        self._note(letter, reply)

    def lost(self, letter: Letter, loss: Loss, why: str) -> None:
        """The session broke under it."""
        log.info("handover.session_broke", why=why, loss=loss.name)
        self._note(letter, loss)

    def _note(self, letter: Letter, fate: Fate) -> None:
        self._fates.append((letter, fate))
        self._on_the_way -= 1
        # The session asks for the next letter before it comes to rest.
        asyncio.get_running_loop().call_soon(self._look)

    def _look(self) -> None:
        if not self._waiting and self._on_the_way == 0:
            self._is_over.set()
