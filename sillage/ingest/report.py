"""What became of a file: counts, and every refused row with its number, its value and the reason, as a CSV file."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sillage.domain.contact import TEXT_FIELDS
from sillage.domain.spreadsheet import neutral

MAX_KEPT_OUT_SHOWN = 1_000


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that was not taken. `row` is the file's line, the first line being 1."""

    row: int
    reason: str
    value: str


@dataclass(frozen=True, slots=True)
class KeptOut:
    """A valid row of a person who may not be brought back: unsubscribed, complained, bounced, erased."""

    row: int
    reason: str


@dataclass(slots=True)
class Counts:
    """Accepted rows by what became of them: accepted = new + updated + unchanged; kept_out stands beside."""

    new: int = 0
    updated: int = 0
    unchanged: int = 0
    kept_out: int = 0
    mailable: int = 0
    unknown: int = 0
    """Rows of an import that adds nobody, whose people are no contacts."""
    still_out: int = 0
    """Of the accepted rows: people who unsubscribed before. Their fields are brought up to date, they stay out."""
    kept_out_rows: list[KeptOut] = field(default_factory=list)

    @property
    def accepted(self) -> int:
        """Rows whose person is in ops now."""
        return self.new + self.updated + self.unchanged

    def keep_out(self, row: int, reason: str) -> None:
        """Count a person who stays out, and list the first of them."""
        self.kept_out += 1
        if len(self.kept_out_rows) < MAX_KEPT_OUT_SHOWN:
            self.kept_out_rows.append(KeptOut(row, reason))

    def as_json(self) -> dict[str, Any]:
        """Plain data, for a JSON column."""
        return {
            "new": self.new,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "kept_out": self.kept_out,
            "mailable": self.mailable,
            "unknown": self.unknown,
            "still_out": self.still_out,
            "kept_out_rows": [[kept.row, kept.reason] for kept in self.kept_out_rows],
        }

    @classmethod
    def read(cls, values: dict[str, Any]) -> Counts:
        """Counts from plain data; what is missing is zero."""
        names = ("new", "updated", "unchanged", "kept_out", "mailable", "unknown", "still_out")
        numbers = {name: int(values.get(name, 0)) for name in names}
        return cls(
            **numbers, kept_out_rows=[KeptOut(int(row), str(why)) for row, why in values.get("kept_out_rows", [])]
        )


@dataclass(slots=True)
class ImportReport:
    """What an import did, or would do."""

    counts: Counts = field(default_factory=Counts)
    refused: list[Refused] = field(default_factory=list)
    refused_count: int = 0
    """All of them; `refused` holds the first ones of a large file, the CSV file has all."""
    questions: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    error: str | None = None
    message: str = ""
    import_id: int | None = None
    refused_path: Path | None = None
    contacts: list[dict[str, Any]] | None = None
    """The first accepted rows, where asked for."""

    @property
    def accepted(self) -> int:
        """Rows whose person is in ops now (or would be)."""
        return self.counts.accepted

    def as_json(self) -> dict[str, Any]:
        """The shape that `sillage contacts import --json` prints."""
        shape: dict[str, Any] = {
            "accepted": self.accepted,
            "refused": [{"row": r.row, "reason": r.reason, "value": r.value} for r in self.refused],
            "refused_count": self.refused_count,
            "new": self.counts.new,
            "updated": self.counts.updated,
            "unchanged": self.counts.unchanged,
            "kept_out": self.counts.kept_out,
            "kept_out_rows": [{"row": k.row, "reason": k.reason} for k in self.counts.kept_out_rows],
            "mailable": self.counts.mailable,
            "unknown": self.counts.unknown,
            "still_unsubscribed": self.counts.still_out,
            "questions": self.questions,
            "warnings": self.warnings,
            "error": self.error,
            "import_id": self.import_id,
            "refused_file": str(self.refused_path) if self.refused_path else None,
        }
        return shape if self.contacts is None else {**shape, "contacts": self.contacts}


def shown(contact: dict[str, Any]) -> dict[str, Any]:
    """An accepted row as it is printed: its address as written, its fields, and whether it may get marketing."""
    plain = {name: contact[name] for name in ("phone", *TEXT_FIELDS) if contact[name] is not None}
    return {
        **json.loads(contact["custom"]),
        "email": contact["shown"],
        **plain,
        "mailable": contact["reason"] is None,
        "not_mailable_because": contact["reason"],
    }


class RefusedFile:
    """The refused rows of an import as a CSV file that spreadsheets open (UTF-8 with BOM), readable by its owner."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._part = path.with_name(f"{path.name}.part")
        descriptor = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._file = os.fdopen(descriptor, "w", encoding="utf-8-sig", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow(["row", "reason", "value"])

    def add(self, rows: Iterable[tuple[int, str, str]]) -> None:
        """Add rows: number, reason, value."""
        self._writer.writerows((row, reason, neutral(value)) for row, reason, value in rows)

    def close(self) -> Path:
        """Finish the file under its own name."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._part.replace(self.path)
        return self.path

    def drop(self) -> None:
        """Leave nothing behind."""
        self._file.close()
        self._part.unlink(missing_ok=True)
