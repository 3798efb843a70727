"""Sign-ups: what decides whether a confirmation mail leaves, so that nobody's mailbox can be flooded through us.

Whatever the decision, the visitor is told the same: the page never says whether an address is known.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sillage.domain.eligibility import UNREACHABLE

APART = timedelta(hours=24)
"""Two confirmation mails to one mailbox are so far apart at least, whichever accounts they are of."""
UNANSWERED, WITHIN = 3, timedelta(days=30)
"""After so many mails that nobody answered, a mailbox gets no more for a while."""
VALID_FOR = timedelta(days=7)
NETWORK_PER_HOUR = 20
NAME_LENGTH = 60
# A person who was erased and signs up again asks for it themselves.
NEVER_MAILED = frozenset({*UNREACHABLE, "manual"} - {"erased"})
_ADDRESS_IN_NAME = re.compile(r"https?:|www\.|[@/\\<>{}\[\]]|\.\w{2,}\b", re.IGNORECASE)


class SignupState(StrEnum):
    """due → sending → mailed → confirmed or expired; `failed`: a server refused the mail for good."""

    DUE = "due"
    SENDING = "sending"
    MAILED = "mailed"
    FAILED = "failed"
    CONFIRMED = "confirmed"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier sign-up of the same mailbox, in any account."""

    is_same_account: bool
    state: SignupState
    created_at: datetime
    due_at: datetime
    mailed_at: datetime | None


def mail_at(earlier: Sequence[Earlier], *, suppressed: str | None, now: datetime) -> datetime | None:
    """When the confirmation mail of a new sign-up leaves; None where none does."""
    if suppressed in NEVER_MAILED:
        return None
    coming = [one for one in earlier if one.state in {SignupState.DUE, SignupState.SENDING}]
    if any(one.is_same_account for one in coming):
        return None
    mailed = [one for one in earlier if one.mailed_at is not None and now - one.mailed_at < WITHIN]
    latest = max((one.mailed_at for one in mailed if one.mailed_at is not None), default=None)
    fresh = [one for one in mailed if one.is_same_account and one.mailed_at and now - one.mailed_at < APART]
    if fresh:
        return None
    open_ones = [one for one in mailed if one.state is not SignupState.CONFIRMED]
    if len(open_ones) + len(coming) >= UNANSWERED:
        return None
    moments = [one.due_at for one in coming] + ([latest] if latest is not None else [])
    return max([now, *(moment + APART for moment in moments)])


def clean_name(text: str) -> str | None:
    """A name as a person has one: no address in it, and short; None where there is nothing of the kind."""
    name = " ".join("".join(c for c in text if c.isprintable()).split())
    return name if name and len(name) <= NAME_LENGTH and not _ADDRESS_IN_NAME.search(name) else None
