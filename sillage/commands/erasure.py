"""People who are to be erased: how far each has come (`sillage contacts erase` begins one)."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from sillage.commands.account import open_store
from sillage.domain.contact import EmailAddress
from sillage.errors import BadInput
from sillage.settings import Settings
from sillage.store import accounts, contacts
from sillage.store import erasures as queue

app = typer.Typer(no_args_is_help=True, help=__doc__)

AccountOption = Annotated[str | None, typer.Option(help="The account's slug; not needed where there is one.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on standard output.")]


def erase(
    email: str,
    *,
    account: AccountOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: there is no way back.")] = False,
) -> None:
    """Erase a person for good: a keyed hash of the address stays, which keeps it out; totals of campaigns stay.

    They are gone from the contacts at once; the collector takes them out of files, events and figures.

    Example: sillage contacts erase ada@shop.example --yes
    """
    settings = Settings.load()
    store = open_store(settings)
    with store.read() as conn:
        owner = accounts.by_slug(conn, account) if account else accounts.only_account(conn)
        one = contacts.by_address(conn, owner.id, EmailAddress.parse(email))
    if not yes and not typer.confirm(f"Erase {email} from {owner.name} for good?"):
        raise BadInput("nobody was erased", code="not_confirmed")
    with store.write() as conn:
        number = queue.request(conn, owner.id, one.id, by="cli", now=settings.clock.now())
    store.truncate_journal()
    typer.echo(
        f"erasure {number}: gone from the contacts; the collector does the rest (`sillage up`, or `sillage lake "
        f"collect` three times, half an hour apart), and `sillage erasure list` says how far it is"
    )


@app.command("list")
def erasures(*, account: AccountOption = None, as_json: JsonOption = False) -> None:
    """List whom somebody asked to erase, by number, and how far each erasure has come.

    Example: sillage erasure list
    """
    settings = Settings.load()
    store = open_store(settings)
    with store.read() as conn:
        owner = accounts.by_slug(conn, account) if account else accounts.only_account(conn)
        found = queue.listed(conn, owner.id)
    if as_json:
        hidden = {"email", "phone"}
        shown = [{k: v for k, v in asdict(one).items() if k not in hidden} for one in found]
        typer.echo(json.dumps(shown, default=lambda value: value.isoformat(), indent=1))
        return
    table = Table("id", "contact", "asked for", "by", "files", "lake and marts", "gone everywhere")
    for one in found:
        steps = [f"{at:%Y-%m-%d %H:%M}" if at else "waits" for at in (one.files_at, one.rewritten_at, one.done_at)]
        table.add_row(str(one.id), str(one.contact_id), f"{one.requested_at:%Y-%m-%d %H:%M}", one.requested_by, *steps)
    Console().print(table)
