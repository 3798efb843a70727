"""Lists of addresses and domains that get nothing: an account's own, and the installation's."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from sillage.commands.account import open_store
from sillage.domain.ids import AccountId
from sillage.ingest import suppression_file
from sillage.settings import Settings
from sillage.store import accounts, files, suppressions
from sillage.store.database import Store

app = typer.Typer(no_args_is_help=True, help=__doc__)

AccountOption = Annotated[str | None, typer.Option(help="The account's slug; not needed where there is one.")]
InstallationOption = Annotated[
    bool, typer.Option("--installation", help="The operator's list, which holds for all accounts.")
]
EXPORT_KEPT = timedelta(days=30)


@app.command()
def add(what: str, *, account: AccountOption = None, installation: InstallationOption = False) -> None:
    """Stop mail to an address, or to all of a domain (itself, not what is below it).

    Example: sillage suppress add ada@shop.example
    """
    settings = Settings.load()
    store = open_store(settings)
    owner = _owner(store, account, installation=installation)
    one = suppression_file.entry_of(what, settings.secret.get_secret_value())
    with store.write() as conn:
        new = suppressions.add(
            conn, owner, channel="email", now=settings.clock.now(),
            addresses=[(one.address_hash, one.reason)] if one.address_hash else [],
            domains=[one.domain] if one.domain else [],
        )  # fmt: skip
    typer.echo("added" if new else "it was on the list before")


@app.command()
def remove(what: str, *, account: AccountOption = None, installation: InstallationOption = False) -> None:
    """Take an address or a domain off a list; who complained or was erased comes back by a confirmed sign-up only.

    Example: sillage suppress remove shop.example
    """
    settings = Settings.load()
    store = open_store(settings)
    owner = _owner(store, account, installation=installation)
    one = suppression_file.entry_of(what, settings.secret.get_secret_value())
    with store.write() as conn:
        if one.address_hash is not None:
            suppressions.remove_address(conn, owner, "email", one.address_hash)
        else:
            suppressions.remove_domain(conn, owner, one.domain or "")
    typer.echo("removed")


@app.command(name="list")
def list_suppressed(
    *,
    account: AccountOption = None,
    installation: InstallationOption = False,
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 50,
) -> None:
    """List what is suppressed; an address that no contact has is shown by its keyed hash.

    Example: sillage suppress list --limit 100
    """
    store = open_store(Settings.load())
    owner = _owner(store, account, installation=installation)
    with store.read() as conn:
        size = suppressions.size(conn, owner)
        found = suppressions.listed(conn, owner, limit=limit)
    table = Table("what", "reason", "since", title=f"{size.addresses:,} addresses, {size.domains:,} domains")
    for one in found:
        what = one.domain or one.email or (one.address_hash or b"").hex()
        table.add_row(what, one.reason, f"{one.created_at:%Y-%m-%d %H:%M}")
    Console().print(table)


@app.command(name="import")
def import_(file: Path, *, account: AccountOption = None, installation: InstallationOption = False) -> None:
    """Add all of a file: a column of addresses, domains or hashes.

    Example: sillage suppress import left.csv
    """
    settings = Settings.load()
    store = open_store(settings)
    owner = _owner(store, account, installation=installation)
    report = suppression_file.read_file(store, settings, owner, file)
    typer.echo(f"{report.rows:,} rows, {report.added:,} new, {report.refused_count:,} not understood")
    for refused in report.refused[:20]:
        typer.echo(f"line {refused.row}: {refused.reason}: {refused.value!r}")


@app.command()
def export(file: Path, *, account: AccountOption = None, installation: InstallationOption = False) -> None:
    """Write a list to a CSV file that can be read back. It holds addresses: it is registered, and kept 30 days.

    Example: sillage suppress export suppressed.csv
    """
    settings = Settings.load()
    store = open_store(settings)
    owner = _owner(store, account, installation=installation)
    with store.read() as conn:
        text = suppression_file.as_csv(suppressions.listed(conn, owner))
    if owner is not None:
        now = settings.clock.now()
        with store.write() as conn:
            files.register(conn, owner, "suppression_export", file.resolve(), now, now + EXPORT_KEPT)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8-sig") as out:
        out.write(text)
    typer.echo(f"{file}: {text.count(chr(10)) - 1:,} lines")


def _owner(store: Store, slug: str | None, *, installation: bool) -> AccountId | None:
    if installation:
        return None
    with store.read() as conn:
        return (accounts.by_slug(conn, slug) if slug else accounts.only_account(conn)).id
