"""What a worker claims next: the urgent first, campaigns in fair turns at each provider, within every limit.

All of it happens in the transaction of a window; what it remembers between windows (whose turn it is) is a courtesy and
no promise, so that a transaction that is taken back needs no memory to be taken back with it.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from sillage.domain import fair, quota
from sillage.domain.campaign import MessageKind, Priority
from sillage.domain.ids import AccountId, CampaignId, ContactId
from sillage.store import campaigns, deliveries, frequency, quotas
from sillage.store.accounts import Account
from sillage.store.campaigns import Campaign
from sillage.store.deliveries import Claimed
from sillage.store.quotas import Slot

LOOK_AGAIN_S = 0.2
"""How long it is believed which providers a campaign has due rows at: a claim that finds none forgets it."""
WARMUP_KNOWN_S = 0.5

Key = tuple[CampaignId, ContactId]


@dataclass(frozen=True, slots=True)
class Hold:
    """What was set aside for a claimed row, to be given back where it does not leave."""

    slots: tuple[Slot, ...] = ()
    counted_on: int | None = None
    """The day that the contact's message was counted on, for the frequency cap."""


@dataclass(slots=True)
class Claims:
    """What one window claimed."""

    rows: list[tuple[Claimed, Campaign]] = field(default_factory=list)
    too_often: list[tuple[Claimed, Campaign]] = field(default_factory=list)
    """Claimed, but their contacts have got enough: to be skipped."""
    holds: dict[Key, Hold] = field(default_factory=dict)


class Chooser:
    """Chooses for one worker."""

    def __init__(self, worker_id: int) -> None:
        self._worker_id = worker_id
        self._turn = 0
        self._credit: dict[str, dict[CampaignId, float]] = {}
        self._waiting: dict[CampaignId, tuple[float, list[str]]] = {}
        self._domains: dict[int, str] = {}
        self._warmups: dict[tuple[AccountId, str], tuple[float, int | None]] = {}

    def waiting(self, conn: sa.Connection, running: Iterable[Campaign]) -> dict[str, list[Campaign]]:
        """Campaigns with due rows, by provider; providers take turns at being first."""
        now = time.monotonic()
        found: dict[str, list[Campaign]] = defaultdict(list)
        known, self._waiting = self._waiting, {}
        for campaign in running:
            until, providers = known.get(campaign.id, (0.0, []))
            if now >= until:
                until, providers = now + LOOK_AGAIN_S, deliveries.providers_due(conn, campaign.id)
            self._waiting[campaign.id] = (until, providers)
            for provider in providers:
                found[provider].append(campaign)
        self._turn += 1
        names = sorted(found)
        start = self._turn % max(len(names), 1)
        return {name: found[name] for name in names[start:] + names[:start]}

    def claim(
        self,
        conn: sa.Connection,
        waiting: Mapping[str, list[Campaign]],
        accounts: Mapping[AccountId, Account],
        room: Mapping[str, int],
        total: int,
        now: datetime,
    ) -> Claims:
        """Claim what there is room for: `room` by provider, `total` over all of them."""
        claims = Claims()
        limits = _Limits(conn, {c.id: self._slots(conn, c, now) for cs in waiting.values() for c in cs})
        for provider, candidates in waiting.items():
            left = min(room.get(provider, 0), total - len(claims.rows))
            for priority in Priority:
                level = [c for c in candidates if c.priority is priority]
                if level and left > 0:
                    left -= self._share_out(conn, provider, level, left, limits, claims, now)
        self._count(conn, claims, accounts, now)
        limits.write(conn, claims)
        return claims

    def _share_out(
        self,
        conn: sa.Connection,
        provider: str,
        level: list[Campaign],
        room: int,
        limits: _Limits,
        claims: Claims,
        now: datetime,
    ) -> int:
        """Give campaigns of one priority their parts, then what some leave to those that want more; how many went."""
        weights = {c.id: c.weight for c in level if limits.left(c.id) is None or limits.left(c.id)}
        given, credit = fair.allot(room, weights, self._credit.get(provider, {}))
        hungry: list[Campaign] = []
        taken = 0
        for campaign in level:
            asked = given.get(campaign.id, 0)
            got = self._take(conn, provider, campaign, asked, limits, claims, now)
            taken += got
            if asked and got == asked:
                hungry.append(campaign)
            elif asked:
                # It wanted less than its part: nothing is owed to it.
                credit[campaign.id] = 0.0
        for campaign in hungry:
            taken += self._take(conn, provider, campaign, room - taken, limits, claims, now)
        self._credit[provider] = credit
        return taken

    def _take(
        self,
        conn: sa.Connection,
        provider: str,
        campaign: Campaign,
        limit: int,
        limits: _Limits,
        claims: Claims,
        now: datetime,
    ) -> int:
        most = limits.left(campaign.id)
        limit = limit if most is None else min(limit, most)
        if limit <= 0:
            return 0
        rows = deliveries.claim_due(
            conn, campaign.id, provider=provider, worker_id=self._worker_id, now=now, limit=limit
        )
        if not rows:
            self._waiting.pop(campaign.id, None)
        limits.take(campaign.id, len(rows))
        hold = Hold(limits.slots(campaign.id), quota.day_of(now) if campaign.kind is MessageKind.MARKETING else None)
        for row in rows:
            claims.rows.append((row, campaign))
            claims.holds[row.campaign_id, row.contact_id] = hold
        return len(rows)

    def _slots(self, conn: sa.Connection, campaign: Campaign, now: datetime) -> dict[Slot, int]:
        """The limits that a campaign is under now, with what each lets in all."""
        found: dict[Slot, int] = {}
        if campaign.per_hour is not None:
            minute = quota.minute_of(now)
            slot = Slot(f"campaign:{campaign.id}", minute, quota.end_of_minute(minute))
            found[slot] = quota.minute_cap(campaign.per_hour, minute)
        if campaign.kind is MessageKind.MARKETING:
            domain = self._domain(conn, campaign)
            started = self._warmup(conn, campaign.account_id, domain)
            day = quota.day_of(now)
            cap = None if started is None else quota.warmup_cap(started, day)
            if cap is not None:
                found[Slot(f"warmup:{campaign.account_id}:{domain}", day, quota.end_of_day(day))] = cap
        return found

    def _warmup(self, conn: sa.Connection, account_id: AccountId, domain: str) -> int | None:
        """The first day of a domain's warm-up, asked again twice a second and not in each window."""
        until, started = self._warmups.get((account_id, domain), (0.0, None))
        if time.monotonic() >= until:
            started = quotas.warmup_of(conn, account_id, domain)
            self._warmups[account_id, domain] = (time.monotonic() + WARMUP_KNOWN_S, started)
        return started

    def _domain(self, conn: sa.Connection, campaign: Campaign) -> str:
        if campaign.sender_id not in self._domains:
            sender = campaigns.sender(conn, campaign.account_id, campaign.sender_id)
            self._domains[campaign.sender_id] = sender.email.rpartition("@")[2].lower()
        return self._domains[campaign.sender_id]

    @staticmethod
    def _count(conn: sa.Connection, claims: Claims, accounts: Mapping[AccountId, Account], now: datetime) -> None:
        """Count marketing messages of contacts, and put aside those that have got enough.

        Somebody claimed twice in one window (by two campaigns) is counted once after the other.
        """
        day = quota.day_of(now)
        too_often: set[Key] = set()
        for account_id, people in _rounds(claims.rows):
            account, contacts = accounts[account_id], list(people)
            frequency.count(conn, account_id, contacts, day=day)
            over: set[ContactId] = set()
            if account.frequency_cap is not None:
                over = frequency.over(
                    conn, account_id, contacts, cap=account.frequency_cap, days=account.frequency_days, day=day
                )
                frequency.uncount(conn, [(contact, day) for contact in over])
            for contact in over:
                row, campaign = people[contact]
                too_often.add((row.campaign_id, contact))
                claims.too_often.append((row, campaign))
                del claims.holds[row.campaign_id, contact]
        if too_often:
            claims.rows = [(r, c) for r, c in claims.rows if (r.campaign_id, r.contact_id) not in too_often]


