"""`sillage lake`: the event log."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from sillage.lake import catalog, schema
from sillage.lake.collector import collect_once
from sillage.lake.maintenance import maintain
from sillage.lake.meaning import as_markdown
from sillage.lake.reader import Reader
from sillage.settings import Settings
from sillage.store.database import Store

app = typer.Typer(no_args_is_help=True, help="The event log: what happened.")

_STATUS = """
select
    (select count(*) from lake.main.events) as events,
    (select coalesce(max(lake_seq), 0) from lake.main.events) as lake_seq,
    (select max(occurred_at) from lake.main.events) as last_event_at,
    (select count(*) from lake.main.refused) as refused,
    (select count(distinct stream) from lake.main.events) as streams
"""

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command(epilog="Example: sillage lake status --json")
def status(*, as_json: JsonFlag = False) -> None:
    """How much the lake holds, and up to when."""
    reader = Reader(Settings.load())
    try:
        found = reader.query(_STATUS)[0]
    finally:
        reader.close()
    shown = {**found, "last_event_at": found["last_event_at"].isoformat() if found["last_event_at"] else None}
    if as_json:
        typer.echo(json.dumps(shown))
    else:
        for name, value in shown.items():
            typer.echo(f"{name.replace('_', ' '):14} {value}")


@app.command(epilog="Example: sillage lake collect")
def collect() -> None:
    """Carry what waits in all outboxes into the lake, once, and leave."""
    settings = Settings.load()
    store = Store(settings.database_url)
    try:
        done = collect_once(settings, store)
    finally:
        store.close()
    typer.echo(f"{done.events} events, {done.refused} refused, {done.anonymised} made anonymous")


@app.command("maintain", epilog="Example: sillage lake maintain")
def maintain_command() -> None:
    """Flush, merge and clean up the lake now; the collector, which does it by itself, must not run."""
    settings = Settings.load()
    with catalog.sole_writer(settings.lake_dir, "collector", what="writes"):
        con = catalog.connect(settings)
        try:
            catalog.attach_lake(con, settings, read_only=False)
            schema.create(con)
            kept = maintain(con)
        finally:
            con.close()
    typer.echo(json.dumps(asdict(kept)))


@app.command(epilog="Example: sillage lake events > docs/events.md")
def events() -> None:
    """Every type of event: who writes it and what it does to the metrics, as Markdown."""
    typer.echo(as_markdown(), nl=False)
