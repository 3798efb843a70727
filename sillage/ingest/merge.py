"""Accepted rows into ops: who is new, who changes, who stays out; with consent, its proof, and the group.

A row never takes anything away: an empty cell leaves what is there. Nobody who left comes back by a file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import sqlalchemy as sa

from sillage.domain.consent import CONSENT_LASTS, Basis, Channel, ConsentState, NotMailable, Purpose
from sillage.domain.contact import TEXT_FIELDS
from sillage.domain.ids import AccountId, GroupId, ImportId
from sillage.ingest.report import Counts
from sillage.ingest.rows import ACCEPTED
from sillage.store import consent, contacts, groups, imports
from sillage.store.columns import to_micros
from sillage.store.consent import Current
from sillage.store.contacts import Held
from sillage.tokens import derive_key

EMAIL, PHONE = Channel.EMAIL, Channel.WHATSAPP
GRANTED, WITHDRAWN = ConsentState.GRANTED.value, ConsentState.WITHDRAWN.value
# Words of enumerations, taken out once: asking a member for its value costs as much as a dictionary.
MARKETING, OPEN_TRACKING = Purpose.MARKETING.value, Purpose.OPEN_TRACKING.value
REFUSED, UNSUBSCRIBED = NotMailable.REFUSED.value, NotMailable.UNSUBSCRIBED.value
CONSENT, ON_EMAIL = Basis.CONSENT.value, Channel.EMAIL.value
_SAID = {REFUSED: f"{consent.SAID_NO}, ", UNSUBSCRIBED: "unsubscribed, "}
_TRACKING = (OPEN_TRACKING, Purpose.CLICK_TRACKING.value)
_LASTS = CONSENT_LASTS // (CONSENT_LASTS.resolution)
_FIRST_FIELD = ACCEPTED.index(TEXT_FIELDS[0])
_AFTER_FIELDS = _FIRST_FIELD + len(TEXT_FIELDS)


class Row(NamedTuple):
    """An accepted row. Moments in microseconds; `custom` is JSON text; hashes are keyed."""

    row: int
    email: str | None
    phone: str | None
    provider: str
    fields: tuple[str | None, ...]
    custom: str
    marketing: str | None
    at: int | None
    reason: str | None
    tracking: str | None
    source: str | None
    ip: str | None
    email_hash: bytes | None
    phone_hash: bytes | None


def rows_of(accepted: Sequence[tuple[Any, ...]], secret: str) -> list[Row]:
    """Rows of a judged frame (values of ACCEPTED), with their hashes."""
    found: list[Row] = []
    # As tokens.address_hash does it, with the key derived once for all rows: a test holds the two together.
    digest = partial(hashlib.blake2b, key=derive_key(secret, "suppression"), digest_size=16)
    for values in accepted:
        row, email, _, provider, phone = values[:_FIRST_FIELD]
        custom, marketing, at, reason, tracking, source, ip = values[_AFTER_FIELDS:]
        email_hash = digest(email.encode()).digest() if email else None
        phone_hash = digest(phone.encode()).digest() if phone else None
        fields = values[_FIRST_FIELD:_AFTER_FIELDS]
        found.append(
            Row(row, email, phone, provider, fields, custom, marketing, at, reason, tracking, source, ip,
                email_hash, phone_hash)
        )  # fmt: skip
    return found


@dataclass(frozen=True, slots=True)
class Job:
    """What all rows of an import have in common. `import_id` is 0 in a dry run."""

    account_id: AccountId
    import_id: ImportId
    group_id: GroupId | None
    file_name: str
    started_at: datetime
    started_us: int
    """The same in microseconds."""
    basis: str = CONSENT
    declared_by: str = ""
    wording: str = ""
    wording_version: str = ""


class Act(NamedTuple):
    """A line for the ledger, without its contact and origin."""

    purpose: str
    state: str
    at: int
    proof: str
    source: str


@dataclass(slots=True)
class Plan:
    """What a chunk of rows comes to: decided by reading only."""

    new: list[tuple[Row, str | None]] = field(default_factory=list)
    """With the phone number that it may have: None where somebody else has it."""
    changed: list[tuple[Any, ...]] = field(default_factory=list)
    first_acts: list[tuple[int, Row]] = field(default_factory=list)
    """Contacts that are there and had no line in the ledger."""
    more_acts: list[tuple[int, list[Act]]] = field(default_factory=list)
    joined: list[int] = field(default_factory=list)
    phone_was_taken: bool = False


def plan_chunk(conn: sa.Connection, job: Job, rows: Sequence[Row], counts: Counts) -> Plan:
    """Decide what becomes of some rows, and count it."""
    plan = Plan()
    account_id = job.account_id
    stopped = consent.suppressed(conn, account_id, EMAIL, [r.email_hash for r in rows if r.email_hash])
    stopped |= consent.suppressed(conn, account_id, PHONE, [r.phone_hash for r in rows if r.phone_hash and not r.email])
    held = contacts.held_by_email(conn, account_id, [r.email for r in rows if r.email])
    by_phone = contacts.held_by_phone(conn, account_id, [r.phone for r in rows if r.phone])
    found = [*held.values(), *by_phone.values()]
    ids = {h.id for h in found}
    now = consent.current_of(conn, account_id, EMAIL, ids)
    sealed = imports.sealed_among(conn, account_id, {h.import_id for h in found if h.import_id is not None})
    members = groups.members_among(conn, account_id, job.group_id, ids) if job.group_id is not None else set()
    for row in rows:
        known = held.get(row.email) if row.email else by_phone.get(row.phone or "")
        current = now.get(known.id) if known else None
        why = stopped.get((row.email_hash if row.email else row.phone_hash) or b"")
        if why is None and row.marketing == GRANTED and current is not None and current.marketing == WITHDRAWN:
            why = UNSUBSCRIBED
        if why is not None:
            counts.keep_out(row.row, why)
            continue
        counts.mailable += row.reason is None
        owner = by_phone.get(row.phone) if row.phone else None
        may_have_phone = owner is None or (known is not None and owner.id == known.id)
        plan.phone_was_taken |= not may_have_phone
        if known is None:
            plan.new.append((row, row.phone if may_have_phone else None))
            counts.new += 1
            continue
        is_changed = _merge(plan, job, row, known, sealed, may_have_phone=may_have_phone)
        is_changed |= _agree(plan, job, row, known.id, current)
        if job.group_id is not None and known.id not in members:
            plan.joined.append(known.id)
            is_changed = True
        counts.updated += is_changed
        counts.unchanged += not is_changed
    return plan


def _merge(plan: Plan, job: Job, row: Row, held: Held, sealed: set[int], *, may_have_phone: bool) -> bool:
    fields = tuple(new or old for new, old in zip(row.fields, held.fields, strict=True))
    custom = held.custom
    if row.custom not in ("{}", held.custom):
        old, new = json.loads(held.custom), json.loads(row.custom)
        merged = {**old, **new}
        if merged != old:
            custom = json.dumps(merged, ensure_ascii=False, separators=(",", ":"))
    phone = row.phone if row.phone and may_have_phone else held.phone
    provider = row.provider if row.email else held.provider
    is_changed = (fields, custom, phone, provider) != (held.fields, held.custom, held.phone, held.provider)
    # A contact of an import that nobody has sealed yet is this import's as well, so that it is seen with it.
    is_open = held.import_id is not None and held.import_id not in sealed and held.import_id != job.import_id
    if is_changed or is_open:
        phone_hash = row.phone_hash if phone == row.phone else None
        seen_with = job.import_id if is_open else held.import_id
        plan.changed.append((phone, phone_hash, provider, *fields, custom, seen_with, held.id))
    return is_changed


def _agree(plan: Plan, job: Job, row: Row, contact_id: int, current: Current | None) -> bool:
    if row.email is None or (row.marketing is None and row.tracking is None):
        return False
    if current is None:
        plan.first_acts.append((contact_id, row))
        return True
    acts = [act for act in acts_of(row, job) if _is_news(act, current)]
    if acts:
        plan.more_acts.append((contact_id, acts))
    return bool(acts)


def _is_news(act: Act, current: Current) -> bool:
    if act.purpose == MARKETING:
        if current.marketing is None:
            return True
        is_later = current.marketing_at is None or act.at > current.marketing_at
        # One who left stays out; what was said before the present consent does not undo it.
        return current.marketing == GRANTED and is_later
    held = current.open_tracking if act.purpose == OPEN_TRACKING else current.click_tracking
    return held is None or (held == GRANTED and act.state == WITHDRAWN)


def acts_of(row: Row, job: Job) -> list[Act]:
    """The lines that a row adds to the ledger of a contact that has none."""
    started = job.started_us
    source = row.source or f"file {job.file_name}"
    proof = f"row {row.row}, ip {row.ip}" if row.ip else f"row {row.row}"
    acts: list[Act] = []
    if row.marketing is not None:
        acts.append(
            Act(
                MARKETING,
                row.marketing,
                row.at if row.at is not None else started,
                _SAID.get(row.reason or "", "") + proof,
                source,
            )
        )
    if row.tracking is not None:
        # A refusal counts from the day on which the file says so: it must win over an older yes.
        at = row.at if row.at is not None and row.tracking == GRANTED else started
        acts += [Act(purpose, row.tracking, at, proof, source) for purpose in _TRACKING]
    return acts


class Writer:
    """Writes plans of one import; knows the rows that say where consent comes from."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._origins: dict[str, int] = {}

    def forget(self) -> None:
        """After a transaction that was taken back: what it wrote is not there."""
        self._origins = {}

    def write(self, conn: sa.Connection, plan: Plan, now: datetime) -> None:
        """Write a plan in the caller's transaction.

        Raises: an integrity error where somebody else was faster with an address or a number: plan it again.
        """
        job, at = self._job, to_micros(now)
        ids = contacts.reserve_ids(conn, len(plan.new))
        contacts.insert_many(
            conn,
            [
                (
                    contact_id, job.account_id, row.email, row.email_hash, phone, row.phone_hash if phone else None,
                    row.provider, *row.fields, row.custom, "import", job.import_id, at, at,
                )
                for contact_id, (row, phone) in zip(ids, plan.new, strict=True)
            ],
        )  # fmt: skip
        contacts.change_many(conn, job.account_id, [(*values[:-1], at, values[-1]) for values in plan.changed])
        self._write_acts(conn, plan, ids, at)
        if job.group_id is not None:
            groups.add_members(
                conn, job.account_id, job.group_id, [*ids, *plan.joined], now=now, import_id=job.import_id
            )

    def _write_acts(self, conn: sa.Connection, plan: Plan, ids: Sequence[int], at: int) -> None:
        job = self._job
        acts: list[tuple[Any, ...]] = []
        states: list[tuple[Any, ...]] = []
        first = [(i, row) for i, (row, _) in zip(ids, plan.new, strict=True) if row.email]
        for contact_id, row in (*first, *plan.first_acts):
            lines = acts_of(row, job)
            if not lines:
                continue
            acts += [self._line(conn, contact_id, act, at) for act in lines]
            marketing_at = lines[0].at if row.marketing is not None else None
            lapses = lines[0].at + _LASTS if row.marketing == GRANTED else None
            states.append(
                (
                    contact_id, ON_EMAIL, job.account_id, row.marketing, self._basis(row.marketing), marketing_at,
                    lapses, row.tracking, row.tracking,
                )
            )  # fmt: skip
        acts += [self._line(conn, contact_id, act, at) for contact_id, lines in plan.more_acts for act in lines]
        consent.insert_acts(conn, acts)
        consent.insert_current(conn, states)
        if plan.more_acts:
            consent.recompute(conn, job.account_id, EMAIL, [contact_id for contact_id, _ in plan.more_acts])

    def _basis(self, state: str | None) -> str | None:
        if state is None:
            return None
        return self._job.basis if state == GRANTED else CONSENT

    def _line(self, conn: sa.Connection, contact_id: int, act: Act, at: int) -> tuple[Any, ...]:
        job = self._job
        origin_id = self._origins.get(act.source)
        if origin_id is None:
            origin_id = self._origins[act.source] = consent.origin(
                conn,
                job.account_id,
                source=act.source,
                now=job.started_at,
                wording=job.wording,
                wording_version=job.wording_version,
                declared_by=job.declared_by or None,
                import_id=job.import_id,
            )
        basis = self._basis(act.state) if act.purpose == MARKETING else CONSENT
        return (
            job.account_id, contact_id, ON_EMAIL, act.purpose, act.state, basis, origin_id, act.proof, act.at, at,
        )  # fmt: skip
