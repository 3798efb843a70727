"""The `sillage` command. It starts rooms as processes, by their module's name, and imports none of them."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import typer

from sillage import commands
from sillage.errors import SillageError

app = typer.Typer(name="sillage", no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)


def _assemble(wanted: str = "") -> None:
    """Add each module of `sillage.commands`: its `app` under the module's name, or its single `command`.

    Where `wanted` is the name of one with an `app`, that one alone: the others' libraries take seconds to load.
    """
    modules = list(pkgutil.iter_modules(commands.__path__))
    if any(module.name == wanted for module in modules):
        only = importlib.import_module(f"sillage.commands.{wanted}")
        if hasattr(only, "app"):
            app.add_typer(only.app, name=wanted)
            return
    for module in modules:
        found = importlib.import_module(f"sillage.commands.{module.name}")
        if hasattr(found, "app"):
            app.add_typer(found.app, name=module.name)
        else:
            app.command(module.name)(found.command)


def main() -> None:
    """Run a command; a domain error is one line on standard error and exit code 1."""
    _assemble(sys.argv[1] if len(sys.argv) > 1 else "")
    try:
        app()
    except SillageError as exc:
        typer.echo(f"sillage: {exc}", err=True)
        sys.exit(1)
