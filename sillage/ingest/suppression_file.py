"""Suppression lists as files: one address, domain or keyed hash a row, in; the same shape, out.

What comes out can be read back: an address that nobody knows any more is there by its hash alone.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sillage.domain.contact import EmailAddress
from sillage.domain.ids import AccountId
from sillage.domain.spreadsheet import neutral
from sillage.errors import BadInput
from sillage.ingest.inspection import open_table
from sillage.ingest.mapping import field_of, key_of
from sillage.ingest.report import Refused
from sillage.settings import Settings
from sillage.store import suppressions
from sillage.store.database import Store
from sillage.store.suppressions import MANUAL, Suppressed
from sillage.tokens import address_hash

HEADER = ("address", "domain", "hash", "reason", "since")
REASONS = frozenset({"npai", "hard_bounce", "complaint", "erased", MANUAL})
CHUNK = 5_000
MAX_REFUSED = 1_000
_HASH = re.compile(r"[0-9a-f]{32}")
_DOMAIN = re.compile(r"@?((?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63})")


@dataclass(frozen=True, slots=True)
class Entry:
    """What a row says: an address by its keyed hash, or a domain."""

    address_hash: bytes | None = None
    domain: str | None = None
    reason: str = MANUAL


@dataclass(slots=True)
class SuppressionReport:
    """What became of a file: rows read, lines that are new on the list, rows that were not understood."""

    rows: int = 0
    added: int = 0
    refused_count: int = 0
    refused: list[Refused] = field(default_factory=list)


def entry_of(text: str, secret: str) -> Entry:
    """An address, a domain (with or without @ before it) or a keyed hash of 32 hexadecimal digits.

    Raises: BadInput with the code of what is wrong with it.
    """
    said = text.strip()
    if _HASH.fullmatch(said.lower()):
        return Entry(address_hash=bytes.fromhex(said))
    if "@" not in said.removeprefix("@"):
        try:
            ascii_domain = EmailAddress.parse(f"a@{said.removeprefix('@')}").domain
        except BadInput:
            ascii_domain = said.lower()
        found = _DOMAIN.fullmatch(ascii_domain)
        if found is None:
            raise BadInput(f"{said[:80]!r} is no address, no domain and no hash", code="invalid_domain")
        return Entry(domain=found[1])
    return Entry(address_hash=address_hash(secret, EmailAddress.parse(said).identity))


def read_file(store: Store, settings: Settings, account_id: AccountId | None, path: Path) -> SuppressionReport:
    """Put all of a file on the account's list; None: on the installation's, which is its operator's alone to call.

    A row that is not understood is reported, the others count. The same file again adds nothing.
    Raises: BadInput where it is no table.
    """
    table = open_table(path)
    names = [key_of(name) for name in table.header.names or []]
    secret, now = settings.secret.get_secret_value(), settings.clock.now()
    report = SuppressionReport()
    waiting: list[Entry] = []

    def put() -> None:
        addresses = [(one.address_hash, one.reason) for one in waiting if one.address_hash is not None]
        domains = [one.domain for one in waiting if one.domain is not None]
        with store.write() as conn:
            report.added += suppressions.add(
                conn, account_id, channel="email", addresses=addresses, domains=domains, now=now
            )
        waiting.clear()

    # A first line that says an address is no header.
    first = [(1, tuple(table.header.names))] if table.header.names and not _is_header(names) else []
    rows = ((row[0], row[2:]) for frame in table.frames(None) for row in frame.rows())
    for line, cells in _both(first, rows):
        text, reason = _said(names if not first else [], cells)
        if not text:
            continue
        report.rows += 1
        try:
            one = entry_of(text, secret)
        except BadInput as exc:
            report.refused_count += 1
            if len(report.refused) < MAX_REFUSED:
                report.refused.append(Refused(line, exc.code, text[:200]))
            continue
        waiting.append(Entry(one.address_hash, one.domain, reason))
        if len(waiting) >= CHUNK:
            put()
    put()
    return report


def _both(
    first: Iterable[tuple[int, tuple[str, ...]]], rows: Iterable[tuple[int, Sequence[str | None]]]
) -> Iterable[tuple[int, Sequence[str | None]]]:
    yield from first
    yield from rows


def _is_header(names: Sequence[str]) -> bool:
    return any(name in HEADER or name == "email" or field_of(name) == "email" for name in names)


def _said(names: Sequence[str], cells: Sequence[str | None]) -> tuple[str, str]:
    """What a row names, and the reason that it gives, if it is one of ours."""
    texts = [(cell or "").strip().removeprefix("'") for cell in cells]
    by_name = dict(zip(names, texts, strict=False))
    reason = by_name.get("reason", "")
    known = [text for name, text in by_name.items() if name in HEADER[:3] or field_of(name) == "email"]
    named = next((text for text in known if text), "") if names else next((text for text in texts if text), "")
    return named, reason if reason in REASONS else MANUAL


def as_csv(lines: Iterable[Suppressed]) -> str:
    """A list as CSV text; no cell is a formula to a spreadsheet."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(HEADER)
    for one in lines:
        cells = (
            one.email or "",
            one.domain or "",
            one.address_hash.hex() if one.address_hash else "",
            one.reason,
            one.created_at.isoformat(timespec="seconds"),
        )
        writer.writerow([neutral(cell) for cell in cells])
    return out.getvalue()
