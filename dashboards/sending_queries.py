"""What the page of sending asks of ops: the queue, what each provider lets through, what is in doubt. Cached."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dashboards.freshness import DETAILS_S, cached
from dashboards.shell import Desk
from sillage.campaign.live import why_not
from sillage.store import queue, rates
from sillage.store.queue import Deferred, Depth
from sillage.store.rates import Standing

CALM_S = 15.0


@dataclass(frozen=True, slots=True)
class Sending:
    """Sending at one moment."""

    as_of: datetime
    depths: list[Depth]
    standings: dict[str, Standing]
    """By provider; of all accounts, since they share the providers."""
    deferrals: list[Deferred]
    in_doubt: dict[str, int]

    @property
    def sent_per_second(self) -> float:
        """Messages that leave in a second, over all providers."""
        return sum(s.sent_per_second for s in self.standings.values())


@cached(DETAILS_S)
def sending(desk: Desk) -> Sending:
    """The queue of the account's running campaigns."""
    now = desk.now()
    with desk.store.read() as conn:
        return Sending(
            now,
            queue.depths(conn, desk.account_id),
            {s.provider: s for s in rates.standings(conn, channel="email")},
            queue.deferrals(conn, desk.account_id),
            queue.in_doubt(conn, desk.account_id),
        )


@cached(CALM_S, waits=False)
def blocked(desk: Desk) -> bool:
    """Whether nothing may leave, since this is a copy of an installation, or one that was restored."""
    return why_not(desk.store, desk.settings) is not None
