"""What people agreed to: why they may be mailed or not, who comes back, on which legal grounds."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from sillage.campaign.audience import audience_of
from sillage.commands.account import open_store
from sillage.domain.consent import Basis, Channel
from sillage.domain.contact import EmailAddress
from sillage.domain.ids import ContactId
from sillage.domain.segment import Everyone, InGroup
from sillage.errors import BadInput, NotFound
from sillage.settings import Settings
from sillage.signup import ask_contacts
from sillage.store import accounts, contacts, forms, returns, standing
from sillage.store.accounts import Account
from sillage.store.returns import Proof
from sillage.store.standing import Explanation

app = typer.Typer(no_args_is_help=True, help=__doc__)

AccountOption = Annotated[str | None, typer.Option(help="The account's slug; not needed where there is one.")]
ASKED_AT_ONCE = 200


def why(
    email: str,
    *,
    account: AccountOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else.")] = False,
) -> None:
    """Say why a person may be mailed, or every reason why not, with the ledger of their consent.

    Example: sillage contacts why ada@shop.example
    """
    settings = Settings.load()
    store = open_store(settings)
    with store.read() as conn:
        owner = _account(conn, account)
        one = contacts.by_address(conn, owner.id, EmailAddress.parse(email))
        found = standing.explain(conn, owner.id, one.id, Channel.EMAIL, settings.clock.now())
    if as_json:
        typer.echo(json.dumps({**asdict(found), "mailable": found.is_mailable}, default=_plain, indent=1))
        return
    _print(email, found)


@app.command()
def bring_back(
    email: str,
    *,
    agreed_at: Annotated[datetime, typer.Option(help="When they agreed again (UTC), after they had left.")],
    wording: Annotated[str, typer.Option(help="The exact words that they agreed to.")],
    proof: Annotated[str, typer.Option(help="How it can be shown: a signed form, a letter, a recording.")],
    declared_by: Annotated[str, typer.Option(help="Who says so.")],
    account: AccountOption = None,
) -> None:
    """Bring back one person who left, on a later proof. A file never does that.

    Example: sillage consent bring-back ada@shop.example --agreed-at 2026-11-20 --wording "I agree to …"
    --proof "letter of 20 November, folder 12" --declared-by "Ida"
    """
    settings = Settings.load()
    store, now = open_store(settings), settings.clock.now()
    moment = agreed_at if agreed_at.tzinfo else agreed_at.replace(tzinfo=now.tzinfo)
    with store.write() as conn:
        owner = _account(conn, account)
        one = contacts.by_address(conn, owner.id, EmailAddress.parse(email))
        returns.bring_back(
            conn, owner.id, one.id, Proof(moment, wording, proof, declared_by), channel=Channel.EMAIL, now=now
        )
        found = standing.explain(conn, owner.id, one.id, Channel.EMAIL, now)
    _print(email, found)


@app.command()
def ask(
    form: Annotated[str, typer.Option(help="The form whose words they are asked to agree to.")],
    *,
    group: Annotated[str | None, typer.Option(help="Only members of this group, such as the one of an import.")] = None,
    account: AccountOption = None,
) -> None:
    """Ask contacts without a consent, or with one that lapsed, to confirm by a mail. Who left is never asked.

    Example: sillage consent ask --form Newsletter --group Salon
    """
    settings = Settings.load()
    store, secret = open_store(settings), settings.secret.get_secret_value()
    with store.read() as conn:
        owner = _account(conn, account)
        page = next((f for f in forms.listed(conn, owner.id) if f.name == form), None)
    if page is None:
        raise NotFound(f"no form {form!r}: `sillage form list` names them")
    tree = InGroup(name=group) if group else Everyone()
    with audience_of(store, owner.id) as audience:
        members = audience.members([tree], [], kind="marketing", now=settings.clock.now())
    reasons = {ContactId(row[0]): row[1] for row in members.select("contact_id", "left_out").drop_nulls().iter_rows()}
    ids, asked = list(reasons), 0
    for start in range(0, len(ids), ASKED_AT_ONCE):
        some = ids[start : start + ASKED_AT_ONCE]
        with store.write() as conn:
            addresses = contacts.emails_of(conn, owner.id, some)
            people = [(who, email, reasons[who]) for who, email in addresses.items()]
            asked += ask_contacts(conn, secret, page, people, source=f"group {group}" if group else "all contacts",
                                  now=settings.clock.now())  # fmt: skip
    typer.echo(f"{asked:,} people are asked to confirm")


@app.command()
def bases(
    allowed: Annotated[
        list[Basis] | None, typer.Argument(help="existing_customer, professional, or none of them.")
    ] = None,
    *,
    account: AccountOption = None,
) -> None:
    """Say on which legal grounds beside consent an account mails: none, until it is said here.

    Example: sillage consent bases existing_customer
    """
    store = open_store(Settings.load())
    with store.write() as conn:
        owner = _account(conn, account)
        accounts.allow_bases(conn, owner.id, allowed or [])
        now = accounts.by_id(conn, owner.id).allowed_bases
    typer.echo(f"{owner.slug} mails on: {', '.join(now)}")


def _account(conn: Any, slug: str | None) -> Account:
    return accounts.by_slug(conn, slug) if slug else accounts.only_account(conn)


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise BadInput(f"{type(value).__name__} can't be printed", code="not_json")


def _print(email: str, found: Explanation) -> None:
    console = Console()
    if found.is_mailable:
        console.print(f"{email} may get marketing: {found.basis} since {_day(found.agreed_at)}, until "
                      f"{_day(found.lapses_at)} unless they do something before", highlight=False)  # fmt: skip
    else:
        console.print(f"{email} gets no marketing: {', '.join(found.reasons)}", highlight=False)
    if found.service_reasons:
        console.print(f"nor any other message: {', '.join(found.service_reasons)}", highlight=False)
    table = Table("when", "purpose", "state", "basis", "source", "words", "proof", "holds")
    for line in found.ledger:
        words = f"{line.wording[:60]} ({line.wording_version})" if line.wording_version else line.wording[:60]
        source = f"{line.source} (declared by {line.declared_by})" if line.declared_by else line.source
        table.add_row(
            f"{line.occurred_at:%Y-%m-%d %H:%M}", line.purpose, line.state, line.basis, source, words, line.proof,
            "yes" if line.decides else "",
        )  # fmt: skip
    console.print(table)


def _day(moment: datetime | None) -> str:
    return "–" if moment is None else f"{moment:%Y-%m-%d}"  # noqa: RUF001 - what is not known
