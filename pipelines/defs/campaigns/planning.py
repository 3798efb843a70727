"""Which campaigns are to be planned now."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sillage.domain.campaign import CampaignState as S
from sillage.store.campaigns import Campaign

AHEAD = timedelta(minutes=15)
"""Business time before it leaves: planning a million recipients takes seconds, mending a plan that fails minutes."""
ABANDONED_S = 30.0
"""A campaign that has been `planning` for so long without a run of ours was left by a planner that was killed."""


def work_of(campaign: Campaign) -> str:
    """The name of the work that planning a campaign for its time is."""
    return f"plan {campaign.id} {campaign.send_at.isoformat() if campaign.send_at else ''}"


@dataclass(frozen=True, slots=True)
class Seen:
    """Since when (seconds since 1970) campaigns have been seen `planning`."""

    planning_since: dict[str, float] = field(default_factory=dict)

    def looked(self, near: Sequence[Campaign], now: float) -> "Seen":
        """After one more look."""
        planning = [str(c.id) for c in near if c.state is S.PLANNING]
        return Seen({key: self.planning_since.get(key, now) for key in planning})

    def is_free(self, campaign: Campaign, now: float) -> bool:
        """Whether no planner of somebody else's is at work on it."""
        return campaign.state is S.SCHEDULED or now - self.planning_since[str(campaign.id)] >= ABANDONED_S
