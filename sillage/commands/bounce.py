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

AccountOption = Annotated[str | None, typer.Option(help="The account's slug; not needed where there is one.")]
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


@app.command()
def reclassify(
    *,
    apply: Annotated[bool, typer.Option("--apply", help="Let these people be mailed again.")] = False,
    account: AccountOption = None,
) -> None:
    """Find the people who are out for a bounce that today's rules read otherwise, and offer them back.

    Example: sillage bounce reclassify --apply
    """
    from sillage.campaign import regain  # noqa: PLC0415 - `explain` starts in half the time without ops
    from sillage.commands.account import open_store  # noqa: PLC0415
    from sillage.settings import Settings  # noqa: PLC0415
    from sillage.store import accounts  # noqa: PLC0415

    settings = Settings.load()
    rules = rules_with(settings.own_bounce_rules)
    with open_store(settings).write() as conn:
        owner = accounts.by_slug(conn, account) if account else accounts.only_account(conn)
        found = regain.find(conn, owner.id, rules)
        back = regain.give_back(conn, owner.id, found) if apply else len({one.bounce.contact_id for one in found})
    for one in found:
        typer.echo(
            f"contact {one.bounce.contact_id}, campaign {one.bounce.campaign_id}: {one.bounce.bounce_class} by "
            f"{one.bounce.rule or 'no rule'}, now {one.verdict.bounce_class} by {one.verdict.rule or 'no rule'}: "
            f"{one.bounce.diagnostic or one.bounce.status or one.bounce.smtp_code or 'no words kept'}"
        )
    typer.echo(f"account {owner.slug}: {back} people {'are back' if apply else 'can come back: add --apply'}")


@app.command()
def recommended(
    *,
    remove: Annotated[bool, typer.Option("--remove", help="Stop mail to them.")] = False,
    account: AccountOption = None,
) -> None:
    """List the contacts whose removal is recommended: mailboxes that stay full or disabled.

    Example: sillage bounce recommended --remove
    """
    from sillage.commands.account import open_store  # noqa: PLC0415 - as above
    from sillage.settings import Settings  # noqa: PLC0415
    from sillage.store import accounts, bounces  # noqa: PLC0415

    settings = Settings.load()
    now = settings.clock.now()
    with open_store(settings).write() as conn:
        owner = accounts.by_slug(conn, account) if account else accounts.only_account(conn)
        found = bounces.recommended(conn, owner.id, bounces.policy_of(conn, owner.id), now=now)
        if remove:
            bounces.remove(conn, owner.id, [one.contact_id for one in found], now=now)
    for one in found:
        typer.echo(
            f"contact {one.contact_id}: {one.bounces} bounces over {one.campaigns} campaigns, "
            f"{one.first_at:%Y-%m-%d} to {one.last_at:%Y-%m-%d}"
        )
    typer.echo(f"account {owner.slug}: {len(found)} {'removed' if remove else 'recommended for removal'}")


@app.command()
def unmatched(*, account: AccountOption = None) -> None:
    """List the returned mail that nobody could be found for, or that no rule knows: one file a line.

    Example: sillage bounce unmatched
    """
    from sillage.commands.account import open_store  # noqa: PLC0415 - as above
    from sillage.settings import Settings  # noqa: PLC0415
    from sillage.store import accounts  # noqa: PLC0415
    from sillage.store import unmatched as waiting  # noqa: PLC0415

    with open_store(Settings.load()).read() as conn:
        owner = accounts.by_slug(conn, account) if account else accounts.only_account(conn)
        for received_at, kind, reason, path in waiting.listed(conn, owner.id):
            typer.echo(f"{received_at:%Y-%m-%d %H:%M}  {kind}, {reason}: {path}")


def _explained(path: Path, rules: tuple[Rule, ...]) -> list[dict[str, Any]]:
    return [_as_json(report) for report in parse_report(path.read_bytes(), rules)]


def _as_json(report: Report) -> dict[str, Any]:
    return {_JSON_KEYS.get(key, key): value for key, value in asdict(report).items() if key not in _LEFT_OUT}
