"""A delivery: one recipient of one campaign, on the way to exactly one hand-over state."""

from __future__ import annotations

from enum import StrEnum


class DeliveryState(StrEnum):
    """Where a recipient stands. The last six are the hand-over states, in which the books must balance."""

    DUE = "due"
    HELD = "held"
    SENDING = "sending"
    ACCEPTED = "accepted"
    BOUNCED = "bounced"
    FAILED = "failed"
    SUPPRESSED = "suppressed"
    SKIPPED = "skipped"
    IN_DOUBT = "in_doubt"


HAND_OVER_STATES = (
    DeliveryState.ACCEPTED,
    DeliveryState.BOUNCED,
    DeliveryState.FAILED,
    DeliveryState.SUPPRESSED,
    DeliveryState.SKIPPED,
    DeliveryState.IN_DOUBT,
)


class InDoubtPolicy(StrEnum):
    """What happens to a message that may or may not have been taken when its worker died."""

    RESEND = "resend"
    HOLD = "hold"
