"""Contact files: look at one, import one, list what came."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from sillage import ingest, log
from sillage.clock import Clock
from sillage.commands import consent, erasure, exports, hygiene
from sillage.commands.account import open_store
from sillage.domain.ids import ImportId
from sillage.errors import BadInput
from sillage.ingest import ImportOptions, ImportReport, Inspection
from sillage.ingest.piped import whole
from sillage.ingest.run import Progress
from sillage.settings import Settings
from sillage.store import accounts, contacts, imports
from sillage.store.accounts import Account
from sillage.store.database import Store

app = typer.Typer(no_args_is_help=True, help=__doc__)

AccountOption = Annotated[str | None, typer.Option(help="The account's slug; not needed where there is one.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on standard output.")]
MapOption = Annotated[
    list[str] | None,
    typer.Option("--map", help="Column=field, where a header is not understood; Column=- leaves it out."),
]
DateOption = Annotated[
    str | None, typer.Option("--date-order", help="dmy or mdy: how dates are read that could be read in two ways.")
]
FileArgument = Annotated[Path, typer.Argument(help="A CSV, TSV, XLSX, XLS, XLSB, ODS or Parquet file; - reads a pipe.")]

FAILED, ASKS = 1, 2
PROGRESS_AFTER_S = 2.0
REFUSED_PRINTED = 20


@app.command()
def inspect(
    file: FileArgument, *, map_: MapOption = None, date_order: DateOption = None, as_json: JsonOption = False
) -> None:
    """Say how a file is written and what its columns mean. Nothing is stored.

    Example: sillage contacts inspect newsletter.csv
    """
    with whole(file) as read:
        found = ingest.inspect_file(read, _options(map_, date_order))
    if as_json:
        _print_json(found.as_json())
    else:
        _print_inspection(file, found)
    _exit(found.error, found.message, found.questions)


@app.command(name="import")
def import_(
    file: FileArgument,
    *,
    account: AccountOption = None,
    group: Annotated[str | None, typer.Option(help="Put the contacts into this group.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen, and store nothing.")] = False,
    rows: Annotated[int | None, typer.Option(min=0, help="With --dry-run: show the first N contacts.")] = None,
    map_: MapOption = None,
    date_order: DateOption = None,
    consent_declared_by: Annotated[
        str, typer.Option(help="Who declares that all people of the file agreed to marketing.")
    ] = "",
    consent_wording: Annotated[str, typer.Option(help="The exact words that they agreed to.")] = "",
    consent_version: Annotated[str, typer.Option(help="The version of those words.")] = "",
    mode: Annotated[
        str, typer.Option(help="add, update, add_and_update, or take_out (of the group; nobody is erased).")
    ] = "add_and_update",
    wins: Annotated[str, typer.Option(help="first or last: which of two rows with one address is taken.")] = "first",
    field: Annotated[
        list[str] | None,
        typer.Option("--field", help="Column=type makes a typed custom field: text, number, date, boolean, choice."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Import a file. Exit code 2: the file leaves a question open, and nothing was imported.

    Example: sillage contacts import newsletter.csv --group Newsletter --date-order dmy
    """
    options = _options(
        map_, date_order, consent_declared_by=consent_declared_by, consent_wording=consent_wording,
        consent_version=consent_version, mode=mode, wins=wins, fields=_pairs(field, "field"),
    )  # fmt: skip
    with _ProgressLine() as progress:
        try:
            with whole(file) as read:
                report = _dry_run(read, options, account, group, rows) if dry_run else _import(
                    read, options, account, group, progress)  # fmt: skip
        except BadInput as exc:
            if not as_json:
                raise
            report = ImportReport(error=exc.code, message=str(exc))
    if as_json:
        _print_json(report.as_json())
    else:
        _print_report(file, report, is_dry=dry_run)
    _exit(report.error, report.message, report.questions)