def _rounds(
    rows: Iterable[tuple[Claimed, Campaign]],
) -> list[tuple[AccountId, dict[ContactId, tuple[Claimed, Campaign]]]]:
    """Marketing rows by account, each contact once a round: all in the first, who was claimed twice in a second too.

    All contacts are locked in the first rounds, in order of accounts and contacts, so no two workers wait in a ring.
    """
    rounds: list[dict[AccountId, dict[ContactId, tuple[Claimed, Campaign]]]] = []
    nth: dict[ContactId, int] = defaultdict(int)
    for row, campaign in rows:
        if campaign.kind is not MessageKind.MARKETING:
            continue
        if nth[row.contact_id] == len(rounds):
            rounds.append(defaultdict(dict))
        rounds[nth[row.contact_id]][row.account_id][row.contact_id] = (row, campaign)
        nth[row.contact_id] += 1
    return [(account, by_account[account]) for by_account in rounds for account in sorted(by_account)]


class _Limits:
    """What campaigns may still send within their limits, while a window is put together."""

    def __init__(self, conn: sa.Connection, caps: Mapping[CampaignId, Mapping[Slot, int]]) -> None:
        self._slots = {campaign: tuple(slots) for campaign, slots in caps.items() if slots}
        used = quotas.used(conn, [slot for slots in self._slots.values() for slot in slots])
        self._left = {slot: cap - used[slot] for slots in caps.values() for slot, cap in slots.items()}

    def left(self, campaign: CampaignId) -> int | None:
        """Messages that a campaign may still send now; None where it is under no limit."""
        slots = self._slots.get(campaign)
        return max(0, min(self._left[s] for s in slots)) if slots else None

    def slots(self, campaign: CampaignId) -> tuple[Slot, ...]:
        """The limits that a campaign is under."""
        return self._slots.get(campaign, ())

    def take(self, campaign: CampaignId, count: int) -> None:
        for slot in self.slots(campaign):
            self._left[slot] -= count

    @staticmethod
    def write(conn: sa.Connection, claims: Claims) -> None:
        """Use up what the claimed rows need; what is skipped needs nothing."""
        used: dict[Slot, int] = defaultdict(int)
        for hold in claims.holds.values():
            for slot in hold.slots:
                used[slot] += 1
        quotas.add(conn, used.items())
