"""The mailroom: what a worker asks of ops. Every method is one short transaction (or a few), run in one thread."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
import sqlalchemy as sa
import structlog

from sendworker import outcome as outcomes_of
from sendworker.claim import Chooser, Claims, Hold, Key
from sendworker.reaper import Reaper, take_back
from sendworker.scheduler import Scheduler
from sillage.campaign.prepare import prepare
from sillage.clock import Clock
from sillage.content.message import Compiled
from sillage.domain.campaign import CampaignState as S
from sillage.domain.delivery import DeliveryState
from sillage.domain.ids import AccountId, CampaignId, VariantId
from sillage.domain.pace import Rate
from sillage.errors import PermanentError
from sillage.settings import Settings
from sillage.store import accounts, bounces, campaigns, deliveries, frequency, queue, quotas, rates, workers
from sillage.store.accounts import Account
from sillage.store.campaigns import Campaign
from sillage.store.database import Store
from sillage.store.deliveries import Claimed, FencedError, Outcome
from sillage.store.queue import Depth
from sillage.store.rates import Feedback

log = structlog.get_logger()

LEASE_S = 5.0
CHANNEL = "email"
ACCOUNTS_KNOWN_S = 0.5
ASK_AGAIN_S = 0.5
"""How long a worker that got nothing of a provider waits before it asks for a share again."""
A_GAP = timedelta(hours=1)
"""Business time between two windows of one worker that makes it ask whether anybody was sending meanwhile."""
_WALL = Clock()


class Job(msgspec.Struct, frozen=True, gc=False):
    """A claimed row with its campaign and account, ready to be decided upon."""

    claimed: Claimed
    campaign: Campaign
    account: Account
    claimed_at: float
    """time.monotonic() of the claim."""


class Mailroom:
    """One worker's dealings with ops."""

    def __init__(self, store: Store, settings: Settings, name: str) -> None:
        self._store = store
        self._settings = settings
        # A number alone could be another's, in an ops that was restored under a running worker.
        self._name = f"{name}:{secrets.token_hex(4)}"
        now = settings.clock.now()
        with store.write() as conn:
            self._hold_late(conn, now)
            self.worker_id = workers.enrol(conn, self._name, lease_s=LEASE_S, now=now)
        self.lease_ends = time.monotonic() + LEASE_S
        self.running: frozenset[CampaignId] = frozenset()
        """Campaigns that ran when the last window was claimed: what waits of others goes back."""
        self.shares: dict[str, Rate] = {}
        """What this worker may use of each provider that it has claimed for."""
        self._ask_again_at: dict[str, float] = {}
        self._chooser = Chooser(self.worker_id)
        self._scheduler = Scheduler(store, settings)
        self._reaper = Reaper(store, self.worker_id)
        self._accounts: dict[AccountId, Account] = {}
        self._accounts_until = 0.0
        self._compiled: dict[VariantId, Compiled] = {}
        self._ready: set[CampaignId] = set()
        self._holds: dict[Key, Hold] = {}
        self._looked_at = now
        self._beats = 0
        self._in_question: frozenset[Key] | None = None
        """Where the answer to a commit was lost: the rows that it settled, if it did."""

    def window(self, outcomes: Sequence[Outcome], room: Mapping[str, int], default_room: int, total: int) -> list[Job]:
        """Settle the last window and claim the next, in one transaction.

        `room` says how many messages each provider's lane can take (others: `default_room`), `total` how many all
        of them may take. After a TransientError it may be called again with the same outcomes, whether or not they
        were committed. Raises: FencedError.
        """
        now = self._settings.clock.now()
        with self._store.write() as conn:
            fresh = self._unsettled(conn, outcomes)
            if now - self._looked_at > A_GAP:
                # Before this worker says that it is there: a clock that jumped is hours in which nobody was.
                self._hold_late(conn, now)
            if not workers.renew(conn, self.worker_id, self._name, now=now):
                raise FencedError(f"worker {self.worker_id} was taken for dead")
            self._in_question = frozenset((o.campaign_id, o.contact_id) for o in outcomes)
            self._settle(conn, fresh, now)
            claims = self._claim(conn, room, default_room, total, now)
            # Nobody sees this beat before the commit, so nobody counts from an earlier moment; and a window that took
            # long (a disk that is busy, a queue of writers) leaves a lease to send in.
            beaten_at = time.monotonic()
        self._in_question = None
        self._beats += 1
        for outcome in outcomes:
            self._holds.pop((outcome.campaign_id, outcome.contact_id), None)
        self._holds |= claims.holds
        self._looked_at = now
        self.lease_ends = beaten_at + LEASE_S
        at = time.monotonic()
        return [Job(row, campaign, self._accounts[campaign.account_id], at) for row, campaign in claims.rows]

    def _unsettled(self, conn: sa.Connection, outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
        """Of these, those that are not committed yet: after an answer that was lost, the beats tell.

        What that commit claimed is given back: no job of it has reached a lane.
        """
        if self._in_question is None:
            return outcomes
        beats = workers.beats(conn, self.worker_id)
        if beats is None or beats == self._beats:
            return outcomes
        known = self._holds.keys() - self._in_question
        strays = deliveries.release(conn, self.worker_id, but=known)
        log.warning("window.was_committed", settled=len(self._in_question), given_back=len(strays))
        self._beats = beats
        return [o for o in outcomes if (o.campaign_id, o.contact_id) not in self._in_question]

    def _settle(self, conn: sa.Connection, outcomes: Sequence[Outcome], now: datetime) -> None:
        deliveries.settle(conn, self.worker_id, outcomes)
        bounces.follow(conn, [event for outcome in outcomes for event in outcome.events], now=now)
        self._give_back(conn, outcomes)

    def _give_back(self, conn: sa.Connection, outcomes: Sequence[Outcome]) -> None:
        """What was set aside for messages that did not leave, or that no server has kept, is free again."""
        uncounted, unused = [], []
        for outcome in outcomes:
            hold = self._holds.get((outcome.campaign_id, outcome.contact_id))
            if hold is None:
                continue
            if hold.counted_on is not None and outcome.state not in {DeliveryState.ACCEPTED, DeliveryState.IN_DOUBT}:
                uncounted.append((outcome.contact_id, hold.counted_on))
            if not outcome.events or outcome.state in {DeliveryState.SUPPRESSED, DeliveryState.FAILED}:
                unused += [(slot, -1) for slot in hold.slots]
        frequency.uncount(conn, uncounted)
        quotas.add(conn, unused)

    def _claim(
        self, conn: sa.Connection, room: Mapping[str, int], default_room: int, total: int, now: datetime
    ) -> Claims:
        running = [c for c in campaigns.due(conn, states=(S.SENDING, S.WAITING), before=now) if self._is_ready(conn, c)]
        self.running = frozenset(c.id for c in running)
        if total <= 0 or not running:
            return Claims()
        waiting = self._chooser.waiting(conn, running)
        rooms = dict(room)
        at = time.monotonic()
        fresh = [p for p in waiting if p not in room and at >= self._ask_again_at.get(p, 0.0)]
        if fresh:
            for provider, share in self._lease(conn, dict.fromkeys(fresh, Feedback())).items():
                first = share.connections * 4 if share.per_second is None else max(1, int(share.per_second * 0.2))
                rooms[provider] = min(default_room, first) if share.connections else 0
                self.shares[provider] = share
                if not share.connections:
                    # The others have it all: they make room when they renew, which is not before a second.
                    self._ask_again_at[provider] = at + ASK_AGAIN_S
        self._learn_accounts(conn, running)
        claims = self._chooser.claim(conn, waiting, self._accounts, rooms, total, now)
        skipped = [outcomes_of.skipped(row, campaign, "frequency_cap", now=now) for row, campaign in claims.too_often]
        deliveries.settle(conn, self.worker_id, skipped)
        return claims

    def _learn_accounts(self, conn: sa.Connection, running: Sequence[Campaign]) -> None:
        if time.monotonic() >= self._accounts_until:
            self._accounts.clear()
            self._accounts_until = time.monotonic() + ACCOUNTS_KNOWN_S
        for campaign in running:
            if campaign.account_id not in self._accounts:
                self._accounts[campaign.account_id] = accounts.by_id(conn, campaign.account_id)

    def _is_ready(self, conn: sa.Connection, campaign: Campaign) -> bool:
        """Whether its messages are compiled; one that can't be compiled any more is paused, and stops no other."""
        if campaign.id not in self._ready:
            try:
                for variant in campaigns.variants_of(conn, campaign.account_id, campaign.id):
                    self._compiled[variant.id] = prepare(conn, self._settings, campaign, variant)
            except PermanentError as exc:
                log.exception("campaign.not_compiled", campaign_id=campaign.id)
                campaigns.move(
                    conn, campaign.account_id, campaign.id, to=S.PAUSED, only_from=(S.SENDING, S.WAITING),
                    pause_reason=str(exc), resume_to=campaign.state.value,
                )  # fmt: skip
                return False
            self._ready.add(campaign.id)
        return True

    def compiled(self, variant_id: VariantId) -> Compiled:
        """The message of a variant that was claimed for."""
        return self._compiled[variant_id]

    def share(self, feedback: Mapping[str, Feedback], idle: Collection[str]) -> dict[str, Rate]:
        """Tell what was seen of providers, and renew the shares of them; give back those of idle ones."""
        with self._store.write() as conn:
            for provider in idle:
                rates.release(conn, self.worker_id, provider)
            return self._lease(conn, feedback)

    def _lease(self, conn: sa.Connection, feedback: Mapping[str, Feedback]) -> dict[str, Rate]:
        ceilings = rates.load(conn, channel=CHANNEL)
        return rates.lease(conn, self.worker_id, feedback, channel=CHANNEL, ceilings=ceilings, now=_WALL.now())

    def tick(self) -> list[Campaign]:
        """What a scheduler does: start, wait, close and clean campaigns, and take back what the dead held.

        Returns due campaigns that nobody has planned, for `plan` in a thread of its own.
        """
        now = self._settings.clock.now()
        self._reaper.reap(now)
        return self._scheduler.tick(now)

    def plan(self, campaign: Campaign) -> None:
        """Plan a due campaign that nobody planned, and say so."""
        self._scheduler.plan(campaign)

    def queue(self) -> tuple[list[Depth], int]:
        """The whole queue by provider, and how many are in doubt, for the monitor."""
        with self._store.read() as conn:
            return queue.depths(conn, None), sum(queue.in_doubt(conn, None).values())

    @staticmethod
    def _hold_late(conn: sa.Connection, now: datetime) -> None:
        """Where nobody was sending for hours, a person says whether what ran then goes on now."""
        seen = workers.last_seen(conn)
        for _, campaign_id in campaigns.hold_late(conn, unseen_since=seen, now=now) if seen is not None else []:
            log.warning("campaign.held", campaign_id=campaign_id, unseen_since=str(seen))

    def evidence(self, outcomes: Sequence[Outcome]) -> None:
        """What a fenced worker learnt: a row in doubt that a server took was taken, and is not sent again."""
        with self._store.write() as conn:
            self._resolve(conn, outcomes)

    @staticmethod
    def _resolve(conn: sa.Connection, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            if outcome.state is DeliveryState.ACCEPTED:
                deliveries.resolve_doubt(conn, outcome)

    def leave(self, outcomes: Sequence[Outcome]) -> None:
        """Settle what is left and end this worker. Again, after an answer that was lost, it does no more."""
        now = self._settings.clock.now()
        with self._store.write() as conn:
            if workers.beats(conn, self.worker_id) is None:
                self._resolve(conn, outcomes)
                return
            self._settle(conn, self._unsettled(conn, outcomes), now)
            take_back(conn, self.worker_id, now, reason="worker_left")
            workers.end(conn, self.worker_id, now=now)

    @staticmethod
    def chance() -> float:
        """Jitter for retries, 0 to 1."""
        return random.random()  # noqa: S311  # no secret hangs on it
