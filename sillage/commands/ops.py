"""The operational store: whether it is the live one, and how fast providers are served."""

from __future__ import annotations

from typing import Annotated

import typer

from sillage.campaign.grouping import group_domains, resolver
from sillage.campaign.live import adopt as adopt_ops
from sillage.campaign.live import why_not
from sillage.commands.account import open_store
from sillage.domain.pace import Rate
from sillage.errors import BadInput, Refused
from sillage.settings import Settings
from sillage.store import rates as rates_store

app = typer.Typer(no_args_is_help=True, help=__doc__)
CHANNEL = "email"


@app.command()
def status() -> None:
    """Say whether this installation may send, and if not, why.

    Example: sillage ops status
    """
    settings = Settings.load()
    why = why_not(open_store(settings), settings)
    if why is not None:
        raise Refused(why)
    typer.echo("this is the live installation: it may send")


@app.command()
def adopt(*, yes: Annotated[bool, typer.Option("--yes", help="No other installation sends any more.")] = False) -> None:
    """Make a restored or copied installation the live one: it learns from the lake what has left, then it may send.

    Example: sillage ops adopt --yes
    """
    settings = Settings.load()
    store = open_store(settings)
    if not yes:
        raise BadInput(
            "two installations that send the same campaigns mail people twice: stop the other one, then say --yes",
            code="not_confirmed", field="yes",
        )  # fmt: skip
    done = adopt_ops(store, settings)
    typer.echo(f"{done.settled:,} deliveries settled, {done.refusals:,} refusals kept; new epoch {done.epoch}")


@app.command(name="rates")
def rates_() -> None:
    """Show what each mailbox provider is given, what leaves now, and who has slowed us down.

    Example: sillage ops rates
    """
    with open_store(Settings.load()).read() as conn:
        ceilings, standings = rates_store.load(conn, channel=CHANNEL), rates_store.standings(conn, channel=CHANNEL)
    for provider, rate in sorted(ceilings.items()):
        typer.echo(f"{'all others' if provider == rates_store.EVERYBODY else provider}: at most {_words(rate)}")
    for s in standings:
        slowed = f", slowed down ({s.reason})" if s.is_slowed else ""
        typer.echo(
            f"{s.provider} now: {s.sent_per_second:.1f}/s by {s.workers} workers, at most {_words(s.limit)}{slowed}"
        )


@app.command(name="set-rate")
def set_rate(
    provider: Annotated[str, typer.Argument(help="A provider's name, or all for those without a rate of their own.")],
    *,
    connections: Annotated[int, typer.Option(min=1, max=1000, help="At once, of all workers.")] = 4,
    per_connection: Annotated[int, typer.Option(min=1, max=100_000, help="Messages on each.")] = 500,
    per_second: Annotated[float | None, typer.Option(min=0.01, help="Messages a second; left out: no limit.")] = None,
    recovery: Annotated[float, typer.Option(min=1.0, help="Seconds to come back after a slow-down.")] = 200.0,
) -> None:
    """Set what a mailbox provider is given at most, by all workers together.

    Example: sillage ops set-rate gmail --connections 10 --per-connection 100 --per-second 50
    """
    rate = Rate(connections, per_connection, per_second, recovery)
    name = rates_store.EVERYBODY if provider == "all" else provider
    with open_store(Settings.load()).write() as conn:
        rates_store.set_rate(conn, name, rate, channel=CHANNEL)
    typer.echo(f"{provider}: at most {_words(rate)}")


@app.command(name="group-domains")
def group_domains_(
    *, dns: Annotated[str, typer.Option(help="Name server, as 9.9.9.9 or 127.0.0.1:5353; system: this machine's.")]
) -> None:
    """Ask DNS who takes the mail of domains that are on no list, so that they share that provider's limits.

    Example: sillage ops group-domains --dns system
    """
    settings = Settings.load()
    found = group_domains(open_store(settings), settings, resolver(dns))
    for provider, count in found.most_common():
        typer.echo(f"{provider}: {count:,} domains")


def _words(rate: Rate) -> str:
    speed = "any number" if rate.per_second is None else f"{rate.per_second:g}"
    return f"{rate.connections} connections, {rate.per_connection} messages on each, {speed} a second"
