"""Accounts and their senders."""

from __future__ import annotations

from typing import Annotated

import typer

from sillage.domain import quota
from sillage.domain.bounce_policy import BouncePolicy, Follow
from sillage.domain.bounce_rules import BounceClass
from sillage.errors import NotFound
from sillage.settings import Settings
from sillage.store import accounts, bounces, campaigns, quotas
from sillage.store.database import Store
from sillage.store.migrate import upgrade

app = typer.Typer(no_args_is_help=True, help=__doc__)


def open_store(settings: Settings) -> Store:
    """ops, brought to this version's schema."""
    store = Store(settings.database_url)
    upgrade(store)
    return store


@app.command()
def create(
    slug: str,
    *,
    name: Annotated[str, typer.Option(help="As people know it.")],
    legal_name: Annotated[str, typer.Option(help="Shown in each commercial mail; without it nothing is sent.")] = "",
    postal_address: Annotated[str, typer.Option(help="Shown in each commercial mail.")] = "",
    locale: Annotated[str, typer.Option(help="fr or en: the language of its mails and public pages.")] = "fr",
    timezone: Annotated[str, typer.Option()] = "Europe/Paris",
) -> None:
    """Make an account.

    Example: sillage account create maison --name "Maison Sillage" --legal-name "Maison Sillage SAS"
    --postal-address "1 quai du Port, 29200 Brest"
    """
    settings = Settings.load()
    store = open_store(settings)
    with store.write() as conn:
        account = accounts.create(
            conn, slug, name, created_at=settings.clock.now(), legal_name=legal_name, postal_address=postal_address,
            locale=locale, timezone=timezone,
        )  # fmt: skip
    typer.echo(f"account {account.slug} made")


@app.command()
def set_identity(
    *,
    legal_name: Annotated[str, typer.Option(help="The name in law of who sends.")],
    postal_address: Annotated[str, typer.Option(help="Where they can be written to.")],
    account: Annotated[str | None, typer.Option(help="The account's slug; not needed where there is one.")] = None,
) -> None:
    """Say who sends an account's mail; without it nothing is scheduled.

    Example: sillage account set-identity --legal-name "Maison SAS" --postal-address "1 quai du Port, 29200 Brest"
    """
    store = open_store(Settings.load())
    with store.write() as conn:
        owner = accounts.by_slug(conn, account) if account else accounts.only_account(conn)
        accounts.set_identity(conn, owner.id, legal_name=legal_name, postal_address=postal_address)
    typer.echo(f"account {owner.slug}: its mails now say {legal_name}, {postal_address}")


@app.command()
def add_sender(
    email: str,
    *,
    name: Annotated[str, typer.Option(help="The name that readers see.")],
    account: Annotated[str | None, typer.Option(help="The account's slug; not needed where there is one.")] = None,
    reply_to: Annotated[str | None, typer.Option()] = None,
    verified: Annotated[bool, typer.Option("--verified", help="You declare that this address is yours.")] = False,
) -> None:
    """Add a sender to an account.

    Example: sillage account add-sender news@maison.example --name "Maison Sillage" --verified
    """
    settings = Settings.load()
    store = open_store(settings)
    now = settings.clock.now()
    with store.write() as conn:
        owner = accounts.by_slug(conn, account) if account else accounts.only_account(conn)
        campaigns.add_sender(
            conn, owner.id, name, email, now=now, reply_to=reply_to, verified_at=now if verified else None
        )
    typer.echo(f"sender {name} <{email}> added to {owner.slug}")


@app.command()
def bounce_policy(
    *,
    npai: Annotated[Follow | None, typer.Option(help="deactivate or count.")] = None,
    hard: Annotated[Follow | None, typer.Option(help="deactivate or count.")] = None,
    soft: Annotated[Follow | None, typer.Option(help="count, deactivate or retry.")] = None,
    transient: Annotated[Follow | None, typer.Option(help="retry or count.")] = None,
    recommend_after: Annotated[int | None, typer.Option(help="Bounces after which removal is recommended.")] = None,
    within_days: Annotated[int | None, typer.Option(help="Days in which they are counted.")] = None,
    min_campaigns: Annotated[int | None, typer.Option(help="Campaigns that they come from at least.")] = None,
    save: Annotated[bool, typer.Option("--save", help="Let it hold from now on.")] = False,
    apply: Annotated[bool, typer.Option("--apply", help="Save it, and do the same to the list as it is.")] = False,
    account: Annotated[str | None, typer.Option(help="The account's slug; not needed where there is one.")] = None,
) -> None:
    """Show or change what follows from a bounce, with the effect on the list; nothing changes without --save.

    Example: sillage account bounce-policy --soft count --recommend-after 4 --within-days 60 --save
    """
    settings = Settings.load()
    now = settings.clock.now()
    chosen = {BounceClass.NPAI: npai, BounceClass.HARD: hard, BounceClass.SOFT: soft, BounceClass.TRANSIENT: transient}
    with open_store(settings).write() as conn:
        owner = accounts.by_slug(conn, account) if account else accounts.only_account(conn)
        old = bounces.policy_of(conn, owner.id)
        policy = BouncePolicy(
            {**old.follows, **{key: value for key, value in chosen.items() if value is not None}},
            old.recommend_after if recommend_after is None else recommend_after,
            old.within_days if within_days is None else within_days,
            old.min_campaigns if min_campaigns is None else min_campaigns,
        )
        effect = bounces.effect(conn, owner.id, policy, now=now)
        if save or apply:
            bounces.save_policy(conn, owner.id, policy, now=now)
        if apply:
            bounces.apply_policy(conn, owner.id, policy, now=now)
    for bounce_class, follow in policy.follows.items():
        typer.echo(f"{bounce_class:10} {follow}")
    typer.echo(
        f"removal is recommended after {policy.recommend_after} counted bounces in {policy.within_days} days "
        f"over {policy.min_campaigns} campaigns or more, with no delivery between"
    )
    typer.echo(
        f"on the list as it is: {effect.deactivated} to deactivate, {effect.offered_back} to offer back, "
        f"{effect.recommended} recommended for removal of {effect.counted} counted"
    )
    done = "saved, and done to the list" if apply else "saved: it holds from now on" if save else "not saved"
    typer.echo(f"account {owner.slug}: {done}")


