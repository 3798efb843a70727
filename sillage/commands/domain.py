"""Sending domains: keys that sign, records to publish, and whether the DNS holds them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import sqlalchemy as sa
import typer

from sillage.commands.account import open_store
from sillage.content.dkim import Algorithm, DkimKey, generate
from sillage.content.mime import ascii_domain
from sillage.domain import sending_domain as sending
from sillage.domain.sending_domain import Finding, Verdict
from sillage.errors import BadInput, Refused
from sillage.resolver import Resolver
from sillage.settings import Settings, Transport
from sillage.store import accounts, dkim_keys, files
from sillage.store.dkim_keys import KeyState, StoredKey

app = typer.Typer(no_args_is_help=True, help=__doc__)

Account = Annotated[str | None, typer.Option(help="The account's slug; not needed where there is one.")]
Addresses = Annotated[list[str] | None, typer.Option("--ip", help="An address that mail leaves from; repeatable.")]
_FOREVER_DAYS = 36_500


@app.command()
def key(
    domain: str,
    *,
    selector: Annotated[str, typer.Option(help="Beginning of the selectors; by default the day.")] = "",
    account: Account = None,
) -> None:
    """Make a new RSA-2048 and a new Ed25519 key, which wait until they are activated.

    Example: sillage domain key maison.example
    """
    settings, store = Settings.load(), open_store(Settings.load())
    domain = _domain(domain)
    now = settings.clock.now()
    start = selector or f"s{now:%Y%m%d}"
    folder = settings.data_dir / "keys"
    with store.write() as conn:
        found = _owner(conn, account)
        for algorithm in Algorithm:
            made = generate(domain, f"{start}-{algorithm}", algorithm)
            path = folder / f"{domain}.{made.selector}.pem"
            dkim_keys.add(conn, found.id, domain, made.selector, algorithm, path, now=now)
            expires = now.replace(year=now.year + _FOREVER_DAYS // 365)
            files.register(conn, found.id, "dkim_key", path, now, expires)
            _write_secret(path, made.to_pem())
            typer.echo(f"{made.record_name}: {algorithm} key made, waiting")
    typer.echo(f"publish what `sillage domain records {domain}` shows, then `sillage domain activate {domain}`")


@app.command()
def records(domain: str, *, ip: Addresses = None, account: Account = None) -> None:
    """Show the DNS records to publish: DKIM keys, SPF and MX of the bounce domain, DMARC.

    Example: sillage domain records maison.example --ip 192.0.2.10
    """
    settings, store = Settings.load(), open_store(Settings.load())
    domain = _domain(domain)
    with store.read() as conn:
        keys = dkim_keys.of_domain(conn, _owner(conn, account).id, domain, KeyState.ACTIVE, KeyState.WAITING)
    named = [(k.record_name, k.record) for k in _loaded(keys)]
    host = f"mail.{settings.bounce_domain}"
    for record in sending.records_to_publish(domain, settings.bounce_domain, named, ip or [], host):
        value = sending.quoted(record.value) if record.type == "TXT" else record.value + "."
        typer.echo(f"{record.name}. IN {record.type} {value}")
    typer.echo(f"; {host} is where `sillage up` takes returned mail: give it the address of this machine")


@app.command()
def check(domain: str, *, ip: Addresses = None, account: Account = None) -> None:
    """Check SPF, DKIM, DMARC, reverse DNS and the way back for bounces, and say what to mend. Exit code 1 if any fails.

    Example: sillage domain check maison.example --ip 192.0.2.10
    """
    settings, store = Settings.load(), open_store(Settings.load())
    domain = _domain(domain)
    with store.read() as conn:
        keys = dkim_keys.of_domain(conn, _owner(conn, account).id, domain, KeyState.ACTIVE, KeyState.WAITING)
    findings = _findings(settings, Resolver(settings.dns_servers), domain, keys, ip or [])
    for finding in findings:
        typer.echo(f"{finding.verdict:5} {finding.name}: {finding.text}")
    if any(finding.verdict is Verdict.FAIL for finding in findings):
        raise typer.Exit(1)


@app.command()
def activate(
    domain: str,
    *,
    unchecked: Annotated[bool, typer.Option("--unchecked", help="Don't look whether the records are there.")] = False,
    account: Account = None,
) -> None:
    """Let the waiting keys sign from now on, once their records are in the DNS; those before them retire.

    Example: sillage domain activate maison.example
    """
    settings, store = Settings.load(), open_store(Settings.load())
    domain = _domain(domain)
    with store.read() as conn:
        found = _owner(conn, account)
        waiting = dkim_keys.of_domain(conn, found.id, domain, KeyState.WAITING)
    if not waiting:
        raise Refused(f"no key of {domain} is waiting; `sillage domain key {domain}` makes one")
    if not unchecked:
        dns = Resolver(settings.dns_servers)
        for stored in _loaded(waiting):
            finding = sending.check_dkim(dns, stored.record_name, stored.record)
            if finding.verdict is not Verdict.OK:
                raise Refused(f"{finding.text}; nothing was changed")
    with store.write() as conn:
        active, retired = dkim_keys.activate(conn, found.id, domain, now=settings.clock.now())
    typer.echo(f"{domain} signs with {', '.join(active)}")
    if retired:
        typer.echo(f"retired: {', '.join(retired)}; leave their records in the DNS for a week: mail is under way")


def _findings(
    settings: Settings, dns: Resolver, domain: str, keys: list[StoredKey], addresses: list[str]
) -> list[Finding]:
    if not addresses and settings.transport is Transport.DIRECT:
        # We greet with the bounce domain's name, so its addresses should be ours.
        addresses = dns.addresses(settings.bounce_domain)
    found = [sending.check_dkim(dns, k.record_name, k.record) for k in _loaded(keys)]
    if not keys and not settings.relay_signs_dkim:
        found.append(
            Finding("DKIM", Verdict.FAIL, f"{domain} has no keys: make them with `sillage domain key {domain}`")
        )
    found.append(sending.check_spf(dns, settings.bounce_domain, addresses))
    found.append(sending.check_dmarc(dns, domain, settings.bounce_domain))
    found.append(sending.check_return_path(dns, settings.bounce_domain))
    found += [sending.check_reverse(dns, address) for address in addresses]
    if not addresses:
        found.append(
            Finding("reverse DNS", Verdict.WARN, "not looked at: name the addresses that mail leaves from with --ip")
        )
    return found


def _owner(conn: sa.Connection, slug: str | None) -> accounts.Account:
    return accounts.by_slug(conn, slug) if slug else accounts.only_account(conn)


def _loaded(keys: list[StoredKey]) -> list[DkimKey]:
    return [stored.load() for stored in keys]


def _domain(text: str) -> str:
    domain = ascii_domain(text.strip().rstrip(".")).lower()
    if "." not in domain or not all(label and len(label) < 64 for label in domain.split(".")) or "/" in domain:  # noqa: PLR2004
        raise BadInput(f"{text!r} is no domain; write it as maison.example", code="bad_domain")
    return domain


def _write_secret(path: Path, content: bytes) -> None:
    """A file that only its owner reads, there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
