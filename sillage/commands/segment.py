"""Segments: save, count, list."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from sillage.campaign.audience import audience_of
from sillage.commands.account import open_store
from sillage.domain.segment import parse_tree
from sillage.errors import BadInput
from sillage.settings import Settings
from sillage.store import accounts, segments

app = typer.Typer(no_args_is_help=True, help=__doc__)
AccountOption = Annotated[str | None, typer.Option(help="The account's slug; not needed where there is one.")]


@app.command()
def save(
    name: str,
    tree: Annotated[str, typer.Argument(help="The expression tree as JSON, or @FILE.")],
    *,
    account: AccountOption = None,
) -> None:
    """Save a segment under a name; one of that name is replaced.

    Example: sillage segment save Paris '{"kind": "field", "field": "city", "op": "equals", "value": "Paris"}'
    """
    settings = Settings.load()
    store = open_store(settings)
    try:
        raw = json.loads(Path(tree[1:]).read_text("utf-8") if tree.startswith("@") else tree)
    except (OSError, ValueError) as exc:
        raise BadInput(f"the tree is no JSON: {exc}", code="bad_segment") from exc
    parsed = parse_tree(raw)
    with store.write() as conn:
        owner = accounts.by_slug(conn, account) if account else accounts.only_account(conn)
        segments.save(conn, owner.id, name, parsed, now=settings.clock.now())
    with audience_of(store, owner.id) as audience:
        typer.echo(f"segment {name!r}: {audience.count(parsed):,} contacts")


@app.command(name="list")
def list_(*, account: AccountOption = None) -> None:
    """List segments with their size.

    Example: sillage segment list
    """
    settings = Settings.load()
    store = open_store(settings)
    with store.read() as conn:
        owner = accounts.by_slug(conn, account) if account else accounts.only_account(conn)
        found = segments.listed(conn, owner.id)
    with audience_of(store, owner.id) as audience:
        for segment in found:
            typer.echo(f"{segment.name}: {audience.count(segment.tree):,} contacts")