@app.command()
def frequency_cap(
    *,
    messages: Annotated[int, typer.Option(min=0, help="Marketing messages per contact at most; 0: no cap.")],
    days: Annotated[int, typer.Option(help="In so many days.")] = 7,
    account: Annotated[str | None, typer.Option(help="The account's slug; not needed where there is one.")] = None,
) -> None:
    """Cap how often a contact is mailed: who has got enough is skipped, with the reason in the books.

    Example: sillage account frequency-cap --messages 3 --days 7
    """
    with open_store(Settings.load()).write() as conn:
        owner = accounts.by_slug(conn, account) if account else accounts.only_account(conn)
        accounts.set_frequency_cap(conn, owner.id, cap=messages or None, days=days)
    typer.echo(
        f"account {owner.slug}: at most {messages} messages per contact in {days} days" if messages
        else f"account {owner.slug}: no frequency cap"
    )  # fmt: skip


@app.command()
def attribution(
    *,
    days: Annotated[int, typer.Option(help="For so many days after a click a conversion is put down to it.")] = 7,
    currency: Annotated[str, typer.Option(help="What amounts are in, as EUR.")] = "EUR",
    account: Annotated[str | None, typer.Option(help="The account's slug; not needed where there is one.")] = None,
) -> None:
    """Say which campaign a conversion is put down to: the one that was clicked last within so many days.

    It holds from the next build of the figures on, for what has happened too.

    Example: sillage account attribution --days 14 --currency EUR
    """
    with open_store(Settings.load()).write() as conn:
        owner = accounts.by_slug(conn, account) if account else accounts.only_account(conn)
        accounts.set_attribution(conn, owner.id, currency=currency, days=days)
    typer.echo(f"account {owner.slug}: conversions in {currency}, put down to the last click within {days} days")


@app.command()
def approval(
    *,
    on: Annotated[bool, typer.Option("--on/--off", help="Whether each campaign needs it.")],
    account: Annotated[str | None, typer.Option(help="The account's slug; not needed where there is one.")] = None,
) -> None:
    """Say whether a second person has to approve each campaign before it leaves.

    Example: sillage account approval --on
    """
    with open_store(Settings.load()).write() as conn:
        owner = accounts.by_slug(conn, account) if account else accounts.only_account(conn)
        accounts.set_approval(conn, owner.id, needed=on)
    said = "each campaign waits for a second person's approval" if on else "campaigns leave without approval"
    typer.echo(f"account {owner.slug}: {said}")


@app.command()
def warm_up(
    domain: Annotated[str, typer.Argument(help="What follows @ in the sender's address.")],
    *,
    stop: Annotated[bool, typer.Option("--stop", help="Lift the caps before their time.")] = False,
    account: Annotated[str | None, typer.Option(help="The account's slug; not needed where there is one.")] = None,
) -> None:
    """Warm up a new sending domain: marketing from it is capped by the day, a little more each (data/warmup.toml).

    Example: sillage account warm-up news.maison.example
    """
    settings = Settings.load()
    now = settings.clock.now()
    with open_store(settings).write() as conn:
        owner = accounts.by_slug(conn, account) if account else accounts.only_account(conn)
        if stop:
            if not quotas.end_warmup(conn, owner.id, domain, now=now):
                raise NotFound(f"domain {domain!r} is not warming up")
        else:
            quotas.start_warmup(conn, owner.id, domain, day=quota.day_of(now))
    plan = quota.warmup_plan()
    typer.echo(
        f"{domain}: no cap"
        if stop
        else f"{domain}: {plan[0]:,} messages today, over {len(plan)} days up to {plan[-1]:,}"
    )
