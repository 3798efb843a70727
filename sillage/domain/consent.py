"""Consent: what a person agreed to, by channel and purpose. Current consent is a function of the ledger.

The function looks at moments, never at the order of lines: acts become known late, twice and out of order. Its laws:
of several acts the latest holds, of two at one moment the withdrawal; somebody who left comes back only by an act that
is marked as a return (a confirmed double opt-in, or one person's later proof), never by a file; and a consent lapses
three years after the last act of the person, in a chain without a gap.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Channel(StrEnum):
    """How a message reaches a person."""

    EMAIL = "email"
    WHATSAPP = "whatsapp"


class Purpose(StrEnum):
    """What a person agrees to, each on its own."""

    MARKETING = "marketing"
    OPEN_TRACKING = "open_tracking"
    CLICK_TRACKING = "click_tracking"


class ConsentState(StrEnum):
    """What holds after an act of consent."""

    GRANTED = "granted"
    WITHDRAWN = "withdrawn"


RENEWED = "renewed"
"""The state of a ledger's line that grants nothing: an act of the person (a click, a purchase, a reply) within it."""


class Basis(StrEnum):
    """The legal ground. The last two are off until an account turns them on."""

    CONSENT = "consent"
    EXISTING_CUSTOMER = "existing_customer"
    PROFESSIONAL = "professional"


class NotMailable(StrEnum):
    """Why a marketing message may not leave for a person."""

    UNSUBSCRIBED = "unsubscribed"
    REFUSED = "consent_refused"
    MISSING = "consent_missing"
    TOO_OLD = "consent_too_old"
    DATE_INVALID = "consent_date_invalid"
    DATE_IN_FUTURE = "consent_date_in_future"


# CNIL, "Référentiel relatif aux traitements de gestion des activités commerciales" (2022), 6.2: three years
# after the end of the relation or the last contact that came from the person.
CONSENT_LASTS = timedelta(days=3 * 365 + 1)


@dataclass(frozen=True, slots=True)
class ConsentAct:
    """One line of the ledger: a person, or somebody on proof of it, granted or withdrew one purpose."""

    channel: Channel
    purpose: Purpose
    state: ConsentState
    occurred_at: datetime
    basis: Basis = Basis.CONSENT
    proof: str = ""
    is_return: bool = False
    """A grant that may bring back somebody who left: confirmed by them, or proven for them alone."""


@dataclass(frozen=True, slots=True)
class Renewal:
    """An act of the person that puts the end of their consent off. An open is none: programs open mails."""

    channel: Channel
    occurred_at: datetime


def current(acts: Iterable[ConsentAct]) -> dict[tuple[Channel, Purpose], ConsentAct]:
    """The act that holds for each channel and purpose. The order of the lines and their repetition don't matter."""
    by_key: dict[tuple[Channel, Purpose], list[ConsentAct]] = {}
    for act in acts:
        by_key.setdefault((act.channel, act.purpose), []).append(act)
    return {key: _holding(of_key) for key, of_key in by_key.items()}


def _holding(acts: list[ConsentAct]) -> ConsentAct:
    left = max((act for act in acts if act.state is ConsentState.WITHDRAWN), key=_when, default=None)
    grants = [act for act in acts if act.state is ConsentState.GRANTED]
    if left is None:
        return max(grants, key=_rank)
    back = [act.occurred_at for act in grants if act.is_return and act.occurred_at > left.occurred_at]
    if not back:
        return left
    return max((act for act in grants if act.occurred_at >= min(back)), key=_rank)


def _when(act: ConsentAct) -> tuple[datetime, str, str, bool]:
    # Of two in the same instant one must win whatever their order.
    return act.occurred_at, act.proof, act.basis.value, act.is_return


def _rank(act: ConsentAct) -> tuple[bool, datetime, bool, str, str]:
    # A person's own consent weighs more than a customer relation that a later file tells of.
    return act.basis is Basis.CONSENT, act.occurred_at, act.is_return, act.basis.value, act.proof


def lapses_at(granted_at: datetime, *acted_at: datetime | None) -> datetime:
    """The moment from which a consent needs to be confirmed: 3 years after the person's last act.

    An act that came after that moment finds nothing to put off: what has lapsed stays so until it is confirmed.
    """
    lapse = granted_at + CONSENT_LASTS
    for moment in sorted(act for act in acted_at if act is not None):
        if granted_at <= moment < lapse:
            lapse = moment + CONSENT_LASTS
    return lapse
