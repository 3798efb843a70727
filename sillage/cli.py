"""The `sillage` command. It starts rooms as processes, by their module's name, and imports none of them."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import typer

from sillage import commands
from sillage.errors import SillageError

app = typer.Typer(name="sillage", no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)


def _assemble() -> None:
    """Add each module of `sillage.commands`: its `app` under the module's name, or its single `command`."""
    for module in pkgutil.iter_modules(commands.__path__):
        found = importlib.import_module(f"sillage.commands.{module.name}")
        if hasattr(found, "app"):
            app.add_typer(found.app, name=module.name)
        else:
            app.command(module.name)(found.command)


def main() -> None:
    """Run a command; a domain error is one line on standard error and exit code 1."""
    _assemble()
    try:
        app()
    except SillageError as exc:
        typer.echo(f"sillage: {exc}", err=True)
        sys.exit(1)
