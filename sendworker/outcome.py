"""From a server's reply to a recipient's next state and the events that tell it. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sillage.domain.bounce import BounceClass, classify
from sillage.domain.bounce_rules import Rule
from sillage.domain.campaign import Pixel
from sillage.domain.delivery import DeliveryState, InDoubtPolicy
from sillage.domain.diagnostic import without_addresses
from sillage.domain.eligibility import pixel_for
from sillage.domain.ids import ContactId, VariantId
from sillage.domain.retry import next_attempt_at
from sillage.lake.event import Event, EventType, event_id
from sillage.store.campaigns import Campaign
from sillage.store.deliveries import Claimed, Outcome

if TYPE_CHECKING:
    from sendworker.mailroom import Job
    from sendworker.reply import Reply


def settled(
    job: Job, reply: Reply, pixel: Pixel, *, now: datetime, chance: float, rules: tuple[Rule, ...] | None = None
) -> Outcome:
    """What a reply means for its recipient, by these rules of bounces (none given: the built-in ones)."""
    row = job.claimed
    first = row.first_attempt_at or now
    if reply.is_positive:
        event = _event(job, EventType.ACCEPTED, now, smtp_code=reply.code, opens_measured=pixel is Pixel.INDIVIDUAL)
        return _outcome(row, DeliveryState.ACCEPTED, now, first, None, event)
    host = (row.email or "").rpartition("@")[2]
    verdict = classify(reply.code, reply.status, reply.text, host=host, rules=rules)
    facts: dict[str, Any] = {
        "smtp_code": reply.code,
        "status": reply.status,
        "via": "session",
        "rule": verdict.rule,
        "diagnostic": without_addresses(reply.text),
    }
    if reply.is_transient:
        again = next_attempt_at(
            row.attempt, now, first_attempt_at=first, retry_for_s=job.campaign.retry_for_s, chance=chance
        )
        if again is not None:
            event = _event(
                job, EventType.DEFERRED, now, bounce_class=verdict.bounce_class, reason=verdict.reason, **facts
            )
            return _outcome(row, DeliveryState.DUE, again, first, verdict.reason, event)
        event = _event(job, EventType.BOUNCED, now, bounce_class=BounceClass.TRANSIENT, reason="expired", **facts)
        return _outcome(row, DeliveryState.BOUNCED, now, first, "expired", event)
    event = _event(job, EventType.BOUNCED, now, bounce_class=verdict.bounce_class, reason=verdict.reason, **facts)
    return _outcome(row, DeliveryState.BOUNCED, now, first, verdict.reason, event)


def broken(job: Job, pixel: Pixel, *, in_doubt: bool, now: datetime, chance: float) -> Outcome:
    """The session broke after MAIL FROM: doubt where the whole message had left, else another try."""
    row = job.claimed
    first = row.first_attempt_at or now
    if in_doubt:
        measured = pixel is Pixel.INDIVIDUAL
        event = _event(job, EventType.IN_DOUBT, now, reason="session_broke", opens_measured=measured)
        resend = job.campaign.in_doubt is InDoubtPolicy.RESEND
        state = DeliveryState.DUE if resend else DeliveryState.IN_DOUBT
        return _outcome(row, state, now, first, "session_broke", event)
    again = next_attempt_at(
        row.attempt, now, first_attempt_at=first, retry_for_s=job.campaign.retry_for_s, chance=chance
    )
    facts: dict[str, Any] = {"bounce_class": BounceClass.TRANSIENT, "via": "session"}
    if again is not None:
        event = _event(job, EventType.DEFERRED, now, reason="network", **facts)
        return _outcome(row, DeliveryState.DUE, again, first, "network", event)
    event = _event(job, EventType.BOUNCED, now, reason="expired", **facts)
    return _outcome(row, DeliveryState.BOUNCED, now, first, "expired", event)


def suppressed(job: Job, reason: str, *, now: datetime) -> Outcome:
    """The last look said no."""
    event = _event(job, EventType.SUPPRESSED, now, reason=reason)
    return _outcome(job.claimed, DeliveryState.SUPPRESSED, now, None, reason, event)


def skipped(row: Claimed, campaign: Campaign, reason: str, *, now: datetime) -> Outcome:
    """It was due, and is not sent: the person has got enough."""
    event = skip_event(campaign, row.contact_id, row.variant_id, row.provider, now=now, reason=reason)
    return _outcome(row, DeliveryState.SKIPPED, now, row.first_attempt_at, reason, event)


def failed(job: Job, reason: str, *, now: datetime) -> Outcome:
    """Our side failed: it can't be rendered, or no server ever answered. Never counted against the contact."""
    tried = job.claimed.attempt > 1
    event = _event(job, EventType.FAILED, now, reason=reason) if not tried else _event(
        job, EventType.BOUNCED, now, reason="expired", bounce_class=BounceClass.TRANSIENT, via="session"
    )  # fmt: skip
    state = DeliveryState.BOUNCED if tried else DeliveryState.FAILED
    return _outcome(job.claimed, state, now, None, "expired" if tried else reason, event)


def given_back(job: Job, *, due_at: datetime) -> Outcome:
    """Nothing left for this recipient: the row is due again, as if it had not been claimed."""
    row = job.claimed
    return Outcome(
        row.campaign_id, row.contact_id, DeliveryState.DUE, due_at, row.attempt - 1, row.first_attempt_at, None
    )


def doubt_event(row: Any, *, now: datetime, reason: str) -> Event:
    """The event for a row that a dead worker held."""
    return Event(
        id=event_id("in_doubt", row.campaign_id, row.contact_id, row.attempt + 1),
        type=EventType.IN_DOUBT,
        account_id=row.account_id,
        campaign_id=row.campaign_id,
        variant_id=row.variant_id,
        contact_id=row.contact_id,
        provider=row.provider,
        occurred_at=now,
        recorded_at=now,
        attempt=row.attempt + 1,
        reason=reason,
        via="worker",
        opens_measured=pixel_for(row.tracking_policy, row.untracked_pixel, row.open_tracking) is Pixel.INDIVIDUAL,
    )


def skip_event(
    campaign: Campaign,
    contact: ContactId,
    variant: VariantId,
    provider: str,
    *,
    now: datetime,
    reason: str = "cancelled",
) -> Event:
    """The event for a recipient who is passed over: of a cancelled campaign, or for having got enough."""
    return Event(
        id=event_id("skipped", campaign.id, contact),
        type=EventType.SKIPPED,
        account_id=campaign.account_id,
        campaign_id=campaign.id,
        # Whoever was held for a winner has no version yet.
        variant_id=variant or None,
        contact_id=contact,
        channel=campaign.channel,
        provider=provider,
        occurred_at=now,
        recorded_at=now,
        reason=reason,
        via="worker",
    )


def _outcome(
    row: Claimed, state: DeliveryState, due_at: datetime, first: datetime | None, reason: str | None, event: Event
) -> Outcome:
    return Outcome(row.campaign_id, row.contact_id, state, due_at, row.attempt, first, reason, (event,))


def _event(job: Job, kind: EventType, now: datetime, **facts: Any) -> Event:
    row = job.claimed
    return Event(
        id=event_id(kind, row.campaign_id, row.contact_id, row.attempt),
        type=kind,
        account_id=row.account_id,
        campaign_id=row.campaign_id,
        variant_id=row.variant_id,
        contact_id=row.contact_id,
        channel=job.campaign.channel,
        provider=row.provider,
        occurred_at=now,
        recorded_at=now,
        attempt=row.attempt,
        **facts,
    )
