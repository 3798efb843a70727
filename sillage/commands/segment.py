"""Segments: save, count, list, say, compare, and why somebody is in one or not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from sillage.campaign import membership
from sillage.campaign.audience import Verdict, audience_of
from sillage.campaign.sentence import sentence
from sillage.commands.account import open_store
from sillage.domain.contact import EmailAddress
from sillage.domain.ids import ContactId
from sillage.domain.segment import parse_tree
from sillage.domain.segment_presets import PRESETS
from sillage.errors import BadInput
from sillage.settings import Settings
from sillage.store import accounts, campaigns, contacts, groups, segment_members, segments
from sillage.store.accounts import Account
from sillage.store.database import Store

app = typer.Typer(no_args_is_help=True, help=__doc__)
AccountOption = Annotated[str | None, typer.Option(help="The account's slug; not needed where there is one.")]
LanguageOption = Annotated[str, typer.Option(help="en or fr.")]


@app.command()
def save(
    name: str,
    tree: Annotated[str, typer.Argument(help="The expression tree as JSON, @FILE, or the name of a preset.")],
    *,
    account: AccountOption = None,
) -> None:
    """Save a segment under a name; one of that name is replaced.

    Example: sillage segment save Paris '{"kind": "field", "field": "city", "op": "equals", "value": "Paris"}'
    """
    with _opened(account) as (settings, store, owner):
        parsed = _tree(tree)
        with store.write() as conn:
            segments.save(conn, owner.id, name, parsed, now=settings.clock.now())
        with audience_of(store, owner.id, settings) as audience:
            typer.echo(f"segment {name!r}: {audience.count(parsed):,} contacts")


@app.command()
def count(
    tree: Annotated[str, typer.Argument(help="The expression tree as JSON, @FILE, or the name of a preset.")],
    *,
    account: AccountOption = None,
    language: LanguageOption = "en",
) -> None:
    """Count a segment without saving it, and say it as a sentence.

    Example: sillage segment count '{"kind": "engaged", "did": "opened", "last": 5, "at_least": 2}'
    """
    with _opened(account) as (settings, store, owner):
        parsed = _tree(tree)
        with audience_of(store, owner.id, settings) as audience:
            typer.echo(f"{audience.count(parsed):,} contacts: {sentence(parsed, language)}")


@app.command(name="list")
def list_(*, account: AccountOption = None) -> None:
    """List segments with their size.

    Example: sillage segment list
    """
    with _opened(account) as (settings, store, owner):
        with store.read() as conn:
            found = segments.listed(conn, owner.id)
        with audience_of(store, owner.id, settings) as audience:
            for segment in found:
                typer.echo(f"{segment.name}: {audience.count(segment.tree):,} contacts")


@app.command()
def presets(*, language: LanguageOption = "en") -> None:
    """List the ready-made segments and what they say.

    Example: sillage segment presets --language fr
    """
    for name, tree in PRESETS.items():
        typer.echo(f"{name}: {sentence(parse_tree(tree), language)}")


@app.command()
def say(name: str, *, account: AccountOption = None, language: LanguageOption = "en") -> None:
    """Say a saved segment as a sentence.

    Example: sillage segment say Paris --language fr
    """
    with _opened(account) as (_settings, store, owner), store.read() as conn:
        typer.echo(sentence(segments.by_name(conn, owner.id, name).tree, language))


@app.command()
def compare(first: str, second: str, *, account: AccountOption = None) -> None:
    """Compare two saved segments: who is in the first alone, in both, in the second alone.

    Example: sillage segment compare Paris Readers
    """
    with _opened(account) as (settings, store, owner):
        with store.read() as conn:
            ours, theirs = (segments.by_name(conn, owner.id, name).tree for name in (first, second))
        with audience_of(store, owner.id, settings) as audience:
            alone, both, others = audience.overlap(ours, theirs)
    typer.echo(f"only {first}: {alone:,}\nboth: {both:,}\nonly {second}: {others:,}")


@app.command()
def why(
    name: str,
    contact: Annotated[str, typer.Argument(help="An e-mail address or the number of a contact.")],
    *,
    account: AccountOption = None,
    language: LanguageOption = "en",
) -> None:
    """Say why a contact is in a segment or not, clause by clause.

    Example: sillage segment why Paris someone@example.com
    """
    with _opened(account) as (settings, store, owner):
        with store.read() as conn:
            tree = segments.by_name(conn, owner.id, name).tree
            who = (
                contacts.get(conn, owner.id, ContactId(int(contact)))
                if contact.isdecimal()
                else contacts.by_address(conn, owner.id, EmailAddress.parse(contact))
            )
        with audience_of(store, owner.id, settings) as audience:
            verdict = audience.why(tree, who.id)
    typer.echo(f"contact {who.id} is {'in' if verdict.holds else 'not in'} {name!r}:")
    for line in _lines(verdict, language):
        typer.echo(line)


def _lines(verdict: Verdict, language: str, depth: int = 1) -> Iterator[str]:
    yield f"{'  ' * depth}{'yes' if verdict.holds else 'no '}  {sentence(verdict.tree, language)}"
    for part in verdict.parts:
        yield from _lines(part, language, depth + 1)


def _tree(text: str) -> Any:
    if text in PRESETS:
        return parse_tree(PRESETS[text])
    try:
        raw = json.loads(Path(text[1:]).read_text("utf-8") if text.startswith("@") else text)
    except (OSError, ValueError) as exc:
        raise BadInput(f"the tree is no JSON and no preset: {exc}", code="bad_segment") from exc
    return parse_tree(raw)


@contextmanager
def _opened(account: str | None) -> Iterator[tuple[Settings, Store, Account]]:
    settings = Settings.load()
    store = open_store(settings)
    with store.read() as conn:
        owner = accounts.by_slug(conn, account) if account else accounts.only_account(conn)
    yield settings, store, owner


@app.command()
def watch(
    name: str,
    *,
    account: AccountOption = None,
    stop: Annotated[bool, typer.Option("--stop", help="Stop watching it.")] = False,
) -> None:
    """Make entering and leaving a segment events, from its next look on; `segment follow` looks, and so does Dagster.

    Example: sillage segment watch Readers
    """
    with _opened(account) as (_settings, store, owner), store.write() as conn:
        segment = segments.by_name(conn, owner.id, name)
        segment_members.watch(conn, owner.id, segment.id, is_watched=not stop)
    typer.echo(f"segment {name!r} is {'no longer ' if stop else ''}watched")


@app.command()
def link_group(
    campaign: Annotated[str, typer.Argument(help="The campaign's name.")],
    url: Annotated[str, typer.Argument(help="Where the link leads.")],
    group: Annotated[str, typer.Argument(help="The static group; made where there is none.")],
    *,
    account: AccountOption = None,
) -> None:
    """Let a click on a link of a campaign put the person into a static group.

    Example: sillage segment link-group News https://shop.example/shoes Shoes
    """
    with _opened(account) as (settings, store, owner), store.write() as conn:
        now = settings.clock.now()
        found = campaigns.by_name(conn, owner.id, campaign)
        group_id = groups.get_or_create(conn, owner.id, group, now=now)
        segment_members.put_clickers_into(conn, owner.id, found.id, url, group_id, now=now)
    typer.echo(f"who clicks {url} in {campaign!r} comes into {group!r}")


@app.command()
def follow(*, account: AccountOption = None) -> None:
    """Look at watched segments and chosen links now: record who entered and left, and fill groups.

    Example: sillage segment follow
    """
    with _opened(account) as (settings, store, owner):
        for change in membership.follow_segments(store, settings, owner.id):
            typer.echo(f"segment {change.segment_id}: {change.size:,}, {change.entered:,} in, {change.left:,} out")
        typer.echo(f"{membership.follow_links(store, settings, owner.id):,} contacts came into groups by a click")
