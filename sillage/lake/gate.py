"""The consent gate: the last look at an event before it may name a person in the lake.

The tracker judges by the links that it sees; what a person agreed to is asked here, at the present state, old
mails included. Nothing that was kept out here can be brought back from the lake.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from sillage.domain.consent import ConsentState
from sillage.domain.ids import AccountId, ContactId
from sillage.lake.event import Event, EventType
from sillage.store.tracking_consent import TrackingConsent, TrackingPolicy

HYGIENE = "hygiene"
_TRACKED = frozenset({EventType.OPENED, EventType.CLICKED, EventType.SHARED})
_STRICTEST = TrackingPolicy(needs_grant=True, keeps_ip=False, keeps_agent=False)
_SILENT = TrackingConsent()


@dataclass(frozen=True, slots=True)
class HygieneOpen:
    """Only the day of a contact's last open: noted in ops, overwritten, no event."""

    account_id: AccountId
    contact_id: ContactId
    day: str


def pass_through(
    event: Event, policy: TrackingPolicy | None, consent: TrackingConsent | None
) -> Event | HygieneOpen | None:
    """The event as the lake may hold it, or what ops notes in its place, or None where nothing is kept.

    No policy (no such account) counts as the strictest.
    """
    held = policy or _STRICTEST
    if event.type is EventType.OPENED and event.via == HYGIENE:
        return _hygiene(event)
    if event.type is EventType.JUDGED and event.contact_id is not None:
        # It speaks of an event that may have lost its contact on the way in: the subject alone says whose it is.
        return msgspec.structs.replace(event, contact_id=None)
    if needs_consent(event) and not _may_name(event, held, consent or _SILENT):
        return msgspec.structs.replace(event, contact_id=None, ip=None, agent=None, diagnostic=None)
    if (event.ip is not None and not held.keeps_ip) or (event.agent is not None and not held.keeps_agent):
        return msgspec.structs.replace(
            event, ip=event.ip if held.keeps_ip else None, agent=event.agent if held.keeps_agent else None
        )
    return event


def needs_consent(event: Event) -> bool:
    """Whether the event may only name its contact if the person agreed to be tracked."""
    return event.contact_id is not None and event.type in _TRACKED


def _may_name(event: Event, policy: TrackingPolicy, consent: TrackingConsent) -> bool:
    state = consent.opens if event.type is EventType.OPENED else consent.clicks
    return state is ConsentState.GRANTED if policy.needs_grant else state is not ConsentState.WITHDRAWN


def _hygiene(event: Event) -> HygieneOpen | None:
    # A machine that fetched the pixel says nothing of the person.
    if event.contact_id is None or event.is_machine:
        return None
    return HygieneOpen(AccountId(event.account_id), ContactId(event.contact_id), event.occurred_at.date().isoformat())
