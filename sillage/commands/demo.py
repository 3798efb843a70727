"""The demo."""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
import socket
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer

from sillage import processes
from sillage.clock import Clock
from sillage.commands.up import say_first_link
from sillage.demo import once as to_the_end
from sillage.demo import scene
from sillage.demo.people import CALM, Mishaps, make_people, people_of_file
from sillage.demo.table import as_table
from sillage.errors import BadInput, Refused
from sillage.lake.build import build_marts
from sillage.log import configure
from sillage.settings import ROOT, Settings
from sillage.store.database import Store
from sillage.supervisor import Supervisor

log = structlog.get_logger()

CONTACTS = 20_000
FAST = 120.0
LIVE = 60.0


def command(
    *,
    once: Annotated[bool, typer.Option("--once", help="Run to the end, print the result, exit.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --once: JSON on standard output.")] = False,
    people: Annotated[
        Path | None, typer.Option(help="Real people: CSV with email, segment, visit; each segment gets a variant.")
    ] = None,
    mishaps: Annotated[int | None, typer.Option(help="A seed: bounces, scanners, complaints, replays.")] = None,
    contacts: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many people to make up.")] = CONTACTS,
    seed: Annotated[int, typer.Option(help="The same seed makes the same people.")] = 1,
    data_dir: Annotated[Path | None, typer.Option(help="Where the demo lives; emptied first.")] = None,
    speed: Annotated[float | None, typer.Option(min=1, help="How fast the demo's clock runs.")] = None,
) -> None:
    """Show Sillage at work, on a new data directory, with real SMTP and HTTP on loopback.

    Example: sillage demo --once --json
    """
    configure("demo")
    if people is not None and mishaps is not None:
        raise BadInput("--people and --mishaps exclude each other: real people have their own mishaps", code="options")
    if once and data_dir is None:
        with tempfile.TemporaryDirectory(prefix="sillage-demo-") as folder:
            _run(Path(folder) / "run", people, mishaps, contacts, seed, speed or FAST, once=True, as_json=as_json)
        return
    _run(
        data_dir or ROOT / "data" / "run" / "demo", people, mishaps, contacts, seed,
        speed or (FAST if once else LIVE), once=once, as_json=as_json,
    )  # fmt: skip


def _run(
    data_dir: Path, people: Path | None, mishaps: int | None, contacts: int, seed: int, speed: float, *,
    once: bool, as_json: bool,
) -> None:  # fmt: skip
    settings = demo_settings(data_dir, speed=speed, free_ports=once)
    store = scene.fresh(settings)
    folder = settings.data_dir / "input"
    if people is not None:
        people_csv, arms = people_of_file(people, folder)
        cast = to_the_end.Cast(people, people_csv, arms, seed)
    else:
        habits = CALM if mishaps is None else Mishaps()
        made = make_people(
            folder, contacts, seed=seed if mishaps is None else mishaps, mishaps=habits, now=settings.clock.now()
        )
        cast = to_the_end.Cast(*made, None, seed if mishaps is None else mishaps)
    if once:
        result = to_the_end.run(settings, store, cast)
        typer.echo(result.as_json() if as_json else as_table(result))
        return
    asyncio.run(_live(settings, cast))


def demo_settings(data_dir: Path, *, speed: float, free_ports: bool) -> Settings:
    """Settings of a demo: a secret of its own, loopback only, a clock that runs fast.

    A run to the end takes free ports, so that any number of them run side by side.
    """
    # A little in the past, so that consents given "today" are not in the future of the fast clock.
    origin = Clock().now() - timedelta(hours=1)
    ports: dict[str, Any] = {}
    if free_ports:
        ports = dict(zip(("web_port", "inbound_port", "postoffice_port"), _free_ports(), strict=True))
    return Settings(
        data_dir=data_dir.resolve(),
        secret=secrets.token_hex(32),  # type: ignore[arg-type]  # pydantic makes it a SecretStr
        demo=True,
        SILLAGE_CLOCK=str(Clock.started_now(origin=origin, speed=speed)),
        trusted_proxies=("127.0.0.1",),
        **ports,
    )


def _free_ports() -> list[int]:
    """Three loopback ports, each free with its neighbour (of the third: the post office's control port).

    They lie below those that systems give to outgoing connections, so that none is taken before its server starts.
    """
    found: list[int] = []
    for port in random.SystemRandom().sample(range(20_000, 32_000, 2), 300):
        with socket.socket() as first, socket.socket() as second, contextlib.suppress(OSError):
            first.bind(("127.0.0.1", port))
            second.bind(("127.0.0.1", port + 1))
            found.append(port)
        if len(found) == 3:  # noqa: PLR2004
            return found
    raise Refused("fewer than three of 300 loopback ports are free: end what else listens there")


async def _live(settings: Settings, cast: to_the_end.Cast) -> None:
    office = processes.post_office(settings, cast.people, delay_scale=1.0, seed=cast.seed, nice=10)
    rooms = [office, *processes.serving(settings), *processes.screens(settings)]
    supervisor = Supervisor(rooms, settings.environment())
    running = asyncio.create_task(supervisor.run())
    setting_up = asyncio.create_task(asyncio.to_thread(_set_up, settings, cast))
    setting_up.add_done_callback(lambda task: supervisor.stop() if task.exception() else None)
    await running
    await setting_up


def _set_up(settings: Settings, cast: to_the_end.Cast) -> None:
    store = Store(settings.database_url)
    stage = scene.set_up(store, settings, cast.contacts, cast.arms)
    planned = scene.plan(store, settings, stage)
    build_marts(settings)
    typer.echo(f"A campaign to {planned.audience:,} people is under way.")
    say_first_link(settings, store)
    typer.echo(f"Pages:   {settings.pages_url}")
    typer.echo(f"Dagster: http://{settings.host}:{settings.dagster_port}")
    typer.echo("Ctrl-C stops it.")
