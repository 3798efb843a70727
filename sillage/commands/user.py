"""Who may sign in to the pages: links to set up, to invite, to choose another password."""

from __future__ import annotations

from typing import Annotated

import typer

from sillage.access import Door, Links
from sillage.access.door import normalised
from sillage.commands.account import open_store
from sillage.domain.sign_in import Role
from sillage.errors import NotFound, Refused
from sillage.settings import Settings
from sillage.store import accounts, sessions, users
from sillage.store.database import Store
from sillage.store.users import User

app = typer.Typer(no_args_is_help=True, help=__doc__)

AccountOption = Annotated[str | None, typer.Option(help="The account's slug; not needed where there is one.")]


def links_of(settings: Settings, store: Store) -> Links:
    """The one-time links of an installation."""
    return Links(store, settings, Door(store, settings.secret.get_secret_value()))


@app.command()
def set_up() -> None:
    """Print the link by which the first owner comes in: it works once, for a day.

    Example: sillage user set-up
    """
    settings = Settings.load()
    link = links_of(settings, open_store(settings)).set_up()
    if link is None:
        raise Refused(
            "somebody can sign in already; `sillage user list` shows who, `sillage user invite` lets others in"
        )
    typer.echo(link)


@app.command()
def invite(
    email: str,
    *,
    role: Annotated[Role, typer.Option(help="What they are in it.")] = Role.MEMBER,
    account: AccountOption = None,
) -> None:
    """Print a link that lets somebody into an account: it works once, for seven days.

    Example: sillage user invite ada@maison.example --role owner
    """
    settings = Settings.load()
    store = open_store(settings)
    with store.read() as conn:
        found = accounts.by_slug(conn, account) if account else accounts.only_account(conn)
    typer.echo(links_of(settings, store).invite(found.id, email, role))


@app.command()
def password(email: str) -> None:
    """Print a link by which somebody who lost the password chooses another: it works once, for two hours.

    Example: sillage user password ada@maison.example
    """
    settings = Settings.load()
    typer.echo(links_of(settings, open_store(settings)).new_password(email))


@app.command("list")
def list_users() -> None:
    """Who can sign in, and to which accounts.

    Example: sillage user list
    """
    with open_store(Settings.load()).read() as conn:
        for user in users.listed(conn):
            held = ", ".join(f"{m.slug} ({m.role})" for m in users.accounts_of(conn, user.id)) or "no account"
            typer.echo(f"{user.email}: {held}")


@app.command()
def leave(email: str, *, account: AccountOption = None) -> None:
    """Let somebody no longer into an account.

    Example: sillage user leave ada@maison.example
    """
    with open_store(Settings.load()).write() as conn:
        found = accounts.by_slug(conn, account) if account else accounts.only_account(conn)
        user = _user(users.by_email(conn, normalised(email)), email)
        users.leave(conn, found.id, user.id)
    typer.echo(f"{email} no longer works in {found.slug}")


@app.command()
def sign_out(email: str) -> None:
    """End all sessions of a user.

    Example: sillage user sign-out ada@maison.example
    """
    with open_store(Settings.load()).write() as conn:
        sessions.end_all(conn, _user(users.by_email(conn, normalised(email)), email).id)
    typer.echo(f"{email} is signed out everywhere")


def _user(found: User | None, email: str) -> User:
    if found is None:
        raise NotFound(f"no user {email}; `sillage user list` shows them")
    return found
