"""`python -m web`: serve the tracker, in one process, until SIGTERM.

One process, so that its end, however sudden, leaves no child behind that holds the port: to use more cores, start
more of them behind a proxy; each has a journal of its own.
"""

import asyncio
import signal

import structlog
import uvloop
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.embed import Server

from sillage import log as logging
from sillage.settings import Settings
from web.app import Tracker

_BACKLOG = 2_048
_BACKPRESSURE = 4_096

log = structlog.get_logger()


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; what was answered is durable, what waits is committed before this returns."""
    tracker = Tracker(settings)
    await tracker.start()
    server = Server(
        tracker,
        address=settings.host,
        port=settings.web_port,
        interface=Interfaces.ASGINL,
        backlog=_BACKLOG,
        backpressure=_BACKPRESSURE,
        websockets=False,
        log_enabled=False,
        log_level=LogLevels.warning,
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    log.info("web.listening", address=settings.host, port=settings.web_port, journal=str(tracker.journal.path))
    try:
        await server.serve()
    finally:
        await tracker.stop()
        log.info("web.stopped", events=tracker.journal.written, lost=tracker.journal.lost)


def main() -> None:
    """Run the tracker with the settings of the environment."""
    logging.configure("web")
    uvloop.run(serve(Settings.load()))


if __name__ == "__main__":
    main()