@app.command()
def undo(import_id: int, *, account: AccountOption = None, as_json: JsonOption = False) -> None:
    """Undo an import: whom it made goes, whom it changed is as before. Who was touched since stays, and is listed.

    Example: sillage contacts undo 12
    """
    settings = Settings.load()
    log.configure("contacts")
    store = open_store(settings)
    with store.read() as conn:
        account_id = _account(conn, account).id
    report = ingest.undo_import(store, settings, account_id, ImportId(import_id))
    if as_json:
        _print_json(report.as_json())
        return
    typer.echo(f"{report.dropped:,} contacts gone, {report.restored:,} as before, {len(report.stayed):,} stay")
    if report.stayed_path:
        typer.echo(f"who stays, and why: {report.stayed_path}")


@app.command(name="imports")
def list_imports(*, account: AccountOption = None, as_json: JsonOption = False) -> None:
    """List the files that came: sealed, parked with a question, failed.

    Example: sillage contacts imports
    """
    settings = Settings.load()
    store = open_store(settings)
    with store.read() as conn:
        found = imports.listed(conn, _account(conn, account).id)
    if as_json:
        _print_json([
            {
                "id": one.id, "state": one.state.value, "file": one.file_name, "questions": one.questions,
                "counts": one.counts, "refused_file": str(one.refused_path) if one.refused_path else None,
                "created_at": one.created_at.isoformat(),
                "sealed_at": one.sealed_at.isoformat() if one.sealed_at else None,
            }
            for one in found
        ])  # fmt: skip
        return
    table = Table("id", "file", "came", "state", "accepted", "refused", "note")
    for one in found:
        counts = one.counts
        note = ", ".join(one.questions) or str(counts.get("message", "")) or str(one.refused_path or "")
        table.add_row(
            str(one.id), one.file_name, f"{one.created_at:%Y-%m-%d %H:%M}", one.state.value,
            _figure(counts.get("accepted")), _figure(counts.get("refused")), note,
        )  # fmt: skip
    Console().print(table)


