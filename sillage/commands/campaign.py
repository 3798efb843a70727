"""Campaigns: make, schedule, plan, pause, resume, cancel, look at."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import sqlalchemy as sa
import typer

from sillage.campaign import ab_plain
from sillage.campaign import schedule as moves
from sillage.campaign.ab_decide import choose, decide_all, watch
from sillage.campaign.ab_told import as_data, as_text
from sillage.campaign.create import create_campaign, read_folder
from sillage.campaign.plan import plan_campaign
from sillage.campaign.spam_test import spam_test
from sillage.commands import _campaign_flow
from sillage.commands.account import open_store
from sillage.commands.exports import campaign_people
from sillage.content.letter import read_letter
from sillage.content.spam import SPAM, SpamScore, score
from sillage.errors import BadInput
from sillage.i18n import language_of
from sillage.lake.reader import Reader
from sillage.report.gathered import gather
from sillage.report.pdf import as_pdf
from sillage.settings import Settings
from sillage.store import ab_tests, accounts, campaigns
from sillage.store.accounts import Account
from sillage.store.campaigns import Campaign
from sillage.words import Words

app = typer.Typer(no_args_is_help=True, help=__doc__)
AccountOption = Annotated[str | None, typer.Option(help="The account's slug; not needed where there is one.")]


def _find(conn: sa.Connection, account: str | None, name: str) -> tuple[Account, Campaign]:
    owner = accounts.by_slug(conn, account) if account else accounts.only_account(conn)
    return owner, campaigns.by_name(conn, owner.id, name)


@app.command()
def create(folder: Path, *, account: AccountOption = None) -> None:
    """Make a draft from a folder that holds campaign.toml and its MJML or HTML files.

    Example: sillage campaign create data/demo/campaign
    """
    settings = Settings.load()
    store = open_store(settings)
    spec = read_folder(folder)
    with store.write() as conn:
        owner = accounts.by_slug(conn, account) if account else accounts.only_account(conn)
        campaign_id = create_campaign(conn, settings, owner, spec, now=settings.clock.now())
        kept = ab_tests.of_campaign(conn, owner.id, campaign_id)
    typer.echo(f"campaign {spec.name!r} made as a draft (number {campaign_id})")
    if kept is not None:
        test = kept.test
        better = test.usual_rate + (-test.lift if test.criterion.fewest_wins else test.lift)
        typer.echo(
            f"its test by {test.criterion} sends to {len(spec.variants)} x {test.size:,} people"
            + (
                ", as asked"
                if test.is_exact
                else f", to see a change from {test.usual_rate:.2%} to {better:.2%} with 80 % certainty"
                f" within {test.hours} hours"
            )
        )


@app.command()
def schedule(
    name: str,
    *,
    at: Annotated[str | None, typer.Option(help="When, as 2026-11-24T10:00:00Z, or now.")] = None,
    by: Annotated[str | None, typer.Option(help="The member who asks, where a second person has to approve.")] = None,
    account: AccountOption = None,
) -> None:
    """Schedule a draft. Where the account wants a second person's approval, it waits for it.

    Example: sillage campaign schedule "November news" --at now
    """
    settings = Settings.load()
    store = open_store(settings)
    moment = _moment(at, settings)
    with store.write() as conn:
        owner, campaign = _find(conn, account, name)
        who = _campaign_flow.user_named(conn, owner, by) if by else None
        when = moves.schedule(conn, owner.id, campaign.id, send_at=moment, by=who, now=settings.clock.now())
    then = ", once somebody else has approved it (`sillage campaign approve`)" if owner.needs_approval else ""
    typer.echo(f"campaign {name!r} leaves at {when:%Y-%m-%d %H:%M:%S} UTC{then}")


@app.command()
def plan(name: str, *, account: AccountOption = None) -> None:
    """Freeze the audience of a scheduled campaign.

    Example: sillage campaign plan "November news"
    """
    settings = Settings.load()
    store = open_store(settings)
    with store.read() as conn:
        owner, campaign = _find(conn, account, name)
    with typer.progressbar(length=1, label="planning") as bar:

        def show(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        planned = plan_campaign(store, settings, owner.id, campaign.id, progress=show)
    for variant, count in sorted(planned.by_variant.items()):
        typer.echo(f"{variant}: {count:,} people")
    for reason, count in sorted(planned.left_out.items()):
        typer.echo(f"left out, {reason}: {count:,}")


@app.command()
def pause(name: str, *, reason: str = "by hand", account: AccountOption = None) -> None:
    """Stop a running campaign within a second.

    Example: sillage campaign pause "November news" --reason "wrong price"
    """
    settings = Settings.load()
    with open_store(settings).write() as conn:
        owner, campaign = _find(conn, account, name)
        moves.pause(conn, owner.id, campaign.id, reason=reason)
    typer.echo(f"campaign {name!r} is paused")


@app.command()
def resume(
    name: str,
    *,
    provider: Annotated[str | None, typer.Option(help="Only its part at this mailbox provider.")] = None,
    account: AccountOption = None,
) -> None:
    """Go on with a paused campaign, or its part at one provider, exactly where it stopped. One held as late leaves.

    What stopped it by itself does not stop it again; what comes after now is judged anew.

    Example: sillage campaign resume "November news" --provider orange
    """
    settings = Settings.load()
    now = settings.clock.now()
    with open_store(settings).write() as conn:
        owner, campaign = _find(conn, account, name)
        if provider is None:
            moves.resume(conn, owner.id, campaign.id, now=now)
        else:
            moves.resume_slice(conn, owner.id, campaign.id, provider, now=now)
    typer.echo(f"campaign {name!r} goes on")


@app.command()
def cancel(name: str, *, account: AccountOption = None) -> None:
    """Send nothing more of a campaign; who has not got it yet is skipped.

    Example: sillage campaign cancel "November news"
    """
    settings = Settings.load()
    with open_store(settings).write() as conn:
        owner, campaign = _find(conn, account, name)
        moves.cancel(conn, owner.id, campaign.id, now=settings.clock.now())
    typer.echo(f"campaign {name!r} is cancelled")


@app.command(name="spam-test")
def spam_test_(
    name: Annotated[str | None, typer.Argument(help="A campaign, of which each version is tested.")] = None,
    *,
    mail: Annotated[Path | None, typer.Option(help="A finished mail (.eml) in place of a campaign.")] = None,
    account: AccountOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Score a campaign, or any mail, as spam filters are likely to: lower is better, 5 is spam.

    Example: sillage campaign spam-test "November news"
    """
    if (name is None) == (mail is None):
        raise BadInput("name a campaign, or a mail by --mail, one of the two", code="campaign_or_mail")
    scores = {str(mail): _score_of(mail)} if mail is not None else _scores(str(name), account)
    if as_json:
        typer.echo(json.dumps([{"version": version, **asdict(found)} for version, found in scores.items()]))
        return
    for version, found in scores.items():
        typer.echo(f"{version}: {found.score:.1f} of {SPAM:.0f}{', spam' if found.is_spam else ''}")
        for part in found.findings:
            typer.echo(f"  {part.points:4.1f}  {part.rule:24} {part.advice}")


