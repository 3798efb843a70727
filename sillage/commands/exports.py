"""Files of people: what was exported, until when it is kept; and the commands that write some."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import polars as pl
import sqlalchemy as sa
import typer

from sillage.commands.account import open_store
from sillage.domain.ids import AccountId
from sillage.errors import BadInput
from sillage.export.cells import Column
from sillage.export.people import columns_of, everybody, everybody_columns, listed
from sillage.export.registered import KIND, NAMED_KEPT_FOR, export, sweep
from sillage.export.write import FileKind
from sillage.lake.reader import Reader
from sillage.lake.recipients import Link, ListName, Wanted, people
from sillage.settings import Settings
from sillage.store import accounts, campaigns, files
from sillage.store.database import Store

app = typer.Typer(no_args_is_help=True, help=__doc__)

AccountOption = Annotated[str | None, typer.Option(help="The account's slug; not needed where there is one.")]
CsvOption = Annotated[Path | None, typer.Option("--csv", help="Write a CSV file (UTF-8, RFC 4180).")]
XlsxOption = Annotated[Path | None, typer.Option("--xlsx", help="Write a workbook.")]
FieldOption = Annotated[
    list[str] | None, typer.Option("--field", help="A field of the contacts, again for more; default: email and names.")
]
USUAL_FIELDS = ("email", "first_name", "last_name")


@app.command(name="list")
def list_(*, account: AccountOption = None) -> None:
    """List the files that people were exported to.

    Example: sillage exports list
    """
    with open_store(Settings.load()).read() as conn:
        found = files.listed(conn, _owner(conn, account))
    for one in (one for one in found if one.kind == KIND):
        typer.echo(f"{one.id}  {one.path}  until {one.expires_at:%Y-%m-%d %H:%M} UTC")


@app.command(name="sweep")
def sweep_(*, account: AccountOption = None) -> None:
    """Delete the exports whose time is over; each new export does the same first.

    Example: sillage exports sweep
    """
    settings = Settings.load()
    with open_store(settings).write() as conn:
        gone = sweep(conn, _owner(conn, account), now=settings.clock.now())
    typer.echo(f"{gone} deleted")


def campaign_people(
    name: Annotated[str, typer.Argument(help="Name of the campaign.")],
    list_name: Annotated[ListName, typer.Argument(metavar="LIST", help="Which of its lists.")],
    *,
    link: Annotated[str | None, typer.Option(help="Only clickers of one link, VARIANT.NUMBER.")] = None,
    reason: Annotated[str | None, typer.Option(help="Only those with this reason.")] = None,
    csv: CsvOption = None,
    xlsx: XlsxOption = None,
    field: FieldOption = None,
    limit: Annotated[int, typer.Option(min=1, help="How many are printed where no file is written.")] = 20,
    account: AccountOption = None,
) -> None:
    """List who opened, clicked, bounced …, exact to the last event, or write them to a file.

    A file is registered, so that an erasure reaches it, and kept for 30 days.

    Example: sillage campaign people "November news" bounced --xlsx bounced.xlsx
    """
    settings = Settings.load()
    store, reader = open_store(settings), Reader(settings)
    try:
        with store.read() as conn:
            owner = _owner(conn, account)
            campaign = campaigns.by_name(conn, owner, name)
        wanted = Wanted(campaign.id, list_name, Link.parse(link) if link else None, reason)
        fields = field or USUAL_FIELDS
        if csv is None and xlsx is None:
            page = people(reader, owner, wanted, limit=limit)
            for row in page.iter_rows(named=True):
                typer.echo("  ".join(str(row[one]) for one in ("contact_id", "provider", "at", "reason") if row[one]))
            return
        total, rows = listed(store, reader, owner, wanted, fields)
        _write(store, settings, owner, (csv, xlsx), columns_of(list_name, fields), rows, total, str(list_name))
    finally:
        reader.close()


def all_contacts(
    *, csv: CsvOption = None, xlsx: XlsxOption = None, field: FieldOption = None, account: AccountOption = None
) -> None:
    """Write all contacts to a file, which is registered, so that an erasure reaches it, and kept for 30 days.

    Example: sillage contacts export --csv contacts.csv --field email --field city
    """
    settings = Settings.load()
    store, fields = open_store(settings), field or USUAL_FIELDS
    with store.read() as conn:
        owner = _owner(conn, account)
    total, rows = everybody(store, owner, fields)
    _write(store, settings, owner, (csv, xlsx), everybody_columns(fields), rows, total, "contacts")


def _write(
    store: Store, settings: Settings, owner: AccountId, places: tuple[Path | None, Path | None],
    columns: Sequence[Column], rows: Iterator[pl.DataFrame], total: int, name: str,
) -> None:  # fmt: skip
    named = [(kind, path) for kind, path in zip(FileKind, places, strict=True) if path is not None]
    if len(named) != 1:
        raise BadInput("name one file, by --csv or by --xlsx", code="no_file")
    ((kind, path),) = named
    with typer.progressbar(length=max(total, 1), label=str(path)) as bar:
        done = export(
            store, settings, owner, name, kind, columns, rows, path=path,
            progress=lambda written: bar.update(written - bar.pos),
        )  # fmt: skip
    typer.echo(f"{path}: {done.written.rows:,} people, kept for {NAMED_KEPT_FOR.days} days")


def _owner(conn: sa.Connection, slug: str | None) -> AccountId:
    return (accounts.by_slug(conn, slug) if slug else accounts.only_account(conn)).id
