"""`sillage events`: what happened, judged or brought in line by line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from sillage.commands.account import open_store
from sillage.domain.burst import Deed, judge_all
from sillage.domain.judge import Act, current_rules
from sillage.domain.networks import truncated_address
from sillage.errors import BadInput
from sillage.ingest import site_events
from sillage.settings import Settings
from sillage.store import accounts

app = typer.Typer(no_args_is_help=True, help="Events: judged, or brought in from elsewhere.")


class _Line(msgspec.Struct, frozen=True):
    """One open or click as a file tells it. Times are ISO 8601 (UTC where no zone is said) or seconds since 1970."""

    event: Act
    at: str | float
    message: str | int = ""
    link: str | int | None = None
    accepted_at: str | float | None = None
    ip: str | None = None
    agent: str | None = None
    method: str | None = None
    purpose: str | None = None


@app.callback()
def _group() -> None:
    """Events: judged, or brought in from elsewhere."""


@app.command(epilog="Example: sillage events judge clicks.jsonl")
def judge(
    file: Annotated[
        Path, typer.Argument(help="A JSON object a line: event, message, link, at, accepted_at, ip, agent, method.")
    ],
) -> None:
    """Say of each open or click whether a human or a machine did it, and by which rule: one JSON line for each.

    The file is judged as a whole: what several lines show together (a scanner that follows every link) counts.
    """
    deeds, accepted = [], {}
    for number, line in _lines(file):
        deeds.append(
            Deed(
                id=number,
                act=line.event,
                message=line.message if line.message != "" else f"line {number}",
                at=_seconds(line.at, file, number, "at"),
                link=line.link,
                network=truncated_address((line.ip or "").strip()),
                agent=(line.agent or "").strip(),
                method=(line.method or "GET").upper(),
                purpose=line.purpose or "",
            )
        )
        if line.accepted_at is not None:
            accepted[deeds[-1].message] = _seconds(line.accepted_at, file, number, "accepted_at")
    for deed, verdict in zip(deeds, judge_all(deeds, accepted.items(), current_rules()), strict=True):
        told = {
            "line": deed.id,
            "verdict": "machine" if verdict.is_machine else "human",
            "rule": verdict.rule,
            "version": verdict.version,
        }
        typer.echo(msgspec.json.encode(told))


@app.command(name="import", epilog="Example: sillage events import orders.jsonl")
def import_(
    file: Annotated[
        Path,
        typer.Argument(
            help="JSON objects, one a line, or CSV: event (converted, page_viewed), email or contact, at, id, amount,"
            " currency, campaign, page."
        ),
    ],
    *,
    account: Annotated[str | None, typer.Option(help="The account's slug; not needed where there is one.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Bring in what people did in the shop or on the site: purchases, and pages seen. The same file twice counts once.

    A purchase is put down to the campaign that it names, else to the one that was clicked last within the account's
    days (`sillage account attribution`). A file with a line that can't be read is not taken at all.
    """
    settings = Settings.load()
    store = open_store(settings)
    now = settings.clock.now()
    with store.read() as conn:
        owner = accounts.by_slug(conn, account) if account else accounts.only_account(conn)
    done = site_events.bring(store, owner, site_events.read(file, owner, now=now), now=now)
    store.close()
    if as_json:
        typer.echo(json.dumps({"events": done.events, "amount": str(done.amount), "unknown_lines": done.unknown}))
        return
    typer.echo(f"{done.events:,} events, {done.amount:,.2f} {owner.currency}")
    if done.unknown:
        shown = ", ".join(map(str, done.unknown[: site_events.SHOWN]))
        more = ", …" if len(done.unknown) > site_events.SHOWN else ""
        typer.echo(f"{len(done.unknown):,} lines name nobody who is a contact: lines {shown}{more}")


def _lines(file: Path) -> Iterator[tuple[int, _Line]]:
    decoder = msgspec.json.Decoder(_Line)
    try:
        with file.open("rb") as text:
            for number, line in enumerate(text, 1):
                if line.strip():
                    yield number, decoder.decode(line)
    except OSError as exc:
        raise BadInput(f"{file} can't be read: {exc.strerror}", code="no_file") from exc
    except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
        raise BadInput(
            f"{file}, line {number}: {exc}; write an object with event, message, link, at, "
            "accepted_at, ip, agent and method",
            code="bad_line",
        ) from exc


def _seconds(moment: str | float, file: Path, number: int, name: str) -> float:
    """A moment as seconds since 1970."""
    if not isinstance(moment, str):
        return float(moment)
    try:
        parsed = datetime.fromisoformat(moment)
    except ValueError as exc:
        raise BadInput(
            f"{file}, line {number}: {name} is {moment!r}; write it as 2026-11-24T10:00:00Z", code="bad_time"
        ) from exc
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
