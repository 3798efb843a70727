"""Public pages to sign up by, with double opt-in."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from sillage.commands.account import open_store
from sillage.errors import BadInput, NotFound
from sillage.settings import Settings
from sillage.store import accounts, campaigns, forms, groups

app = typer.Typer(no_args_is_help=True, help=__doc__)

AccountOption = Annotated[str | None, typer.Option(help="The account's slug; not needed where there is one.")]


@app.command()
def create(
    name: str,
    *,
    sender: Annotated[str, typer.Option(help="The verified address that asks people to confirm.")],
    wording: Annotated[str, typer.Option(help="The exact words that people agree to.")],
    version: Annotated[str, typer.Option(help="The version of those words, such as 2026-11.")],
    tracking_wording: Annotated[str, typer.Option(help="Asked beside: may opens and clicks be measured.")] = "",
    group: Annotated[str | None, typer.Option(help="Put who confirms into this group.")] = None,
    asks_name: Annotated[bool, typer.Option("--asks-name", help="Ask for the name too.")] = False,
    account: AccountOption = None,
) -> None:
    """Make a form. Its words stay as they are: for others, close it and make another.

    Example: sillage form create Newsletter --sender news@maison.example --version 2026-11 --wording "I agree to …"
    """
    settings = Settings.load()
    store, now = open_store(settings), settings.clock.now()
    with store.write() as conn:
        owner = accounts.by_slug(conn, account) if account else accounts.only_account(conn)
        if not owner.may_send:
            raise BadInput(
                "the account has no legal name or postal address: `sillage account set-identity` says who asks",
                code="no_identity",
            )
        known = next((s for s in campaigns.senders_of(conn, owner.id) if s.email == sender), None)
        if known is None:
            raise BadInput(f"{sender} is no sender of {owner.slug}: `sillage account add-sender`", code="no_sender")
        form = forms.create(
            conn, owner.id, name, sender_id=known.id, wording=wording, wording_version=version, now=now,
            tracking_wording=tracking_wording, asks_name=asks_name,
            group_id=groups.get_or_create(conn, owner.id, group, now=now) if group else None,
        )  # fmt: skip
    typer.echo(f"{settings.base_url}/f/{form.key}")


@app.command(name="list")
def list_forms(*, account: AccountOption = None) -> None:
    """List the forms of an account with their addresses.

    Example: sillage form list
    """
    settings = Settings.load()
    store = open_store(settings)
    with store.read() as conn:
        owner = accounts.by_slug(conn, account) if account else accounts.only_account(conn)
        found = forms.listed(conn, owner.id)
    table = Table("form", "open", "version", "address")
    for form in found:
        address = f"{settings.base_url}/f/{form.key}"
        table.add_row(form.name, "yes" if form.is_open else "no", form.wording_version, address)
    Console().print(table)


@app.command()
def close(name: str, *, account: AccountOption = None) -> None:
    """Take a form off the web; who signed up already may still confirm.

    Example: sillage form close Newsletter
    """
    store = open_store(Settings.load())
    with store.write() as conn:
        owner = accounts.by_slug(conn, account) if account else accounts.only_account(conn)
        form = next((f for f in forms.listed(conn, owner.id) if f.name == name), None)
        if form is None:
            raise NotFound(f"no form {name!r}")
        forms.close(conn, owner.id, form.id)
    typer.echo(f"form {name} is closed")
