"""Send with several processes."""

from __future__ import annotations

import asyncio
from typing import Annotated

import structlog
import typer

from sillage.commands.account import open_store
from sillage.log import configure
from sillage.processes import workers
from sillage.settings import Settings
from sillage.supervisor import Supervisor

log = structlog.get_logger()


def command(
    *,
    processes: Annotated[int, typer.Option(min=1, max=256, help="How many, as one per core.")] = 1,
) -> None:
    """Run sending processes alone, until SIGTERM or Ctrl-C; on several machines they share the queue in PostgreSQL.

    Example: sillage worker --processes 4
    """
    configure("supervisor")
    settings = Settings.load()
    open_store(settings).close()
    log.info("workers.up", processes=processes, metrics_port=settings.metrics_port)
    asyncio.run(Supervisor(workers(processes), settings.environment()).run())
