"""What stands in the ledger: its tables, its rows, and how each is written."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from sendworker.postoffice.errands import ErrandKind, Planned
from sendworker.postoffice.letter import Head

SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
  id INTEGER PRIMARY KEY, recipient TEXT NOT NULL, person TEXT NOT NULL, mail_from TEXT NOT NULL,
  message_id TEXT, campaign TEXT, variant TEXT, account TEXT, subject TEXT NOT NULL, size INTEGER NOT NULL,
  accepted_at REAL NOT NULL, accepted_wall REAL NOT NULL, duplicate_of INTEGER REFERENCES messages(id)
) STRICT;
CREATE INDEX IF NOT EXISTS messages_by_message_id ON messages(message_id, person);
CREATE TABLE IF NOT EXISTS raws (message INTEGER PRIMARY KEY REFERENCES messages(id), body BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS refusals (
  id INTEGER PRIMARY KEY, recipient TEXT NOT NULL, person TEXT NOT NULL, mail_from TEXT NOT NULL,
  stage TEXT NOT NULL CHECK (stage IN ('rcpt', 'data')),
  reason TEXT NOT NULL CHECK (reason IN ('refused', 'deferred', 'greylisted', 'alone')),
  code INTEGER NOT NULL, reply TEXT NOT NULL, message_id TEXT, campaign TEXT, variant TEXT,
  refused_at REAL NOT NULL, refused_wall REAL NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS refusals_by_person ON refusals(person, reason);
CREATE TABLE IF NOT EXISTS errands (
  id INTEGER PRIMARY KEY, message INTEGER NOT NULL REFERENCES messages(id), kind TEXT NOT NULL, channel TEXT NOT NULL,
  planned_at REAL NOT NULL, due_at REAL NOT NULL, progress INTEGER NOT NULL DEFAULT 0, tries INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX IF NOT EXISTS errands_by_due ON errands(channel, due_at, id);
CREATE INDEX IF NOT EXISTS errands_by_message ON errands(message);
CREATE TABLE IF NOT EXISTS actions (
  id INTEGER PRIMARY KEY, message INTEGER NOT NULL REFERENCES messages(id), kind TEXT NOT NULL, via TEXT NOT NULL,
  is_machine INTEGER NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL, status INTEGER, outcome TEXT NOT NULL,
  location TEXT, repeat INTEGER NOT NULL, retries INTEGER NOT NULL, at REAL NOT NULL, answered_at REAL NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS actions_by_message ON actions(message, kind);
"""
_COMPRESSION = 1


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message that one recipient's mailbox takes."""

    recipient: str
    mail_from: str
    head: Head
    raw: bytes
    accepted_at: float
    accepted_wall: float
    planned: tuple[Planned, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A 4xx or 5xx that was answered for a recipient. `reason`: refused, deferred, greylisted or alone."""

    recipient: str
    mail_from: str
    stage: str
    reason: str
    reply: str
    head: Head | None
    refused_at: float
    refused_wall: float


@dataclass(frozen=True, slots=True)
class Errand:
    """Something that a person is going to do. `progress` counts the steps that are done."""

    id: int
    message: int
    kind: ErrandKind
    planned_at: float
    progress: int
    tries: int


@dataclass(frozen=True, slots=True)
class Done:
    """One step that is done. `at` and `answered_at` are wall seconds; `status` is HTTP's or SMTP's code."""

    kind: str
    via: str
    is_machine: bool
    method: str
    path: str
    status: int | None
    outcome: str
    location: str | None
    repeat: int
    retries: int
    at: float
    answered_at: float


@dataclass(frozen=True, slots=True)
class Kept:
    """A message as an errand finds it."""

    recipient: str
    mail_from: str
    message_id: str | None
    campaign: str | None
    accepted_at: float
    raw: bytes


def accept(conn: sqlite3.Connection, arrival: Arrival) -> tuple[int, bool]:
    """Write a message that was taken and its errands; its number, and whether it is the person's first copy."""
    person, head = arrival.recipient.lower(), arrival.head
    first = None
    if head.message_id is not None:
        first = conn.execute(
            "SELECT id FROM messages WHERE message_id = ? AND person = ? ORDER BY id LIMIT 1", (head.message_id, person)
        ).fetchone()
    [(number,)] = conn.execute(
        "INSERT INTO messages (recipient, person, mail_from, message_id, campaign, variant, account, subject, size,"
        " accepted_at, accepted_wall, duplicate_of) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (
            arrival.recipient,
            person,
            arrival.mail_from,
            head.message_id,
            head.campaign,
            head.variant,
            head.account,
            head.subject,
            len(arrival.raw),
            arrival.accepted_at,
            arrival.accepted_wall,
            first[0] if first else None,
        ),
    ).fetchall()
    if first is None and arrival.planned:
        body = zlib.compress(arrival.raw, _COMPRESSION)
        conn.execute("INSERT INTO raws (message, body) VALUES (?, ?)", (number, body))
        conn.executemany(
            "INSERT INTO errands (message, kind, channel, planned_at, due_at) VALUES (?, ?, ?, ?, ?)",
            [
                (number, p.kind.value, p.kind.channel.value, arrival.accepted_at + p.wait, arrival.accepted_at + p.wait)
                for p in arrival.planned
            ],
        )
    return number, first is None


