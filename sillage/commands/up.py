"""Run everything."""

from __future__ import annotations

import asyncio

import structlog
import typer

from sillage.commands.account import open_store
from sillage.commands.user import links_of
from sillage.ingest import resume_open_imports
from sillage.log import configure
from sillage.processes import screens, serving
from sillage.settings import Settings
from sillage.store.database import Store
from sillage.supervisor import Supervisor

log = structlog.get_logger()


def say_first_link(settings: Settings, store: Store) -> None:
    """Where nobody can sign in yet, print the owner's link: on the console, and not into the log."""
    link = links_of(settings, store).set_up()
    if link is not None:
        typer.echo(f"Nobody can sign in yet. Open this link once, within a day, to become the owner:\n\n  {link}\n")


def command() -> None:
    """Run all processes of this installation in the foreground, until SIGTERM or Ctrl-C.

    Example: SILLAGE_SECRET=$(openssl rand -hex 32) sillage up
    """
    configure("supervisor")
    settings = Settings.load()
    store = open_store(settings)
    # An import that was killed is finished before anything else looks at its contacts.
    resume_open_imports(store, settings)
    say_first_link(settings, store)
    store.close()
    log.info(
        "sillage.up",
        pages=settings.pages_url,
        dagster=f"http://{settings.host}:{settings.dagster_port}",
        public=settings.base_url,
    )
    asyncio.run(Supervisor([*serving(settings), *screens(settings)], settings.environment()).run())