@app.command(name="list")
def list_contacts(
    *,
    account: AccountOption = None,
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 20,
    after: Annotated[int, typer.Option(min=0, help="Go on behind the contact with this id.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """List contacts, in the order in which they came.

    Example: sillage contacts list --limit 50
    """
    settings = Settings.load()
    store = open_store(settings)
    with store.read() as conn:
        account_id = _account(conn, account).id
        total = contacts.count(conn, account_id)
        found = contacts.listed(conn, account_id, limit=limit, after=after)
    if as_json:
        _print_json({
            "count": total,
            "contacts": [
                {"id": c.id, "email": c.email, "phone": c.phone, "provider": c.provider, **c.fields, "custom": c.custom}
                for c in found
            ],
        })  # fmt: skip
        return
    table = Table("id", "email", "phone", "first name", "last name", "provider", title=f"{total:,} contacts")
    for c in found:
        table.add_row(str(c.id), c.email, c.phone, c.fields["first_name"], c.fields["last_name"], c.provider)
    Console().print(table)


app.command()(consent.why)
app.command()(erasure.erase)
app.command()(hygiene.hygiene)
app.command(name="export")(exports.all_contacts)


def _options(map_: list[str] | None, date_order: str | None, **more: Any) -> ImportOptions:
    return ImportOptions.read({"mapping": _pairs(map_, "map"), "date_order": date_order, **more})


def _pairs(said: list[str] | None, option: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for pair in said or []:
        column, equals, value = pair.rpartition("=")
        if not equals or not column.strip():
            raise BadInput(f"--{option} {pair!r}: write Column={option}", code="bad_options", field=option)
        pairs[column.strip()] = value.strip()
    return pairs


def _account(conn: Any, slug: str | None) -> Account:
    return accounts.by_slug(conn, slug) if slug else accounts.only_account(conn)


def _import(
    file: Path, options: ImportOptions, slug: str | None, group: str | None, progress: Progress
) -> ImportReport:
    settings = Settings.load()
    log.configure("contacts")
    store = open_store(settings)
    with store.read() as conn:
        account_id = _account(conn, slug).id
    return ingest.import_file(store, settings, account_id, file, group=group, options=options, progress=progress)


def _dry_run(file: Path, options: ImportOptions, slug: str | None, group: str | None, rows: int | None) -> ImportReport:
    """Against the account where there is one; with nothing set up, everybody is new."""
    try:
        settings = Settings.load()
    except BadInput:
        if slug:
            raise
        return ingest.dry_run(file, options, now=Clock().now(), rows=rows)
    account = _known_account(settings, slug)
    if account is None:
        return ingest.dry_run(file, options, now=settings.clock.now(), rows=rows)
    store, known = account
    return ingest.dry_run(
        file, options, now=settings.clock.now(), store=store, secret=settings.secret.get_secret_value(),
        account_id=known.id, group=group, rows=rows,
    )  # fmt: skip


def _known_account(settings: Settings, slug: str | None) -> tuple[Store, Account] | None:
    """The account, without making a database for a dry run; None where nothing is set up and none was named."""
    url = settings.database_url
    if url.startswith("sqlite") and not Path(url.removeprefix("sqlite:///")).exists():
        if slug:
            raise BadInput(f"no account {slug!r}: nothing is set up in {settings.data_dir}", code="no_account")
        return None
    store = open_store(settings)
    with store.read() as conn:
        try:
            return store, _account(conn, slug)
        except BadInput as exc:
            if slug or exc.code != "no_account":
                raise
            return None


def _exit(error: str | None, message: str, questions: list[str]) -> None:
    if error is not None:
        typer.echo(f"sillage: {message or error}", err=True)
        raise typer.Exit(FAILED)
    if questions:
        typer.echo(
            f"sillage: the file leaves open: {', '.join(questions)}; answer with --date-order dmy or mdy", err=True
        )
        raise typer.Exit(ASKS)


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, indent=1))


def _figure(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else "–"  # noqa: RUF001 - what is not known


def _print_inspection(file: Path, found: Inspection) -> None:
    facts = Table.grid("", "", padding=(0, 2))
    facts.title = file.name
    for name, value in (
        ("encoding", found.encoding), ("separator", repr(found.separator) if found.separator else None),
        ("quote", found.quote), ("sheet", found.sheet),
        ("header row", "none" if found.header_row == 0 else found.header_row), ("rows", _figure(found.rows)),
        ("warnings", ", ".join(found.warnings)),
    ):  # fmt: skip
        if value:
            facts.add_row(name, str(value))
    console = Console()
    console.print(facts)
    table = Table("column", "becomes")
    for column in found.columns:
        asked = "  (day or month first?)" if column in found.open_columns else ""
        table.add_row(column, found.mapping.get(column, "custom field") + asked)
    if found.columns:
        console.print(table)


def _print_report(file: Path, report: ImportReport, *, is_dry: bool) -> None:
    if report.error or report.questions:
        return
    console = Console()
    counts = report.counts
    table = Table("rows", "", title=f"{file.name}{' (dry run: nothing was stored)' if is_dry else ''}")
    for name, value in (
        ("accepted", report.accepted), ("  new", counts.new), ("  updated", counts.updated),
        ("  unchanged", counts.unchanged), ("  mailable", counts.mailable), ("kept out", counts.kept_out),
        ("refused", report.refused_count), ("no contact", counts.unknown),
        ("stay unsubscribed", counts.still_out),
    ):  # fmt: skip
        table.add_row(name, _figure(value))
    console.print(table)
    for refused in report.refused[:REFUSED_PRINTED]:
        console.print(f"line {refused.row}: {refused.reason}: {refused.value!r}", markup=False, highlight=False)
    if report.refused_path:
        console.print(f"all refused rows: {report.refused_path}", markup=False, highlight=False)
    if report.warnings:
        console.print(f"warnings: {', '.join(report.warnings)}", markup=False, highlight=False)


class _ProgressLine:
    """One line on standard error, from the second second on: rows, share, time left."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._shown = 0.0

    def __enter__(self) -> Progress:
        return self._show

    def __exit__(self, *_: object) -> None:
        if self._shown:
            sys.stderr.write("\n")

    def _show(self, done: int, total: int) -> None:
        now = time.monotonic()
        passed = now - self._begun
        if passed < PROGRESS_AFTER_S or now - self._shown < 0.5 or not done:  # noqa: PLR2004 - twice a second
            return
        self._shown = now
        left = passed / done * (total - done)
        sys.stderr.write(f"\r{done:,} of {total:,} rows ({done / max(total, 1):.0%}), {left:.0f} s left ")
        sys.stderr.flush()
