"""Addresses that look wrong, and people who no longer read."""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from sillage.commands.account import open_store
from sillage.errors import BadInput
from sillage.hygiene import ACTIONS, Kind, act, lists_of
from sillage.hygiene.resolver import check
from sillage.lake.reader import Reader
from sillage.settings import Settings
from sillage.store import accounts

app = typer.Typer(no_args_is_help=True, help=__doc__)

AccountOption = Annotated[str | None, typer.Option(help="The account's slug; not needed where there is one.")]


@app.callback()
def _group() -> None:
    """Keep subcommands, though there is one."""


def hygiene(
    kind: Annotated[Kind | None, typer.Argument(help="A list to show; without it all are counted.")] = None,
    *,
    limit: Annotated[int, typer.Option(min=1, help="How many to show.")] = 20,
    do: Annotated[bool, typer.Option("--do", help="Do to the whole list what is done to it.")] = False,
    account: AccountOption = None,
) -> None:
    """Count the lists of hygiene, show one, or act on it: typos are corrected, the silent go into a group, mail to the
    others is stopped.

    Example: sillage contacts hygiene typo --do
    """
    settings = Settings.load()
    store = open_store(settings)
    with store.read() as conn:
        owner = accounts.by_slug(conn, account) if account else accounts.only_account(conn)
    if kind is None and do:
        raise BadInput("name the list to act on, such as: sillage contacts hygiene typo --do", code="no_kind")
    now = settings.clock.now()
    with closing(Reader(settings)) as reader, lists_of(store, owner.id, now, reader) as lists:
        if kind is None:
            table = Table("list", "contacts", "what is done to it")
            for one, count in lists.counts().items():
                table.add_row(one, f"{count:,}", ACTIONS[one])
            Console().print(table)
            return
        found = lists.shown(kind, limit=None if do else limit)
    if do:
        done = act(store, settings, owner.id, kind, found)
        typer.echo(f"{done.corrected:,} corrected, {done.suppressed:,} suppressed, {done.grouped:,} put into a group")
        return
    table = Table("id", "address", "meant or kept")
    for line in found:
        table.add_row(str(line.contact_id), line.email, line.fix or "")
    Console().print(table)


@app.command()
def check_mx(
    *,
    limit: Annotated[int, typer.Option(min=1, help="How many domains, those of most contacts first.")] = 1_000,
    account: AccountOption = None,
) -> None:
    """Ask the resolver of SILLAGE_RESOLVER which domains take mail; the answers are kept for 30 days.

    Example: sillage hygiene check-mx --limit 5000
    """
    settings = Settings.load()
    store, now = open_store(settings), settings.clock.now()
    with store.read() as conn:
        owner = accounts.by_slug(conn, account) if account else accounts.only_account(conn)
    with lists_of(store, owner.id, now) as lists:
        domains = lists.domains()[:limit]
    found = asyncio.run(check(store, settings.resolver, domains, now))
    typer.echo(f"{len(found):,} domains answered, {sum(not takes for takes in found.values()):,} of them take no mail")
