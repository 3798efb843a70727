"""Run everything."""

from __future__ import annotations

import asyncio

import structlog

from sillage.commands.account import open_store
from sillage.ingest import resume_open_imports
from sillage.log import configure
from sillage.processes import screens, serving
from sillage.settings import Settings
from sillage.supervisor import Supervisor

log = structlog.get_logger()


def command() -> None:
    """Run all processes of this installation in the foreground, until SIGTERM or Ctrl-C.

    Example: SILLAGE_SECRET=$(openssl rand -hex 32) sillage up
    """
    configure("supervisor")
    settings = Settings.load()
    store = open_store(settings)
    # An import that was killed is finished before anything else looks at its contacts.
    resume_open_imports(store, settings)
    store.close()
    log.info(
        "sillage.up",
        pages=f"http://{settings.host}:{settings.dashboards_port}",
        dagster=f"http://{settings.host}:{settings.dagster_port}",
        public=settings.base_url,
    )
    asyncio.run(Supervisor([*serving(settings), *screens(settings)], settings.environment()).run())
