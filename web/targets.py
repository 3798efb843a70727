"""Where links lead, held in memory and in a file, so that a click works whether ops is there or not."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
import sqlalchemy as sa
import structlog

from sillage.errors import TransientError
from sillage.store.database import Store
from sillage.store.targets import Target, every_target, target_of, unsettled_targets

FILE_NAME = "targets.json"
REFRESH_S = 1.0
FULL_REFRESH_S = 60.0
_MISS_S = 1.0
_MAX_MISSES = 10_000
_DOWN = (TransientError, sa.exc.SQLAlchemyError, OSError)

log = structlog.get_logger()


class Targets:
    """The targets of all variants: refreshed from ops every second, else as they were last known."""

    def __init__(self, store: Store, folder: Path) -> None:
        self._store = store
        self._file = folder / FILE_NAME
        self._known = {target.variant_id: target for target in _read(self._file)}
        self._misses: dict[int, float] = {}
        self._full_at = 0.0
        self.is_ops_up = False

    def known(self, variant_id: int) -> Target | None:
        """A variant as it is held."""
        return self._known.get(variant_id)

    async def find(self, variant_id: int) -> Target | None:
        """A variant as it is held, or from ops where it is newer than the last refresh."""
        held = self._known.get(variant_id)
        if held is not None or time.monotonic() - self._misses.get(variant_id, -_MISS_S) < _MISS_S:
            return held
        if len(self._misses) >= _MAX_MISSES:
            self._misses.clear()
        self._misses[variant_id] = time.monotonic()
        found = await asyncio.to_thread(self._from_ops, lambda conn: [t for t in [target_of(conn, variant_id)] if t])
        self._take(found or [])
        return self._known.get(variant_id)

    async def refresh(self) -> None:
        """Bring what is held up to date; where ops is down it stays as it is."""
        is_full = time.monotonic() - self._full_at >= FULL_REFRESH_S or not self._full_at
        found = await asyncio.to_thread(self._from_ops, every_target if is_full else unsettled_targets)
        is_up = found is not None
        if is_up != self.is_ops_up:
            self.is_ops_up = is_up
            log.info("tracker.ops_up" if is_up else "tracker.ops_down", targets=len(self._known))
        if found is None:
            return
        if is_full:
            self._full_at = time.monotonic()
        if self._take(found):
            await asyncio.to_thread(self._write)

    async def keep_fresh(self) -> None:
        """Refresh every second, for ever."""
        while True:
            await self.refresh()
            await asyncio.sleep(REFRESH_S)

    def _take(self, found: Iterable[Target]) -> bool:
        changed = {target.variant_id: target for target in found if self._known.get(target.variant_id) != target}
        if changed:
            self._known = {**self._known, **changed}
        return bool(changed)

    def _from_ops(self, ask: Callable[[sa.Connection], list[Target]]) -> list[Target] | None:
        try:
            # A database that is not there must not be made by asking it.
            if self._store.is_sqlite and not Path(str(self._store.url.database)).exists():
                return None
            with self._store.read() as conn:
                return ask(conn)
        except _DOWN:
            return None

    def _write(self) -> None:
        """Replace the file in one step, so that a reader (or a crash) sees the old one or the new one."""
        beside = self._file.with_suffix(f".{os.getpid()}.new")
        try:
            beside.write_bytes(msgspec.json.encode(list(self._known.values())))
            beside.replace(self._file)
        except OSError as exc:
            log.warning("tracker.targets_not_saved", error=str(exc))


def _read(file: Path) -> list[Target]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=list[Target])
    except FileNotFoundError:
        return []
    except (OSError, msgspec.DecodeError) as exc:
        log.warning("tracker.targets_not_read", path=str(file), error=str(exc))
        return []
