"""What providers tell of complaints: which loops there are, and their sums beside our own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from sillage.commands.account import open_store
from sillage.domain.complaint_sums import Sum, read_sums
from sillage.domain.feedback_loops import loops as known_loops
from sillage.errors import BadInput
from sillage.settings import Settings
from sillage.store import accounts, reported

app = typer.Typer(no_args_is_help=True, help=__doc__)

MAX_BYTES = 20_000_000
AccountOption = Annotated[str | None, typer.Option(help="The account's slug; not needed where there is one.")]


@app.command(name="import")
def import_(
    file: Annotated[Path, typer.Argument(help="A report as CSV: Postmaster Tools, SNDS or Signal Spam.")],
    *,
    domain: Annotated[str, typer.Option(help="The domain that a Postmaster file is about.")] = "",
    account: AccountOption = None,
) -> None:
    """Take in a provider's sums of complaints: shown beside ours, never added to them.

    Example: sillage complaints import postmaster.csv --domain news.maison.example
    """
    settings = Settings.load()
    if not file.is_file():
        raise BadInput(f"{file} is no file that can be read", code="no_file")
    if file.stat().st_size > MAX_BYTES:
        raise BadInput(f"{file} has more than {MAX_BYTES // 1_000_000} MB: that is no report of sums", code="too_large")
    try:
        sums = read_sums(file.read_text("utf-8-sig"), file.name, domain=domain)
    except UnicodeDecodeError as exc:
        raise BadInput(f"{file} is no UTF-8 text: export it again as CSV", code="unreadable") from exc
    with open_store(settings).write() as conn:
        owner = accounts.by_slug(conn, account) if account else accounts.only_account(conn)
        reported.put(conn, owner.id, sums, now=settings.clock.now())
    typer.echo(f"account {owner.slug}: {len(sums)} sums taken in")


@app.command(name="list")
def list_(*, account: AccountOption = None) -> None:
    """List what providers told, the newest day first.

    Example: sillage complaints list
    """
    with open_store(Settings.load()).read() as conn:
        owner = accounts.by_slug(conn, account) if account else accounts.only_account(conn)
        sums = reported.listed(conn, owner.id)
    table = Table("day", "source", "about", "complaints", "messages", "rate")
    for one in sums:
        table.add_row(
            one.day.isoformat(), one.source, one.subject, _text(one.complaints), _text(one.messages), _rate(one)
        )
    Console().print(table)


@app.command()
def loops() -> None:
    """List the feedback loops: what each tells, and what must be in place before it does.

    Example: sillage complaints loops
    """
    table = Table("loop", "tells", "needs", "join at")
    for loop in known_loops():
        table.add_row(loop.name, loop.kind, loop.needs, loop.join)
    Console().print(table)


def _text(count: int | None) -> str:
    return "" if count is None else f"{count:,}"


def _rate(one: Sum) -> str:
    return "" if one.rate is None else f"{'< ' if one.rate_is_below else ''}{one.rate:.3%}"
