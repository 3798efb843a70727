"""The `sillage` command. It starts rooms as processes, by their module's name, and imports none of them."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import typer

from sillage import commands
from sillage.errors import SillageError

app = typer.Typer(name="sillage", no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)


@app.callback(help=__doc__)
def _root() -> None:
    """Keep the commands' names, also where one comes alone."""


def _assemble(wanted: str | None = None) -> None:
    """Add each module of `sillage.commands`: its `app` under the module's name, or its single `command`.

    One whose name begins with a line below is a part of another.
    Where the wanted command is one of them it comes alone: importing all of them takes seconds.
    """
    modules = [one for one in pkgutil.iter_modules(commands.__path__) if not one.name.startswith("_")]
    for module in [one for one in modules if one.name == wanted] or modules:
        found = importlib.import_module(f"sillage.commands.{module.name}")
        if hasattr(found, "app"):
            app.add_typer(found.app, name=module.name)
        else:
            app.command(module.name)(found.command)


def main() -> None:
    """Run a command; a domain error is one line on standard error and exit code 1."""
    _assemble(sys.argv[1] if len(sys.argv) > 1 else None)
    try:
        app()
    except SillageError as exc:
        typer.echo(f"sillage: {exc}", err=True)
        sys.exit(1)
