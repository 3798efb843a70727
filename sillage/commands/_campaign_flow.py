"""What goes on around a campaign: a test to colleagues, approval, copies, those who did not react."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import sqlalchemy as sa
import typer

from sillage.campaign import approval
from sillage.campaign.again import To, campaign_again, counted
from sillage.campaign.audience import audience_of
from sillage.campaign.copying import duplicate
from sillage.campaign.schedule import move_to
from sillage.campaign.trial_send import send_test, versions_of
from sillage.commands.account import open_store
from sillage.domain.contact import EmailAddress
from sillage.errors import BadInput, NotFound
from sillage.settings import Settings
from sillage.store import accounts, campaigns, contacts, segments, users
from sillage.store.accounts import Account
from sillage.store.campaigns import Campaign

ByOption = Annotated[str, typer.Option("--by", help="The address of the member who does it.")]
AccountOption = Annotated[str | None, typer.Option(help="The account's slug; not needed where there is one.")]


def add_to(app: typer.Typer) -> None:
    """Give these commands to `sillage campaign`."""
    app.command(name="test-send")(to_colleagues)
    app.command()(move)
    app.command(name="duplicate")(copy)
    app.command()(resend)
    app.command()(approve)
    app.command()(refuse)


def _find(conn: sa.Connection, account: str | None, name: str) -> tuple[Account, Campaign]:
    owner = accounts.by_slug(conn, account) if account else accounts.only_account(conn)
    return owner, campaigns.by_name(conn, owner.id, name)


def user_named(conn: sa.Connection, owner: Account, email: str) -> int:
    """The member of an account with this address.

    Raises: NotFound.
    """
    wanted = EmailAddress.parse(email).identity
    for member in users.members_of(conn, owner.id):
        if member.email == wanted:
            return member.user_id
    raise NotFound(f"account {owner.slug!r} has no member {wanted}")


def approve(name: str, *, by: ByOption, words: str = "", account: AccountOption = None) -> None:
    """Approve a campaign that waits for it, as a member who did not make it: it leaves at its time.

    Example: sillage campaign approve "November news" --by bob@maison.example
    """
    settings = Settings.load()
    with open_store(settings).write() as conn:
        owner, campaign = _find(conn, account, name)
        who = user_named(conn, owner, by)
        approval.approve(conn, owner.id, campaign.id, by=who, now=settings.clock.now(), words=words)
    typer.echo(f"campaign {name!r} is approved by {by}, and leaves at its time")


def refuse(
    name: str, *, by: ByOption, words: Annotated[str, typer.Option(help="Why.")], account: AccountOption = None
) -> None:
    """Refuse a campaign that waits for approval: it is a draft again, and its author reads why.

    Example: sillage campaign refuse "November news" --by bob@maison.example --words "the price is wrong"
    """
    settings = Settings.load()
    with open_store(settings).write() as conn:
        owner, campaign = _find(conn, account, name)
        who = user_named(conn, owner, by)
        approval.refuse(conn, owner.id, campaign.id, by=who, now=settings.clock.now(), words=words)
    typer.echo(f"campaign {name!r} is refused by {by}: it is a draft again")


def move(
    name: str,
    *,
    at: Annotated[str, typer.Option(help="When instead, as 2026-11-24T10:00:00Z.")],
    by: Annotated[str | None, typer.Option("--by", help="The member who does it.")] = None,
    account: AccountOption = None,
) -> None:
    """Give a scheduled campaign another time, until it is planned. An approval is taken back by it.

    Example: sillage campaign move "November news" --at 2026-11-25T09:00:00Z
    """
    settings = Settings.load()
    try:
        moment = datetime.fromisoformat(at)
    except ValueError as exc:
        raise BadInput(f"--at {at!r} is no time; write it as 2026-11-24T10:00:00Z", code="bad_time") from exc
    if moment.tzinfo is None:
        raise BadInput(f"--at {at!r} has no time zone; write it as 2026-11-24T10:00:00Z", code="no_zone")
    moment = moment.astimezone(UTC)
    with open_store(settings).write() as conn:
        owner, campaign = _find(conn, account, name)
        who = user_named(conn, owner, by) if by else None
        move_to(conn, owner.id, campaign.id, send_at=moment, by=who, now=settings.clock.now())
    typer.echo(f"campaign {name!r} leaves at {moment:%Y-%m-%d %H:%M:%S} UTC")


def copy(
    name: str,
    *,
    as_: Annotated[str | None, typer.Option("--as", help="Its name; else: Copy of …")] = None,
    by: Annotated[str | None, typer.Option("--by", help="The member who makes it.")] = None,
    account: AccountOption = None,
) -> None:
    """Make another campaign with the same content, audience and test, as a draft.

    Example: sillage campaign duplicate "November news" --as "December news"
    """
    settings = Settings.load()
    now = settings.clock.now()
    with open_store(settings).write() as conn:
        owner, campaign = _find(conn, account, name)
        who = user_named(conn, owner, by) if by else None
        made = duplicate(conn, settings, owner, campaign.id, name=as_, by=who, now=now)
        called = campaigns.get(conn, owner.id, made).name
    typer.echo(f"campaign {called!r} made as a draft (number {made})")


def resend(
    name: str,
    *,
    subject: Annotated[str, typer.Option(help="Another subject.")],
    to: Annotated[To, typer.Option(help="non_clickers, or non_openers of those whose opens may be measured.")] = (
        To.NON_CLICKERS
    ),
    as_: Annotated[str | None, typer.Option("--as", help="Its name.")] = None,
    by: Annotated[str | None, typer.Option("--by", help="The member who makes it.")] = None,
    account: AccountOption = None,
) -> None:
    """Make a draft of a campaign that is over, to those whom it reached and who did not react.

    Example: sillage campaign resend "November news" --subject "You may have missed this"
    """
    settings = Settings.load()
    store, now = open_store(settings), settings.clock.now()
    with store.write() as conn:
        owner, campaign = _find(conn, account, name)
        who = user_named(conn, owner, by) if by else None
        made = campaign_again(conn, settings, owner, campaign.id, to, subject=subject, name=as_, by=who, now=now)
        called = campaigns.get(conn, owner.id, made).name
        trees = {int(s.id): s.tree for s in segments.listed(conn, owner.id)}
    with audience_of(store, owner.id, settings) as audience:
        exclude = [trees[i] for i in campaign.exclude if i in trees]
        found = counted(audience, campaign, exclude, to, now=now)
    typer.echo(
        f"campaign {called!r} made as a draft (number {made}): {found.mailable:,} of {found.silent:,} may be mailed;"
        f" {name!r} reached {found.reached:,}, and of {found.measurable:,} of them opens may be measured"
    )


def to_colleagues(
    name: str,
    *,
    to: Annotated[list[str], typer.Option(help="A colleague's address; up to ten, each with its own --to.")],
    contact: Annotated[str | None, typer.Option(help="Fill it with this contact's data; else with a sample.")] = None,
    account: AccountOption = None,
) -> None:
    """Send each version of a campaign to colleagues, for a look: it counts in no figure and touches nobody's consent.

    It leaves within seconds while `sillage up` runs.

    Example: sillage campaign test-send "November news" --to ada@maison.example --contact camille@client.example
    """
    settings = Settings.load()
    store = open_store(settings)
    with store.read() as conn:
        owner, campaign = _find(conn, account, name)
        versions = versions_of(conn, owner.id, campaign)
        whose = contacts.by_address(conn, owner.id, EmailAddress.parse(contact)).id if contact else None
    count = send_test(store, settings, owner, campaign.kind, versions, to, contact_id=whose, by="command")
    typer.echo(f"campaign {name!r}: {count} test mails are on their way")
