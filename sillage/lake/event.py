"""The event: what happened, once, to whom, by id only.

`sillage.lake.meaning` says for each type who writes it and what it does; `docs/events.md` is made from it.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum

import msgspec

SCHEMA_VERSION = 1


class EventType(StrEnum):
    """Everything that can happen. Who writes it, and what it does to the metrics: `sillage.lake.meaning`."""

    PLANNED = "planned"
    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    BOUNCED = "bounced"
    FAILED = "failed"
    SUPPRESSED = "suppressed"
    SKIPPED = "skipped"
    IN_DOUBT = "in_doubt"
    OPENED = "opened"
    CLICKED = "clicked"
    UNSUBSCRIBED = "unsubscribed"
    COMPLAINED = "complained"
    AUTOREPLIED = "autoreplied"
    CONSENTED = "consented"
    WITHDREW = "withdrew"
    IMPORTED = "imported"
    ERASED = "erased"
    SHARED = "shared"
    PAGE_VIEWED = "page_viewed"
    CONVERTED = "converted"
    JUDGED = "judged"
    DECIDED = "decided"
    ENTERED = "entered"
    LEFT = "left"


class Event(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One event. Times are UTC; what is personal (ip, agent, diagnostic) goes to `event_personal` in the lake.

    `id` is deterministic (see `event_id`), so that a replay is the same event and a second open another one.
    """

    id: uuid.UUID
    type: EventType
    account_id: int
    occurred_at: datetime
    recorded_at: datetime
    version: int = SCHEMA_VERSION
    campaign_id: int | None = None
    variant_id: int | None = None
    contact_id: int | None = None
    channel: str = "email"
    provider: str | None = None
    is_test: bool = False
    attempt: int | None = None
    link: int | None = None
    """Number of the link within its variant, from 1."""
    smtp_code: int | None = None
    status: str | None = None
    """Enhanced status code, RFC 3463."""
    bounce_class: str | None = None
    reason: str | None = None
    via: str | None = None
    """How it reached us: session, mail, feedback_loop, one_click, page, mailto, import, worker …"""
    purpose: str | None = None
    opens_measured: bool | None = None
    """On `accepted`: whether the pixel names the person, who may then be counted as an opener or as none."""
    is_machine: bool | None = None
    rule: str | None = None
    rule_version: int | None = None
    subject_id: uuid.UUID | None = None
    """The event that this one speaks of (`judged`)."""
    value: float | None = None
    """Money of a conversion, in the account's currency, to the cent."""
    count: int | None = None
    page: str | None = None
    """Address of a page that was seen, without its query."""
    segment_id: int | None = None
    """The saved segment that a contact entered or left."""
    ip: str | None = None
    """Already truncated to /24 or /48 by its writer."""
    agent: str | None = None
    diagnostic: str | None = None
    """What a server said, with addresses taken out by its writer."""


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Event)


def encode(event: Event) -> bytes:
    """An event as it lies in an outbox."""
    return _ENCODER.encode(event)


def decode(body: bytes) -> Event:
    """Raises: msgspec.ValidationError where the body is no event."""
    return _DECODER.decode(body)


def event_id(*parts: object) -> uuid.UUID:
    """The id of the event that these facts name: the same facts, the same event."""
    text = "\x1f".join(map(str, parts))
    return uuid.UUID(int=int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "big"))


def numbered_ids(stream: str) -> Callable[[int], str]:
    """The ids of a stream's events by their number, as 32 hexadecimal digits: `event_id(stream, number)`, faster."""
    begun = hashlib.blake2b(f"{stream}\x1f".encode(), digest_size=16)

    def of(number: int) -> str:
        digest = begun.copy()
        digest.update(b"%d" % number)
        return digest.hexdigest()

    return of
