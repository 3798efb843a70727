"""A campaign: one message, or variants of it, to the people of some segments, at one time."""

from __future__ import annotations

from enum import StrEnum


class MessageKind(StrEnum):
    """Marketing needs consent; transactional and service messages don't, and still respect hard bounces."""

    MARKETING = "marketing"
    TRANSACTIONAL = "transactional"
    SERVICE = "service"


class Priority(StrEnum):
    """Who goes first where a provider's room is short, the first first."""

    URGENT = "urgent"
    AUTOMATION = "automation"
    BULK = "bulk"


def priority_of(kind: MessageKind, asked: Priority | None = None) -> Priority:
    """What was asked for; else urgent for messages that somebody waits for, bulk for marketing."""
    return asked or (Priority.BULK if kind is MessageKind.MARKETING else Priority.URGENT)


class CampaignState(StrEnum):
    """The life of a campaign.

    draft → scheduled → planning → planned → sending → waiting (only retries are left) → closed.
    Where the account wants a second person's word, `approval` comes before scheduled.
    A campaign may be `paused` while it is sending or waiting, `held` when its time passed without anybody
    there to send it, `cancelled` at any time before it is closed.
    """

    DRAFT = "draft"
    APPROVAL = "approval"
    SCHEDULED = "scheduled"
    PLANNING = "planning"
    PLANNED = "planned"
    SENDING = "sending"
    WAITING = "waiting"
    PAUSED = "paused"
    HELD = "held"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class SourceKind(StrEnum):
    """The language that a variant's content is written in."""

    MJML = "mjml"
    HTML = "html"


class Pixel(StrEnum):
    """What fills the hole of the open pixel, decided for each recipient when the message is filled."""

    INDIVIDUAL = "individual"
    ANONYMOUS = "anonymous"
    HYGIENE = "hygiene"
