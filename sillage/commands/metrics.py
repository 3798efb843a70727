"""`sillage metrics`: build the marts and read a campaign's figures from them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from sillage.domain.ids import AccountId, CampaignId
from sillage.errors import NotFound
from sillage.lake.build import build_marts
from sillage.lake.figures import campaign_figures
from sillage.lake.parquet import export_marts
from sillage.lake.reader import Reader
from sillage.settings import Settings
from sillage.store import accounts
from sillage.store.database import Store

app = typer.Typer(no_args_is_help=True, help="The metrics: built by dbt, read from the marts.")

_RATES = ("open_rate", "click_rate", "reactivity_rate", "bounce_rate", "unsubscribe_rate", "complaint_rate")
_BY_NAME = (
    "select campaign_id from marts.main.dim_campaign "
    "where account_id = $1 and (campaign_name = $2 or campaign_id::varchar = $2) "
    "order by (campaign_name = $2) desc limit 1"
)


@app.command(epilog="Example: sillage metrics build --full-refresh")
def build(
    *,
    full_refresh: Annotated[bool, typer.Option("--full-refresh", help="Count everything again.")] = False,
    unit_tests: Annotated[bool, typer.Option("--unit-tests", help="Run the project's unit tests too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Build the marts from the lake as it is now."""
    done = build_marts(Settings.load(), full_refresh=full_refresh, unit_tests=unit_tests)
    if as_json:
        typer.echo(json.dumps({"as_of_seq": done.as_of_seq, "models": done.models, "tests": done.tests}))
    else:
        typer.echo(f"{done.models} models, {done.tests} tests, as of event {done.as_of_seq}, {done.seconds:.1f} s")


@app.command(epilog="Example: sillage metrics campaign 'Autumn news' --json")
def campaign(
    name: Annotated[str, typer.Argument(help="Name or number of the campaign.")],
    *,
    account: Annotated[str | None, typer.Option(help="Slug of the account; default: the only one.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """A campaign's balance and rates, as of the last build."""
    settings = Settings.load()
    store = Store(settings.database_url)
    with store.read() as conn:
        owner = accounts.by_slug(conn, account) if account else accounts.only_account(conn)
    store.close()
    reader = Reader(settings)
    try:
        figures = campaign_figures(reader, owner.id, _campaign_id(reader, owner.id, name))
    finally:
        reader.close()
    typer.echo(json.dumps(figures, ensure_ascii=False) if as_json else _table(figures))


@app.command(epilog="Example: sillage metrics export figures/")
def export(
    folder: Annotated[Path, typer.Argument(help="Where the files go; those of an earlier export are replaced.")],
    *,
    account: Annotated[str | None, typer.Option(help="Slug of the account; default: the only one.")] = None,
) -> None:
    """Write the marts of an account as Parquet, a file for each table, for any other tool."""
    settings = Settings.load()
    store = Store(settings.database_url)
    with store.read() as conn:
        owner = accounts.by_slug(conn, account) if account else accounts.only_account(conn)
    store.close()
    for one in export_marts(settings, owner.id, folder):
        typer.echo(f"{one.path}: {one.rows:,} rows")


def _campaign_id(reader: Reader, account_id: AccountId, name: str) -> CampaignId:
    found = reader.query(_BY_NAME, [account_id, name])
    if not found:
        raise NotFound(f"no campaign {name!r} in the last build of the marts; `sillage metrics build` makes a new one")
    return CampaignId(found[0]["campaign_id"])


def _table(figures: dict[str, Any]) -> str:
    balance = ", ".join(f"{state} {count}" for state, count in figures["balance"].items() if count)
    closed = "closed" if figures["closed"] else f"{figures['waiting']} still wait"
    lines = [f"{figures['name']}: {figures['audience']} recipients ({balance}), {closed}, as of {figures['as_of_at']}"]
    columns = ("sent", "delivered", "bounced", "human_opened", "human_clicked", "unsubscribed", "complained", *_RATES)
    names = [str(v["name"]) for v in figures["variants"]]
    width = max([*map(len, names), len("all"), len("variant")])
    lines.append("  ".join(["variant".ljust(width), *(c.replace("human_", "").rjust(len(c)) for c in columns)]))
    for label, row in [*zip(names, figures["variants"], strict=True), ("all", figures["total"])]:
        lines.append("  ".join([label.ljust(width), *(_cell(row[c], c).rjust(len(c)) for c in columns)]))
    return "\n".join(lines)


def _cell(value: Any, column: str) -> str:
    if value is None:
        return "-"
    return f"{value:.2%}" if column.endswith("_rate") else str(value)
