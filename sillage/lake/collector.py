"""The collector: the lake's only writer, draining at least once a second, and keeping the lake in order.

`python -m sillage.lake.collector` runs it as a process of its own. It never gives up: where a disk is full or ops
is down it says so and waits, and the events wait in their outboxes.
"""

from __future__ import annotations

import math
import signal
import sys
import threading
import time

import structlog

from sillage.errors import SillageError
from sillage.lake import catalog
from sillage.lake.drain import RECOVERABLE, Collector, Drained
from sillage.lake.maintenance import KEPT_MIN
from sillage.log import configure
from sillage.settings import Settings
from sillage.store.database import Store

PAUSE_S = 0.15
PAUSES_PER_DRAIN = 1.0
LONGEST_PAUSE_S = 0.3
"""Where drains are slow (a commit takes a busy machine 150 ms and more) the pauses between them grow, so that draining
takes half a core at most, and each event still arrives within a second."""
OPS_EVERY_S = 0.6
"""What people do waits in journals and is a few rows, what a campaign sends waits in ops and is thousands: the first
does not wait for the second, which costs less in fewer commits."""
WAIT_AFTER_ERROR_S = 1.0
# A collector that is told to go takes along what waits; what a busy system adds meanwhile waits for the next one.
LAST_DRAINS_S = 10.0

log = structlog.get_logger()


def collect_once(settings: Settings, store: Store, *, kept_min: int = KEPT_MIN) -> Drained:
    """Drain until nothing waits, as the only collector, carry out erasures, and leave.

    What an erasure replaces stays on disk for `kept_min` minutes, in which somebody may still read it.

    Raises: TransientError where another collector runs; one of `RECOVERABLE`.
    """
    total = Drained()
    with catalog.sole_writer(settings.lake_dir, "collector", what="writes"):
        collector = Collector(settings, store, kept_min=kept_min)
        try:
            while done := collector.drain():
                total += done
            while collector.erase(idle_s=math.inf):
                pass
        finally:
            collector.close()
    return total


class Beat:
    """One log line of what was drained, at most once a second."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._sum = Drained()

    def add(self, done: Drained) -> None:
        """Count a drain, and say so when it is time."""
        self._sum += done
        if self._sum and time.monotonic() - self._since >= 1.0:
            self.say()

    def say(self) -> None:
        """Log what was counted since the last line."""
        if self._sum:
            log.info(
                "lake.drained",
                events=self._sum.events,
                anonymised=self._sum.anonymised,
                hygiene=self._sum.hygiene,
                refused=self._sum.refused,
                replayed=self._sum.replayed,
            )
        self._sum = Drained()
        self._since = time.monotonic()


def run(settings: Settings, store: Store, stop: threading.Event) -> None:
    """Drain until told to stop, then once more until nothing waits.

    Raises: TransientError where another collector runs.
    """
    with catalog.sole_writer(settings.lake_dir, "collector", what="writes"):
        collector = _open(settings, store, stop)
        if collector is None:
            return
        beat = Beat()
        deadline = None
        ops_due = time.monotonic()
        try:
            while deadline is None or time.monotonic() < deadline:
                started = time.monotonic()
                with_ops = started >= ops_due or stop.is_set()
                done = _drain(collector, stop, with_ops=with_ops)
                if done is not None:
                    beat.add(done)
                if with_ops:
                    ops_due = started if done is not None and done.is_full else started + OPS_EVERY_S
                if stop.is_set():
                    deadline = deadline or time.monotonic() + LAST_DRAINS_S
                    if not done:
                        break
                elif done is not None and not done.is_full:
                    stop.wait(min(LONGEST_PAUSE_S, max(PAUSE_S, PAUSES_PER_DRAIN * (time.monotonic() - started))))
        finally:
            beat.say()
            collector.close()


def _open(settings: Settings, store: Store, stop: threading.Event) -> Collector | None:
    """The collector, as soon as disk and ops let it start; None where it is told to stop before."""
    while not stop.is_set():
        try:
            return Collector(settings, store)
        except RECOVERABLE as exc:
            _wait(exc, stop)
    return None


def _drain(collector: Collector, stop: threading.Event, *, with_ops: bool) -> Drained | None:
    """One drain, with upkeep where it is due; None where something is out of order and was waited for."""
    try:
        done = collector.drain(with_ops=with_ops)
        if not done.is_full and not stop.is_set() and collector.upkeep.is_due():
            kept = collector.upkeep.run()
            log.info(
                "lake.kept",
                flushed_rows=kept.flushed_rows,
                merged_files=kept.merged_files,
                expired_snapshots=kept.expired_snapshots,
                cleaned_files=kept.cleaned_files,
                seconds=round(kept.seconds, 3),
            )
        if not done.is_full and not stop.is_set():
            collector.erase()
    except RECOVERABLE as exc:
        _wait(exc, stop)
        try:
            collector.reopen()
        except RECOVERABLE as again:
            _wait(again, stop)
        return None
    return done


def _wait(exc: BaseException, stop: threading.Event) -> None:
    log.warning("lake.waiting", wait_s=WAIT_AFTER_ERROR_S, error=f"{type(exc).__name__}: {exc}".splitlines()[0])
    stop.wait(WAIT_AFTER_ERROR_S)


def main() -> int:
    """Run until SIGTERM or SIGINT."""
    configure("collector")
    stop = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: stop.set())
    try:
        settings = Settings.load()
        store = Store(settings.database_url)
        log.info("collector.started", lake=str(settings.lake_dir))
        run(settings, store, stop)
        store.close()
    except SillageError as exc:
        log.error("collector.refused", error=str(exc))  # noqa: TRY400  # one line says it
        return 1
    log.info("collector.stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
