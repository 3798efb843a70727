"""Consent: what a person agreed to, by channel and purpose. Current consent is a function of the ledger."""

from __future__ import annotations

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
    """What an act of consent says."""

    GRANTED = "granted"
    WITHDRAWN = "withdrawn"


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


def current(acts: list[ConsentAct]) -> dict[tuple[Channel, Purpose], ConsentAct]:
    """The last act for each channel and purpose; of two at the same moment the withdrawal wins.

    A ledger is written as acts become known, not in the order in which they happened: `occurred_at` decides.
    """
    newest: dict[tuple[Channel, Purpose], ConsentAct] = {}
    for act in acts:
        key = (act.channel, act.purpose)
        held = newest.get(key)
        if held is None or _rank(act) >= _rank(held):
            newest[key] = act
    return newest


def _rank(act: ConsentAct) -> tuple[datetime, bool]:
    return act.occurred_at, act.state is ConsentState.WITHDRAWN


def lapses_at(granted_at: datetime, last_act_at: datetime | None) -> datetime:
    """The moment from which a consent needs to be confirmed: 3 years after the person's last act."""
    return max(granted_at, last_act_at or granted_at) + CONSENT_LASTS
