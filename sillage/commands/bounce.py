"""`sillage bounce`: what a returned mail means, for people who wonder and for scores."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from sillage.domain.bounce import Report, parse_report
from sillage.domain.bounce_rules import Rule, rules_with
from sillage.errors import BadInput

app = typer.Typer(no_args_is_help=True, help="Read returned mail.")

_JSON_KEYS = {"bounce_class": "class"}
_LEFT_OUT = {"action", "remote_mta"}


@app.callback()
def _group() -> None:
    """Read returned mail."""


@app.command()
def explain(
    file: Annotated[Path | None, typer.Argument(help="One mail, as it came.")] = None,
    batch: Annotated[Path | None, typer.Option(help="A folder of mails: one JSON line for each.")] = None,
    rules: Annotated[
        Path | None, typer.Option(envvar="SILLAGE_BOUNCE_RULES", help="Your own rules (TOML), asked before ours.")
    ] = None,
) -> None:
    """Say what a returned mail means, as JSON: kind, recipient, class, reason and the rule that decided.

    Example: sillage bounce explain returned.eml
    """
    if (file is None) == (batch is None):
        raise BadInput("name one FILE, or --batch FOLDER", code="bad_arguments")
    known = rules_with(rules)
    if file is not None:
        if not file.is_file():
            raise BadInput(f"{file} is no file that can be read", code="no_file")
        typer.echo(msgspec.json.format(msgspec.json.encode(_explained(file, known)), indent=2))
        return
    if batch is None or not batch.is_dir():
        raise BadInput(f"{batch} is no folder", code="no_folder")
    for path in sorted(found for found in batch.rglob("*") if found.is_file()):
        line = {"file": str(path.relative_to(batch)), "results": _explained(path, known)}
        typer.echo(msgspec.json.encode(line))


def _explained(path: Path, rules: tuple[Rule, ...]) -> list[dict[str, Any]]:
    return [_as_json(report) for report in parse_report(path.read_bytes(), rules)]


def _as_json(report: Report) -> dict[str, Any]:
    return {_JSON_KEYS.get(key, key): value for key, value in asdict(report).items() if key not in _LEFT_OUT}
