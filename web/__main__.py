"""`python -m web`: serve the tracker, in one process, until SIGTERM.

One process, so that its end, however sudden, leaves no child behind that holds the port: to use more cores, start
more of them behind a proxy; each has a journal of its own.
"""

import asyncio
import gc
import resource
import signal
import sys

import structlog
import uvloop

from sillage import log as logging
from sillage.errors import SillageError
from sillage.settings import Settings
from web.app import Tracker

_MAX_CONNECTIONS = 8_192
_OWN_FILES = 100
_COLLECT_AFTER = 20_000

log = structlog.get_logger()


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; what was answered is durable, what waits is committed before this returns.

    Raises: TransientError where the port or the journal can't be had.
    """
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    tracker = Tracker(settings)
    try:
        await tracker.start()
        await tracker.listen(settings.host, settings.web_port, max_connections=_room())
        log.info("web.listening", address=settings.host, port=settings.web_port, journal=str(tracker.journal.path))
        _spare_collections()
        await told.wait()
    finally:
        await tracker.stop()
        log.info("web.stopped", events=tracker.journal.written, lost=tracker.journal.lost)


def _room() -> int:
    """How many connections there may be: as many files as the system lets us open, less our own."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MAX_CONNECTIONS + _OWN_FILES
    files = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    return files - _OWN_FILES


def _spare_collections() -> None:
    """What is loaded by now stays: the collector of garbage need not look at it again, in the middle of a burst."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 20, 50)
    # The thread that commits wants the interpreter back sooner than after 5 ms.
    sys.setswitchinterval(0.001)


def main() -> None:
    """Run the tracker with the settings of the environment."""
    logging.configure("web")
    try:
        uvloop.run(serve(Settings.load()))
    except SillageError as exc:
        log.error("web.refused", error=str(exc))  # noqa: TRY400  # one line says it
        sys.exit(1)


if __name__ == "__main__":
    main()