def _score_of(mail: Path) -> SpamScore:
    if not mail.is_file():
        raise BadInput(f"{mail} is no file that can be read", code="no_file")
    return score(read_letter(mail.read_bytes()))


def _scores(name: str, account: str | None) -> dict[str, SpamScore]:
    settings = Settings.load()
    with open_store(settings).read() as conn:
        owner, campaign = _find(conn, account, name)
        versions = campaigns.variants_of(conn, owner.id, campaign.id)
        senders = {v.id: campaigns.sender(conn, owner.id, v.sender_id or campaign.sender_id) for v in versions}
    return {v.name: spam_test(settings, owner, senders[v.id], campaign.kind, v.source) for v in versions}


@app.command(name="send-missing")
def send_missing(
    name: str,
    *,
    in_doubt: Annotated[bool, typer.Option(help="Also to those in doubt, who may get it twice.")] = False,
    account: AccountOption = None,
) -> None:
    """Send a closed campaign to those it has not reached: failed, or put off until the deadline.

    Example: sillage campaign send-missing "November news"
    """
    settings = Settings.load()
    with open_store(settings).write() as conn:
        owner, campaign = _find(conn, account, name)
        count = moves.send_to_missing(conn, owner.id, campaign.id, doubtful=in_doubt, now=settings.clock.now())
    typer.echo(f"campaign {name!r} goes to {count:,} more")


