"""Alerts: what stands, what was stopped, and where an account is told."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from sillage.alarm.address import checked_webhook, webhook_key
from sillage.commands.account import open_store
from sillage.domain.contact import EmailAddress
from sillage.settings import Settings
from sillage.store import accounts, alerts, campaigns, incidents

app = typer.Typer(no_args_is_help=True, help=__doc__)
AccountOption = Annotated[str | None, typer.Option(help="The account's slug; not needed where there is one.")]


@app.command(name="list")
def list_(
    *, account: AccountOption = None, as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False
) -> None:
    """List alerts that stand and what the guard has stopped.

    Example: sillage alerts list --json
    """
    settings = Settings.load()
    with open_store(settings).read() as conn:
        owner = accounts.by_slug(conn, account) if account else accounts.only_account(conn)
        standing = alerts.states(conn, owner.id, raised=True)
        stopped = incidents.of_account(conn, owner.id)
        names = {c.id: c.name for c in campaigns.listed(conn, owner.id)}
    if as_json:
        shown = [{"level": s.level, "since": s.since.isoformat(), **s.facts} for s in standing]
        acts = [
            {
                "campaign": names.get(i.campaign_id), "provider": i.provider, "metric": i.metric, "value": i.value,
                "numerator": i.numerator, "denominator": i.denominator, "critical_at": i.critical_at,
                "window": i.window_name, "at": i.at.isoformat(), "ended": i.ended_how,
            }
            for i in stopped
        ]  # fmt: skip
        typer.echo(json.dumps({"alerts": shown, "stopped": acts}, ensure_ascii=False))
        return
    for s in standing:
        of = s.facts.get("campaign") or "the account"
        typer.echo(f"{s.level}: {s.facts['metric']} of {of}, since {s.since:%Y-%m-%d %H:%M:%S} UTC")
    for i in stopped:
        part = f" at {i.provider}" if i.provider else ""
        typer.echo(
            f"stopped {i.at:%Y-%m-%d %H:%M:%S} UTC: {names.get(i.campaign_id)}{part}, {i.metric} {i.value:.2%}"
            f" ({i.numerator:,} of {i.denominator:,}), critical from {i.critical_at:.2%}, {i.ended_how or 'stands'}"
        )


@app.command(name="tell")
def tell(
    *,
    email: Annotated[str | None, typer.Option(help="Address that is told; empty: none.")] = None,
    webhook: Annotated[str | None, typer.Option(help="https address that is told; empty: none.")] = None,
    account: AccountOption = None,
) -> None:
    """Say where an account is told of alerts; what is not named stays. A new webhook's key is shown once.

    Example: sillage alerts tell --email ops@maison.example --webhook https://hooks.example.com/sillage
    """
    settings = Settings.load()
    store = open_store(settings)
    url = checked_webhook(settings, webhook) if webhook else webhook
    address = str(EmailAddress.parse(email)) if email else email
    with store.write() as conn:
        owner = accounts.by_slug(conn, account) if account else accounts.only_account(conn)
        held = alerts.targets(conn, owner.id)
        now = alerts.set_targets(
            conn, owner.id, email=held.email if email is None else address or None,
            webhook_url=held.webhook_url if webhook is None else url or None, now=settings.clock.now(),
        )  # fmt: skip
    typer.echo(f"mail: {now.email or 'none'}, webhook: {now.webhook_url or 'none'}")
    if now.webhook_nonce and now.webhook_nonce != held.webhook_nonce:
        typer.echo(f"key of the webhook's signatures, shown this once: {webhook_key(settings, now.webhook_nonce)}")
