"""One drain: what waits in every outbox goes into the lake, exactly once.

The rows go into the lake in one transaction, each with its stream and place in it; then the outboxes forget them.
Whoever dies in between leaves rows that the lake holds and an outbox still shows: when a stream is seen for the
first time (and after any failed drain) the lake is asked which of the waiting rows it has. A largest number would
not do: in PostgreSQL a smaller one can be committed later.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

import duckdb
import msgspec
import pyarrow as pa
import sqlalchemy as sa
import structlog

from sillage.domain.consent import Channel
from sillage.domain.ids import AccountId, ContactId
from sillage.domain.judge import current_rules
from sillage.errors import TransientError
from sillage.lake import catalog, maintenance, schema
from sillage.lake.erasing import Eraser
from sillage.lake.event import Event, EventType, decode
from sillage.lake.gate import HygieneOpen, needs_consent, pass_through
from sillage.lake.rejudge import Rejudge
from sillage.lake.rows import Entry, events_table, misfit, personal_table
from sillage.lake.sources import Journal, OpsOutbox, Source, journals
from sillage.settings import Settings
from sillage.store import renewals, tracking_consent
from sillage.store.database import Store
from sillage.store.tracking_consent import TrackingConsent, TrackingPolicy

BATCH = 10_000
ACTS = frozenset({EventType.CLICKED, EventType.CONVERTED})
"""What only a person does; an open is done by programs too."""
# What a full disk, a lock or an ops that is down raises: the events wait where they are.
RECOVERABLE = (duckdb.Error, sqlite3.Error, sa.exc.SQLAlchemyError, OSError, TransientError)

log = structlog.get_logger()


@dataclass(slots=True)
class Drained:
    """What one drain did."""

    events: int = 0
    anonymised: int = 0
    hygiene: int = 0
    refused: int = 0
    replayed: int = 0
    is_full: bool = False
    """Whether some outbox had more than a batch: drain again at once."""

    def __iadd__(self, other: Drained) -> Drained:  # noqa: PYI034  # the class is final in spirit
        self.events += other.events
        self.anonymised += other.anonymised
        self.hygiene += other.hygiene
        self.refused += other.refused
        self.replayed += other.replayed
        return self

    def __bool__(self) -> bool:
        return bool(self.events or self.hygiene or self.refused or self.replayed)


@dataclass(frozen=True, slots=True)
class _Refused:
    stream: str
    stream_seq: int
    body: bytes
    error: str


@dataclass(slots=True)
class _Batch:
    """What one drain holds in hand: by source what to forget, and what to write first."""

    taken: list[tuple[Source, list[int]]] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    refused: list[_Refused] = field(default_factory=list)
    hygiene: list[HygieneOpen] = field(default_factory=list)


class Collector:
    """The lake's writer. Hold `catalog.sole_writer` around its life."""

    def __init__(
        self, settings: Settings, store: Store, *, batch: int = BATCH, kept_min: int = maintenance.KEPT_MIN
    ) -> None:
        self._settings = settings
        self._store = store
        self._batch = batch
        self._ops = OpsOutbox(store)
        self._held: dict[str, set[int]] = {}
        self._con, self._next_seq = _writer(settings)
        self._rejudge = self._watch()
        self.upkeep = maintenance.Upkeep(self._con)
        self._eraser = Eraser(settings, store, kept_min=kept_min)

    def drain(self, *, with_ops: bool = True) -> Drained:
        """Carry what waits now into the lake, at most a batch from each outbox; without `with_ops` from journals alone.

        Raises: one of `RECOVERABLE`; call `reopen()` before the next drain.
        """
        done = Drained()
        batch = _Batch()
        for source in self._sources(with_ops=with_ops):
            done.is_full |= self._take(source, batch, done)
        batch.entries += self._rejudge.take(batch.entries)
        self._leave_out_erased(batch)
        self._ask_consent(batch, done)
        self._note_hygiene(batch.hygiene)
        self._renew_consents(batch.entries)
        if batch.entries or batch.refused:
            self._commit(batch)
        for source, seqs in batch.taken:
            source.drop(seqs)
        done.events += len(batch.entries)
        done.refused += len(batch.refused)
        return done

    def erase(self, *, idle_s: float | None = None) -> int:
        """Carry out what can be done now of the erasures that wait; how many of them came a step further.

        Raises: one of `RECOVERABLE`; call `reopen()` before the next drain.
        """
        idle_s = self.upkeep.idle_s if idle_s is None else idle_s
        return self._eraser.work(lambda: self._con, self.reopen, idle_s=idle_s)

    def reopen(self) -> None:
        """Start afresh after an error: nothing is known of what reached the lake."""
        self._con.close()
        self._held.clear()
        self._con, self._next_seq = _writer(self._settings)
        self._rejudge = self._watch()
        self.upkeep.con = self._con

    def close(self) -> None:
        """Give the connection back."""
        self._con.close()

    def _watch(self) -> Rejudge:
        return Rejudge(self._con, current_rules(), self._settings.clock, last_seq=self._next_seq - 1)

    def _sources(self, *, with_ops: bool) -> list[Source]:
        return [*([self._ops] if with_ops else []), *journals(self._settings.journal_dir)]

    def _take(self, source: Source, batch: _Batch, done: Drained) -> bool:
        """Read one outbox into the batch; true where it has more."""
        try:
            stream, rows = source.waiting(self._batch)
        except sqlite3.Error as exc:
            if not isinstance(source, Journal):
                raise
            # A journal that is being made, or is none: the others go on.
            log.warning("journal.unreadable", file=source.path.name, error=str(exc))
            return False
        if not rows:
            # Whatever is written from now on can't be in the lake already.
            if stream:
                self._held.setdefault(stream, set())
            return False
        held = self._held_of(stream, rows[0][0])
        for seq, body in rows:
            if seq in held:
                done.replayed += 1
            else:
                self._read(stream, seq, body, batch)
        batch.taken.append((source, [seq for seq, _ in rows]))
        return len(rows) >= self._batch

    @staticmethod
    def _read(stream: str, seq: int, body: bytes, batch: _Batch) -> None:
        try:
            event = decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
            batch.refused.append(_Refused(stream, seq, body, f"{type(exc).__name__}: {exc}"))
        else:
            batch.entries.append(Entry(stream, seq, event))

    def _held_of(self, stream: str, first_waiting: int) -> set[int]:
        if stream not in self._held:
            found = self._con.execute(
                "select stream_seq from lake.main.events where stream = $1 and stream_seq >= $2"
                " union all select stream_seq from lake.main.refused where stream = $1 and stream_seq >= $2",
                [stream, first_waiting],
            ).fetchall()
            self._held[stream] = {row[0] for row in found}
        return self._held[stream]

    def _ask_consent(self, batch: _Batch, done: Drained) -> None:
        """Send each event through the gate, at the state of consent that ops holds now."""
        policies, consents = self._consents(entry.event for entry in batch.entries)
        kept: list[Entry] = []
        for entry in batch.entries:
            event = entry.event
            said = consents.get((event.account_id, event.channel, event.contact_id or 0))
            passed = pass_through(event, policies.get(event.account_id), said)
            if isinstance(passed, Event):
                done.anonymised += needs_consent(event) and passed.contact_id is None
                kept.append(entry if passed is event else Entry(entry.stream, entry.stream_seq, passed))
            else:
                done.hygiene += 1
                if passed is not None:
                    batch.hygiene.append(passed)
        batch.entries = kept

    def _leave_out_erased(self, batch: _Batch) -> None:
        """What comes late for somebody who was erased names nobody."""
        erased = self._eraser.erased
        erased.learn(self._store)
        kept: list[Entry] = []
        for entry in batch.entries:
            passed = erased.pass_through(entry.event)
            if passed is entry.event:
                kept.append(entry)
            elif passed is not None:
                kept.append(Entry(entry.stream, entry.stream_seq, passed))
        batch.entries = kept

    def _consents(
        self, events: Iterable[Event]
    ) -> tuple[dict[int, TrackingPolicy], dict[tuple[int, str, int], TrackingConsent]]:
        accounts: set[int] = set()
        asked: dict[tuple[int, str], set[ContactId]] = defaultdict(set)
        for event in events:
            accounts.add(event.account_id)
            if needs_consent(event):
                asked[event.account_id, event.channel].add(ContactId(event.contact_id or 0))
        policies: dict[int, TrackingPolicy] = {}
        said: dict[tuple[int, str, int], TrackingConsent] = {}
        if not accounts:
            return policies, said
        with self._store.read() as conn:
            for account in accounts:
                policy = tracking_consent.policy(conn, AccountId(account))
                if policy is not None:
                    policies[account] = policy
            for (account, channel), contacts in asked.items():
                current = tracking_consent.current(conn, AccountId(account), channel, contacts)
                said.update({(account, channel, contact): consent for contact, consent in current.items()})
        return policies, said

    def _note_hygiene(self, opens: list[HygieneOpen]) -> None:
        by_account: dict[AccountId, dict[ContactId, str]] = defaultdict(dict)
        for seen in opens:
            days = by_account[seen.account_id]
            days[seen.contact_id] = max(seen.day, days.get(seen.contact_id, ""))
        for account, days in by_account.items():
            with self._store.write() as conn:
                tracking_consent.note_last_open(conn, account, days)

    def _renew_consents(self, entries: list[Entry]) -> None:
        """What a person did puts the end of their consent off. Only what the lake may hold under their name counts."""
        acted: dict[tuple[AccountId, Channel, EventType], dict[ContactId, datetime]] = defaultdict(dict)
        for event in (entry.event for entry in entries):
            contact_id = event.contact_id or 0
            if event.type in ACTS and contact_id > 0 and not event.is_machine and not event.is_test:
                held = acted[AccountId(event.account_id), Channel(event.channel), event.type]
                contact = ContactId(contact_id)
                held[contact] = max(event.occurred_at, held.get(contact, event.occurred_at))
        for (account, channel, kind), acts in acted.items():
            with self._store.write() as conn:
                renewals.renew(conn, account, channel, acts, source=kind.value, now=self._settings.clock.now())

    def _commit(self, batch: _Batch) -> None:
        try:
            events, personal = events_table(batch.entries, self._next_seq), personal_table(batch.entries)
        except (ValueError, OverflowError, pa.ArrowException):
            # One event does not fit its columns: it is put aside, the others go on.
            self._put_aside(batch)
            events, personal = events_table(batch.entries, self._next_seq), personal_table(batch.entries)
        con = self._con
        con.execute("begin")
        try:
            self._insert("events", events, schema.EVENTS)
            self._insert("event_personal", personal, schema.PERSONAL)
            for refused in batch.refused:
                con.execute(
                    "insert into lake.main.refused values ($1, $2, now(), $3, $4)",
                    [refused.stream, refused.stream_seq, refused.error, refused.body],
                )
            con.execute("commit")
        except BaseException:
            # It may have been committed all the same: ask the lake before these are written again.
            self._held.clear()
            raise
        self._next_seq += len(batch.entries)
        self.upkeep.wrote(len(batch.entries))

    def _insert(self, name: str, rows: pa.Table, columns: dict[str, str]) -> None:
        if rows.num_rows == 0:
            return
        self._con.register("arriving", rows)
        casts = ", ".join(f'"{column}"::{kind}' for column, kind in columns.items())
        self._con.execute(f"insert into lake.main.{name} select {casts} from arriving")
        self._con.unregister("arriving")

    @staticmethod
    def _put_aside(batch: _Batch) -> None:
        fitting: list[Entry] = []
        for entry in batch.entries:
            fault = misfit(entry)
            if fault is None:
                fitting.append(entry)
            else:
                body = msgspec.json.encode(entry.event)
                batch.refused.append(_Refused(entry.stream, entry.stream_seq, body, fault))
        batch.entries = fitting


def _writer(settings: Settings) -> tuple[duckdb.DuckDBPyConnection, int]:
    """The lake, open for writing, and the next number of its sequence."""
    con = catalog.connect(settings)
    try:
        # On all cores a commit costs twice as much processor time (55 ms for 29), and is done no sooner.
        con.execute("set threads = 1")
        catalog.attach_lake(con, settings, read_only=False)
        schema.create(con)
        found = con.execute("select coalesce(max(lake_seq), 0) + 1 from lake.main.events").fetchone()
    except duckdb.Error:
        con.close()
        raise
    return con, int(found[0]) if found else 1
