"""The books of campaigns: where each recipient stands, and whether all of them are accounted for."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

from pipelines.ops import by_provider_and_state, every_account
from sillage.domain.campaign import CampaignState as S
from sillage.domain.delivery import HAND_OVER_STATES, DeliveryState
from sillage.store import campaigns
from sillage.store.campaigns import Balance, Campaign
from sillage.store.database import Store

RUNNING = (S.PLANNED, S.SENDING, S.WAITING, S.PAUSED)
_EVER = datetime(9999, 1, 1, tzinfo=UTC)
_WAITING = {DeliveryState.DUE.value, DeliveryState.HELD.value, DeliveryState.SENDING.value}


@dataclass(frozen=True, slots=True)
class Books:
    """Delivery rows of running campaigns: how many of each (provider, state)."""

    running: list[tuple[Campaign, Counter[tuple[str, str]]]]

    def by_campaign(self) -> dict[str, dict[str, int]]:
        """Rows by state, of each campaign."""
        return {f"{campaign.name} ({campaign.state})": _states(rows) for campaign, rows in self.running}

    def by_state(self) -> dict[str, int]:
        """Rows by state, of all of them, in the order of a delivery's life."""
        return _states(sum((rows for _, rows in self.running), Counter()))

    def waiting_by_provider(self) -> dict[str, int]:
        """The depth of the queue at each mailbox provider, the deepest first."""
        waiting: Counter[str] = Counter()
        for _, rows in self.running:
            for (provider, state), count in rows.items():
                if state in _WAITING:
                    waiting[provider] += count
        return dict(waiting.most_common())


def _states(rows: Counter[tuple[str, str]]) -> dict[str, int]:
    counted: Counter[str] = Counter()
    for (_, state), count in rows.items():
        counted[state] += count
    return {state.value: counted[state.value] for state in DeliveryState if counted[state.value]}


def opened(store: Store) -> Books:
    """The books of all campaigns that are planned and not over."""
    with store.read() as conn:
        running = campaigns.due(conn, states=RUNNING, before=_EVER)
        return Books([(c, by_provider_and_state(conn, c.account_id, c.id)) for c in running])


def unbalanced(store: Store) -> dict[str, str]:
    """Campaigns whose sums don't hold, with what is wrong in words. Planned ones of all accounts are looked at."""
    found: dict[str, str] = {}
    with store.read() as conn:
        for account in every_account(conn):
            for campaign in campaigns.listed(conn, account.id):
                fault = _fault(campaign, campaigns.balance(conn, account.id, campaign.id))
                if fault is not None:
                    found[f"{account.slug} / {campaign.name}"] = fault
    return found


def _fault(campaign: Campaign, balance: Balance) -> str | None:
    if campaign.audience is None:
        return None
    if balance.audience != campaign.audience:
        return f"{campaign.audience:,} planned, {balance.audience:,} accounted for"
    handed_over = sum(balance[state] for state in HAND_OVER_STATES)
    if campaign.state is S.CLOSED and handed_over != campaign.audience:
        return f"closed with {campaign.audience - handed_over:,} recipients in no hand-over state"
    return None
