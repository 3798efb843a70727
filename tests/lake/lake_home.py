"""An installation in a temporary directory: settings, ops, one account with contacts, and a tracker's journal."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from sillage.lake.event import Event, EventType, encode, event_id
from sillage.settings import Settings
from sillage.store import outbox
from sillage.store.database import Store
from sillage.store.tables import accounts, consents, contacts

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SECRET = "0123456789abcdef0123456789abcdef"


@dataclass
class Installation:
    """What a test of the lake works on."""

    settings: Settings
    store: Store
    account_id: int = 1

    def contact(self, contact_id: int, *, opens: str | None = None, clicks: str | None = None) -> int:
        """Add a contact with these consents to tracking; a row of consents only where one is said."""
        with self.store.write() as conn:
            conn.execute(
                contacts.insert().values(
                    id=contact_id,
                    account_id=self.account_id,
                    email=f"c{contact_id}@gmail.example",
                    created_at=NOON,
                    updated_at=NOON,
                )
            )
            if opens or clicks:
                conn.execute(
                    consents.insert().values(
                        contact_id=contact_id,
                        channel="email",
                        account_id=self.account_id,
                        open_tracking=opens,
                        click_tracking=clicks,
                    )
                )
        return contact_id

    def record(self, *events: Event) -> None:
        """Put events into the outbox of ops."""
        with self.store.write() as conn:
            outbox.record(conn, events)

    def waiting(self) -> int:
        """How many events wait in ops."""
        with self.store.read() as conn:
            return len(outbox.waiting(conn, 1_000_000))

    def set_account(self, **values: object) -> None:
        """Change a setting of the account."""
        with self.store.write() as conn:
            conn.execute(sa.update(accounts).where(accounts.c.id == self.account_id).values(**values))

    def journal(self, name: str = "tracker-1") -> Path:
        """Make an empty journal, as the tracker does."""
        self.settings.journal_dir.mkdir(parents=True, exist_ok=True)
        path = self.settings.journal_dir / f"{name}.sqlite"
        con = sqlite3.connect(path)
        con.executescript(
            "pragma journal_mode = wal;"
            "create table stream (name text);"
            "create table outbox (seq integer primary key autoincrement, body blob);"
        )
        con.execute("insert into stream values (?)", (f"stream-of-{name}",))
        con.commit()
        con.close()
        return path


def append(path: Path, *bodies: bytes) -> None:
    """Write events into a journal."""
    con = sqlite3.connect(path)
    con.executemany("insert into outbox (body) values (?)", [(b,) for b in bodies])
    con.commit()
    con.close()


def event(number: object, kind: EventType = EventType.ACCEPTED, **fields: object) -> Event:
    """An event at noon, named by its number."""
    values: dict[str, object] = {"account_id": 1, "campaign_id": 1, "occurred_at": NOON, "recorded_at": NOON}
    return Event(id=event_id("test", number), type=kind, **{**values, **fields})  # type: ignore[arg-type]


def body(number: object, kind: EventType = EventType.ACCEPTED, **fields: object) -> bytes:
    """The same, as it lies in an outbox."""
    return encode(event(number, kind, **fields))
