"""Mail of the installation itself (alerts, tests, reports): handed over one by one, and tried again with patience."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sendworker.handover import hand_over
from sendworker.routes import Router
from sendworker.session import Letter, Loss
from sillage.errors import PermanentError, Refused, SillageError, TransientError

FAULTS = (SillageError, OSError)
"""What a try may fail by; all else is a defect."""
_LONGEST_TOLD = 500


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one try: `state` is sent, due (again at `due_at`) or failed, and what was said."""

    state: str
    due_at: datetime
    error: str | None


@dataclass(frozen=True, slots=True)
class Patience:
    """How often something is tried, and how long after each vain try again: the last wait holds for all that follow."""

    most: int
    waits_s: tuple[int, ...] = ()

    def is_over(self, exc: Exception, attempt: int) -> bool:
        """Whether this fault, after so many vain tries before, is the last."""
        return isinstance(exc, PermanentError) or attempt + 1 >= self.most

    def tried(self, send: Callable[[], None], attempt: int, now: datetime) -> Tried:
        """Try once, after so many vain tries before."""
        try:
            send()
        except FAULTS as exc:
            wait = timedelta(seconds=self.waits_s[min(attempt, len(self.waits_s) - 1)])
            return Tried("failed" if self.is_over(exc, attempt) else "due", now + wait, str(exc)[:_LONGEST_TOLD])
        return Tried("sent", now, None)


async def hand_to_server(router: Router, sender: str, recipient: str, message: bytes) -> None:
    """Hand one message over by the installation's way.

    Raises: Refused for good; TransientError where no server took it now.
    """
    [(_, fate)] = await hand_over([Letter(sender, recipient, message)], router)
    if isinstance(fate, Loss):
        raise TransientError("no mail server took it: " + fate.name.lower())
    if not fate.is_positive:
        said = f"{fate.code} {fate.text}"
        raise TransientError(said) if fate.is_transient else Refused(said)