@app.command()
def ab(
    name: str,
    *,
    decide: Annotated[bool, typer.Option("--decide", help="End what can be ended now, as the guard does.")] = False,
    account: AccountOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """How the test of a campaign stands: counts at equal age, what is believed of each version, and the verdict.

    Of a campaign without a test that is over: its versions by clicks, compared once.

    Example: sillage campaign ab "November news" --json
    """
    settings = Settings.load()
    store = open_store(settings)
    with store.read() as conn:
        owner, campaign = _find(conn, account, name)
        has_test = ab_tests.of_campaign(conn, owner.id, campaign.id) is not None
        versions = campaigns.variants_of(conn, owner.id, campaign.id)
    with closing(Reader(settings)) as reader:
        if not has_test:
            plain = ab_plain.compared(reader, campaign, versions)
            typer.echo(json.dumps(plain, ensure_ascii=False) if as_json else ab_plain.as_text(plain))
            return
        if decide:
            decide_all(store, settings, reader)
        seen = watch(store, reader, owner.id, campaign.id, now=settings.clock.now())
    told = as_data(seen)
    typer.echo(json.dumps(told, ensure_ascii=False) if as_json else as_text(told))


@app.command(name="choose-winner")
def choose_winner(
    name: str,
    variant: Annotated[str, typer.Argument(help="The version that everybody else gets.")],
    *,
    account: AccountOption = None,
) -> None:
    """Name the winner of a campaign's test: the rest gets that version, and the test ends.

    Example: sillage campaign choose-winner "November news" B
    """
    settings = Settings.load()
    with open_store(settings).write() as conn:
        owner, campaign = _find(conn, account, name)
        choose(conn, owner.id, campaign.id, variant, by="command", now=settings.clock.now())
    typer.echo(f"campaign {name!r}: the rest gets version {variant!r}")


@app.command(name="list")
def list_(
    *, account: AccountOption = None, as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False
) -> None:
    """List campaigns with their state and balance sheet.

    Example: sillage campaign list
    """
    settings = Settings.load()
    with open_store(settings).read() as conn:
        owner = accounts.by_slug(conn, account) if account else accounts.only_account(conn)
        found = [(c, campaigns.balance(conn, owner.id, c.id)) for c in campaigns.listed(conn, owner.id)]
    if as_json:
        rows = [{"id": c.id, "name": c.name, "state": c.state, "audience": c.audience, **b.counts} for c, b in found]
        typer.echo(json.dumps(rows))
        return
    for campaign, books in found:
        counts = ", ".join(f"{n:,} {state}" for state, n in sorted(books.counts.items()))
        typer.echo(f"{campaign.name}: {campaign.state}" + (f" ({counts})" if counts else ""))


@app.command()
def report(
    name: str, *, pdf: Annotated[Path, typer.Option(help="Where the PDF goes.")],
    language: Annotated[str, typer.Option(help="fr or en.")] = "en", account: AccountOption = None,
) -> None:  # fmt: skip
    """Write a campaign's report as a PDF, with the figures of its page at this moment.

    Example: sillage campaign report "November news" --pdf november.pdf --language fr
    """
    settings = Settings.load()
    store, reader = open_store(settings), Reader(settings)
    try:
        with store.read() as conn:
            owner, campaign = _find(conn, account, name)
        seen = gather(settings, store, reader, owner.id, campaign.id)
    finally:
        reader.close()
    pdf.write_bytes(as_pdf(Words(language_of(language), owner.timezone), seen))
    typer.echo(f"{pdf}: the report of {name!r}")


app.command(name="people")(campaign_people)
_campaign_flow.add_to(app)


def _moment(text: str | None, settings: Settings) -> datetime | None:
    if text is None:
        return None
    if text == "now":
        return settings.clock.now()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as exc:
        raise BadInput(f"--at {text!r} is no time; write it as 2026-11-24T10:00:00Z", code="bad_time") from exc
    if moment.tzinfo is None:
        raise BadInput(f"--at {text!r} has no time zone; write it as 2026-11-24T10:00:00Z", code="no_zone")
    return moment.astimezone(UTC)