def postpone(conn: sqlite3.Connection, messages: Iterable[int], seconds: float) -> None:
    """Put off all that follows from these messages."""
    conn.executemany(
        "UPDATE errands SET planned_at = planned_at + ?, due_at = due_at + ? WHERE message = ?",
        [(seconds, seconds, message) for message in messages],
    )


def refuse(conn: sqlite3.Connection, refusal: Refusal) -> None:
    """Write a refusal."""
    head = refusal.head
    conn.execute(
        "INSERT INTO refusals (recipient, person, mail_from, stage, reason, code, reply, message_id, campaign, variant,"
        " refused_at, refused_wall) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            refusal.recipient,
            refusal.recipient.lower(),
            refusal.mail_from,
            refusal.stage,
            refusal.reason,
            int(refusal.reply[:3]),
            refusal.reply,
            head.message_id if head else None,
            head.campaign if head else None,
            head.variant if head else None,
            refusal.refused_at,
            refusal.refused_wall,
        ),
    )


def finish(conn: sqlite3.Connection, errand: Errand, done: list[Done]) -> None:
    """Write the last steps of an errand and take it from the list."""
    _insert_actions(conn, errand.message, done)
    conn.execute("DELETE FROM errands WHERE id = ?", (errand.id,))
    # The raw mail is kept for as long as somebody has something to do with it.
    conn.execute(
        "DELETE FROM raws WHERE message = ? AND NOT EXISTS (SELECT 1 FROM errands WHERE message = ?)",
        (errand.message, errand.message),
    )


def put_off(
    conn: sqlite3.Connection, errand: Errand, done: list[Done], *, progress: int, tries: int, due_at: float
) -> None:
    """Write the steps that are done, and when the errand goes on."""
    _insert_actions(conn, errand.message, done)
    conn.execute(
        "UPDATE errands SET progress = ?, tries = ?, due_at = ? WHERE id = ?", (progress, tries, due_at, errand.id)
    )


def _insert_actions(conn: sqlite3.Connection, message: int, done: list[Done]) -> None:
    conn.executemany(
        "INSERT INTO actions (message, kind, via, is_machine, method, path, status, outcome, location, repeat, retries,"
        " at, answered_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                message,
                d.kind,
                d.via,
                d.is_machine,
                d.method,
                d.path,
                d.status,
                d.outcome,
                d.location,
                d.repeat,
                d.retries,
                d.at,
                d.answered_at,
            )
            for d in done
        ],
    )
