"""Recurring campaigns: begin, look at, pause, resume, end."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Annotated

import typer

from sillage.campaign import recurring
from sillage.campaign.form import to_draft
from sillage.commands._campaign_flow import user_named
from sillage.commands.account import open_store
from sillage.domain.recurrence import daily, monthly, weekly
from sillage.errors import BadInput
from sillage.settings import Settings
from sillage.store import accounts, campaigns, recurrences
from sillage.store.recurrences import RecurrenceState
from sillage.words import Words

app = typer.Typer(no_args_is_help=True, help=__doc__)

AccountOption = Annotated[str | None, typer.Option(help="The account's slug; not needed where there is one.")]
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@app.command()
def begin(
    name: str,
    *,
    like: Annotated[str | None, typer.Option(help="Made of this campaign's content, audience and test.")] = None,
    draft: Annotated[int | None, typer.Option(help="Or of this draft, by its number in the editor's address.")] = None,
    every_day: Annotated[str | None, typer.Option("--daily", help="At HH:MM on the account's clock.")] = None,
    every_week: Annotated[str | None, typer.Option("--weekly", help="As mon,thu@HH:MM.")] = None,
    every_month: Annotated[str | None, typer.Option("--monthly", help="As 1@HH:MM, or last@HH:MM.")] = None,
    cron: Annotated[str | None, typer.Option(help="MINUTE HOUR DAY MONTH WEEKDAY; L is the last day.")] = None,
    grace_hours: Annotated[float, typer.Option(help="How late a missed time may still leave.")] = 2,
    by: Annotated[str | None, typer.Option("--by", help="The member who makes it.")] = None,
    account: AccountOption = None,
) -> None:
    """Begin a recurring campaign: at each time a campaign of its own, made of the draft as it is then.

    Example: sillage recurring begin "Weekly news" --like "November news" --weekly mon@09:00
    """
    rule = _rule(every_day, every_week, every_month, cron)
    if (like is None) == (draft is None):
        raise BadInput("name a campaign by --like or a draft by --draft, one of the two", code="like_or_draft")
    settings = Settings.load()
    now = settings.clock.now()
    with open_store(settings).write() as conn:
        owner = accounts.by_slug(conn, account) if account else accounts.only_account(conn)
        who = user_named(conn, owner, by) if by else None
        if like is not None:
            campaign = campaigns.by_name(conn, owner.id, like)
            draft = to_draft(conn, settings, owner, campaign.id, name=name, by=who, now=now).id
        made = recurring.begin(
            conn, settings, owner, name=name, draft_id=draft or 0, rule=rule, grace=timedelta(hours=grace_hours),
            by=who, now=now,
        )  # fmt: skip
    words = Words("en", owner.timezone)
    typer.echo(f"{made.name!r} is made of draft {made.draft_id} ({made.rule}); first on {words.minute(made.next_at)}")


@app.command(name="list")
def list_(*, account: AccountOption = None) -> None:
    """List recurring campaigns with their rule, their next time, and what became of the last ones.

    Example: sillage recurring list
    """
    with open_store(Settings.load()).read() as conn:
        owner = accounts.by_slug(conn, account) if account else accounts.only_account(conn)
        found = recurrences.listed(conn, owner.id)
        told = recurrences.happened(conn, owner.id)
    words = Words("en", owner.timezone)
    for one in found:
        then = f", next {words.minute(one.next_at)}" if one.next_at else ""
        typer.echo(f"{one.name}: {one.state}, {one.rule} ({owner.timezone}), draft {one.draft_id}{then}")
        for last in [h for h in told if h.recurrence_id == one.id][:5]:
            typer.echo(f"  {words.minute(last.occurs_at)}: {last.state}{f', {last.words}' if last.words else ''}")


@app.command()
def pause(name: str, *, account: AccountOption = None) -> None:
    """Make none until it is resumed.

    Example: sillage recurring pause "Weekly news"
    """
    with open_store(Settings.load()).write() as conn:
        owner = accounts.by_slug(conn, account) if account else accounts.only_account(conn)
        recurring.pause(conn, owner.id, recurrences.by_name(conn, owner.id, name).id)
    typer.echo(f"{name!r} pauses")


@app.command()
def resume(name: str, *, account: AccountOption = None) -> None:
    """Go on with the first time to come; those of the pause are not made up for.

    Example: sillage recurring resume "Weekly news"
    """
    settings = Settings.load()
    with open_store(settings).write() as conn:
        owner = accounts.by_slug(conn, account) if account else accounts.only_account(conn)
        number = recurrences.by_name(conn, owner.id, name).id
        first = recurring.resume(conn, owner.id, number, now=settings.clock.now())
    typer.echo(f"{name!r} goes on; next on {Words('en', owner.timezone).minute(first)}")


@app.command()
def end(name: str, *, account: AccountOption = None) -> None:
    """Make no more, for good; campaigns that were made stay as they are.

    Example: sillage recurring end "Weekly news"
    """
    with open_store(Settings.load()).write() as conn:
        owner = accounts.by_slug(conn, account) if account else accounts.only_account(conn)
        held = recurrences.by_name(conn, owner.id, name)
        if held.state is not RecurrenceState.ENDED:
            recurring.end(conn, owner.id, held.id)
    typer.echo(f"{name!r} has ended")


@app.command()
def make() -> None:
    """Make now what is near, of all accounts, as Dagster's sensor does every 15 seconds.

    Example: sillage recurring make
    """
    settings = Settings.load()
    for made in recurring.make_due(open_store(settings), settings):
        failed = f", failed: {made.failed}" if made.failed else ""
        typer.echo(f"{made.recurrence.name}: {len(made.campaigns)} made, {made.missed} missed{failed}")


def _rule(every_day: str | None, every_week: str | None, every_month: str | None, cron: str | None) -> str:
    """Raises: BadInput unless one of them is given, and is one."""
    if sum(given is not None for given in (every_day, every_week, every_month, cron)) != 1:
        raise BadInput("say when by one of --daily, --weekly, --monthly and --cron", code="bad_rule")
    if every_day is not None:
        return daily(_time(every_day))
    if every_week is not None:
        days, _, at = every_week.partition("@")
        named = [part.strip().lower()[:3] for part in days.split(",")]
        if not all(part in _DAYS for part in named):
            raise BadInput(f"--weekly {every_week!r}: write it as mon,thu@09:00", code="bad_rule")
        return weekly([_DAYS.index(part) for part in named], _time(at))
    if every_month is not None:
        day, _, at = every_month.partition("@")
        if day != "last" and not (day.isascii() and day.isdigit() and 1 <= int(day) <= 31):  # noqa: PLR2004  # a month's
            raise BadInput(f"--monthly {every_month!r}: write it as 1@09:00 or last@09:00", code="bad_rule")
        return monthly(None if day == "last" else int(day), _time(at))
    return cron or ""


def _time(text: str) -> time:
    try:
        return time.fromisoformat(text.strip())
    except ValueError as exc:
        raise BadInput(f"{text!r} is no time; write it as 09:00", code="bad_rule") from exc
