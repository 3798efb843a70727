"""An import undone: what it made goes, what it changed is as it was; what was touched since stays, and is listed."""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import structlog

from sillage.domain.ids import AccountId, ImportId
from sillage.errors import Refused
from sillage.ingest import originals
from sillage.ingest.pace import Pace, aim_of
from sillage.settings import Settings
from sillage.store import files, imports, undoing
from sillage.store.database import Store
from sillage.store.imports import Import
from sillage.store.undoing import Part

STAYED = "import_stayed"
KEPT_FOR = timedelta(days=90)
MAX_SHOWN = 1_000
_COST = 10.0

log = structlog.get_logger()


@dataclass(slots=True)
class UndoReport:
    """What undoing an import did, in contacts."""

    import_id: ImportId
    dropped: int = 0
    restored: int = 0
    stayed: dict[int, str] = field(default_factory=dict)
    """Contacts that somebody touched since, and how: edited, consent, mailed, in_a_group."""
    stayed_path: Path | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain data; of a long list the first ones, the CSV file has all."""
        return {
            "import_id": self.import_id,
            "dropped": self.dropped,
            "restored": self.restored,
            "stayed_count": len(self.stayed),
            "stayed": [{"contact_id": i, "reason": why} for i, why in sorted(self.stayed.items())[:MAX_SHOWN]],
            "stayed_file": str(self.stayed_path) if self.stayed_path else None,
        }


def undo_import(store: Store, settings: Settings, account_id: AccountId, import_id: ImportId) -> UndoReport:
    """Undo an import, sealed or at work. From the first moment on nothing that it made is seen.

    Raises: NotFound; Refused where there is nothing to undo.
    """
    with store.write() as conn:
        one = imports.get(conn, account_id, import_id)
        if not imports.begin_undo(conn, account_id, import_id):
            raise Refused(f"import {import_id} is {one.state.value}: there is nothing to undo")
    # A running import sees that it was ended at its next chunk, and gives up its turn.
    with originals.turn(one.file_path, waits=True):
        with store.read() as conn:
            one = imports.get(conn, account_id, import_id)
        return undo_left(store, settings, one)


def undo_left(store: Store, settings: Settings, one: Import) -> UndoReport:
    """Undo what is left of an import, by whoever has the turn at its file. After a kill in between, do it again."""
    report = UndoReport(one.id)
    with store.write() as conn:
        imports.begin_undo(conn, one.account_id, one.id)
    report.dropped = _walk(store, one, undoing.drop_made, report)
    report.restored = _walk(store, one, undoing.restore_changed, report)
    for step in (undoing.unsay_consent, undoing.leave_group, undoing.rejoin_group, undoing.forget_changes):
        _walk(store, one, step, report)
    if report.stayed:
        report.stayed_path = _list(store, settings, one, report.stayed)
    with store.write() as conn:
        if not report.stayed:
            undoing.forget_origins(conn, one)
        imports.end_undo(conn, one.account_id, one.id, counts={**one.counts, "undo": report.as_json()})
    log.info(
        "import.undone", import_id=one.id, account_id=one.account_id, dropped=report.dropped, restored=report.restored,
        stayed=len(report.stayed),
    )  # fmt: skip
    return report


def _walk(
    store: Store, one: Import, step: Callable[[sa.Connection, Import, int, int], Part], report: UndoReport
) -> int:
    """Do a step part by part, each in a transaction of its own that is cut by time."""
    pace, after, done = Pace(per_row=_COST, aim_s=aim_of(is_sqlite=store.is_sqlite)), 0, 0
    while True:
        limit = pace.rows
        with store.write() as conn:
            begun = time.monotonic()
            part = step(conn, one, after, limit)
        pace.learn(limit, limit * _COST, time.monotonic() - begun)
        done += part.done
        report.stayed.update(part.stayed)
        if part.last is None:
            return done
        after = part.last


def _list(store: Store, settings: Settings, one: Import, stayed: dict[int, str]) -> Path:
    place = originals.place_of_refused(settings, one.account_id, one.id).with_name(f"import-{one.id}-stayed.csv")
    now = settings.clock.now()
    with store.write() as conn:
        files.register(conn, one.account_id, STAYED, place, now, now + KEPT_FOR)
    place.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["contact_id", "reason"])
        writer.writerows(sorted(stayed.items()))
    return place
