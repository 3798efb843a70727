"""The mailroom: what a worker asks of ops. Every method is one short transaction (or a few), run in one thread."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog

from sendworker.outcome import doubt_event, skip_event
from sillage.campaign.plan import plan_campaign
from sillage.campaign.prepare import prepare
from sillage.content.message import Compiled
from sillage.domain.campaign import CampaignState as S
from sillage.domain.delivery import DeliveryState, InDoubtPolicy
from sillage.domain.ids import AccountId, CampaignId, ContactId, VariantId
from sillage.errors import PermanentError, SillageError
from sillage.settings import Settings
from sillage.store import accounts, bounces, campaigns, deliveries, outbox, workers
from sillage.store.accounts import Account
from sillage.store.campaigns import Campaign
from sillage.store.database import Store
from sillage.store.deliveries import Claimed, FencedError, Outcome

log = structlog.get_logger()

LEASE_S = 5.0
PLAN_AFTER_S = 60.0
"""A due campaign that nobody has planned for so long is planned by the worker."""
TOO_LATE = timedelta(hours=6)
"""A campaign that much past its time is held for a person to confirm, not sent in the night."""
CLEAN_EVERY_S = 5.0
CHUNK = 2_000


@dataclass(frozen=True, slots=True)
class Job:
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
        with store.write() as conn:
            self.worker_id = workers.enrol(conn, name, lease_s=LEASE_S, now=settings.clock.now())
        self.lease_ends = time.monotonic() + LEASE_S
        self._accounts: dict[AccountId, Account] = {}
        self._compiled: dict[VariantId, Compiled] = {}
        self._seen: dict[int, tuple[int, float]] = {}
        self._unplanned: dict[CampaignId, float] = {}
        self._next_cleaning = 0.0
        self._turn = 0

    def window(self, outcomes: Sequence[Outcome], room: dict[str, int], default_room: int, total: int) -> list[Job]:
        """Settle the last window and claim the next, in one transaction.

        `room` says how many messages each provider's lane can take (others: `default_room`), `total` how many all
        of them may take. Raises: FencedError.
        """
        started = time.monotonic()
        now = self._settings.clock.now()
        jobs: list[Job] = []
        with self._store.write() as conn:
            if not workers.renew(conn, self.worker_id):
                raise FencedError(f"worker {self.worker_id} was taken for dead")
            self._settle(conn, outcomes, now)
            if total > 0:
                jobs = self._claim(conn, room, default_room, total, now)
        self.lease_ends = started + LEASE_S
        return jobs

    def _settle(self, conn: sa.Connection, outcomes: Sequence[Outcome], now: datetime) -> None:
        deliveries.settle(conn, self.worker_id, outcomes)
        bounces.follow(conn, [event for outcome in outcomes for event in outcome.events], now=now)

    def _claim(
        self, conn: sa.Connection, room: dict[str, int], default_room: int, total: int, now: datetime
    ) -> list[Job]:
        running = campaigns.due(conn, states=(S.SENDING, S.WAITING), before=now)
        # Campaigns take turns at being first, so that two share fairly.
        self._turn += 1
        start = self._turn % max(len(running), 1)
        jobs: list[Job] = []
        left = dict(room)
        for campaign in running[start:] + running[:start]:
            account = self._account(conn, campaign.account_id)
            for provider in deliveries.providers_due(conn, campaign.id):
                limit = min(left.get(provider, default_room), total - len(jobs))
                if limit <= 0:
                    continue
                claimed = deliveries.claim_due(
                    conn, campaign.id, provider=provider, worker_id=self.worker_id, now=now, limit=limit
                )
                left[provider] = left.get(provider, default_room) - len(claimed)
                at = time.monotonic()
                jobs += [Job(row, campaign, account, at) for row in claimed]
                for row in claimed:
                    self._compile(conn, campaign, row.variant_id)
        return jobs

    def _account(self, conn: sa.Connection, account_id: AccountId) -> Account:
        if account_id not in self._accounts:
            self._accounts[account_id] = accounts.by_id(conn, account_id)
        return self._accounts[account_id]

    def _compile(self, conn: sa.Connection, campaign: Campaign, variant_id: VariantId) -> None:
        if variant_id not in self._compiled:
            for variant in campaigns.variants_of(conn, campaign.account_id, campaign.id):
                self._compiled[variant.id] = prepare(conn, self._settings, campaign, variant)

    def compiled(self, variant_id: VariantId) -> Compiled:
        """The message of a variant that was claimed for."""
        return self._compiled[variant_id]

    def tick(self) -> list[Campaign]:
        """What a scheduler does: start, wait, close and clean campaigns, and take back what the dead held.

        Returns due campaigns that nobody has planned, for `plan` in a thread of its own.
        """
        self._accounts.clear()
        now = self._settings.clock.now()
        self._reap(now)
        unplanned = self._start_due(now)
        with self._store.read() as conn:
            running = campaigns.due(conn, states=(S.SENDING, S.WAITING, S.CANCELLED), before=now)
        for campaign in running:
            self._advance(campaign, now)
        self._clean()
        return unplanned

    def _start_due(self, now: datetime) -> list[Campaign]:
        with self._store.read() as conn:
            planned = campaigns.due(conn, states=(S.PLANNED,), before=now)
            unplanned = campaigns.due(conn, states=(S.SCHEDULED, S.PLANNING), before=now)
        for campaign in planned:
            late = campaign.send_at is not None and now - campaign.send_at > TOO_LATE
            to, reason = (S.HELD, "its time passed while nothing was running") if late else (S.SENDING, None)
            with self._store.write() as conn:
                campaigns.move(
                    conn, campaign.account_id, campaign.id, to=to, only_from=(S.PLANNED,), pause_reason=reason,
                    started_at=now,
                )  # fmt: skip
            log.info("campaign.started", campaign_id=campaign.id, state=to, audience=campaign.audience)
        ripe = []
        for campaign in unplanned:
            first = self._unplanned.setdefault(campaign.id, time.monotonic())
            if time.monotonic() - first >= PLAN_AFTER_S:
                self._unplanned.pop(campaign.id)
                ripe.append(campaign)
        return ripe

    def plan(self, campaign: Campaign) -> None:
        """Plan a due campaign that nobody planned, and say so."""
        try:
            plan = plan_campaign(self._store, self._settings, campaign.account_id, campaign.id)
        except PermanentError as exc:
            log.warning("campaign.not_planned", campaign_id=campaign.id, why=str(exc))
        else:
            log.warning("campaign.planned_by_worker", campaign_id=campaign.id, audience=plan.audience)

    def _advance(self, campaign: Campaign, now: datetime) -> None:
        if campaign.state is S.CANCELLED:
            self._skip_rest(campaign, now)
            return
        with self._store.read() as conn:
            sending = deliveries.has_any(conn, campaign.id, state=DeliveryState.SENDING)
            is_due = deliveries.has_any(conn, campaign.id, state=DeliveryState.DUE)
            fresh = is_due and deliveries.has_any(conn, campaign.id, state=DeliveryState.DUE, first_attempt=True)
        if not sending and not is_due:
            self._close(campaign, now)
        elif campaign.state is S.SENDING and not fresh and not sending:
            self._move(campaign, S.WAITING)

    def _move(self, campaign: Campaign, to: S) -> None:
        try:
            with self._store.write() as conn:
                campaigns.move(conn, campaign.account_id, campaign.id, to=to, only_from=(campaign.state,))
        except PermanentError:
            return  # somebody else moved it first
        log.info("campaign.moved", campaign_id=campaign.id, state=to)

    def _close(self, campaign: Campaign, now: datetime) -> None:
        """Close a campaign whose books balance, and not before."""
        try:
            with self._store.write() as conn:
                campaigns.move(
                    conn, campaign.account_id, campaign.id, to=S.CLOSED, only_from=(S.SENDING, S.WAITING), closed_at=now
                )
                found = campaigns.balance(conn, campaign.account_id, campaign.id)
                if any(found[state] for state in ("due", "held", "sending")):
                    raise SillageError("a row became due meanwhile")  # noqa: TRY301  # takes the transaction back
                deliveries.tally(conn, campaign.account_id, campaign.id)
        except SillageError:
            return
        log.info("campaign.closed", campaign_id=campaign.id, **found.counts)

    def _skip_rest(self, campaign: Campaign, now: datetime) -> None:
        with self._store.write() as conn:
            rows = deliveries.skip_open(conn, campaign.account_id, campaign.id, limit=CHUNK)
            outbox.record(conn, [skip_event(campaign, *row, now=now) for row in rows])
            sending = deliveries.has_any(conn, campaign.id, state=DeliveryState.SENDING)
            if not rows and not sending and campaign.closed_at is None:
                campaigns.move(
                    conn, campaign.account_id, campaign.id, to=S.CANCELLED, only_from=(S.CANCELLED,), closed_at=now
                )
                deliveries.tally(conn, campaign.account_id, campaign.id)

    def _clean(self) -> None:
        """Let the rows of closed campaigns go, a chunk each at a time: the lake has the history."""
        if time.monotonic() < self._next_cleaning:
            return
        with self._store.read() as conn:
            over = campaigns.with_rows(conn, states=(S.CLOSED, S.CANCELLED))
        if not over:
            self._next_cleaning = time.monotonic() + CLEAN_EVERY_S
        for account_id, campaign_id in over:
            with self._store.write() as conn:
                deliveries.forget_settled(conn, account_id, campaign_id, limit=CHUNK)

    def _reap(self, now: datetime) -> None:
        """Take back the rows of workers that stopped beating. Only this process's own monotonic clock judges."""
        with self._store.read() as conn:
            beats = workers.alive(conn)
        seen, self._seen = self._seen, {}
        for beat in beats:
            renewals, since = seen.get(beat.id, (-1, 0.0))
            if beat.id == self.worker_id or renewals != beat.renewals:
                self._seen[beat.id] = (beat.renewals, time.monotonic())
            elif time.monotonic() - since < beat.lease_s * 1.2:
                self._seen[beat.id] = (renewals, since)
            else:
                self._bury(beat.id, now)

    def _bury(self, worker_id: int, now: datetime) -> None:
        with self._store.write() as conn:
            if not workers.end(conn, worker_id, now=now):
                return
            in_doubt = self._take_back(conn, worker_id, now, reason="worker_died")
        log.warning("worker.buried", worker_id=worker_id, in_doubt=in_doubt)

    @staticmethod
    def _take_back(conn: sa.Connection, worker_id: int, now: datetime, *, reason: str) -> int:
        """Rows still in flight at a worker that is gone are in doubt: held or sent again, as the campaign says."""
        outcomes = [
            Outcome(
                CampaignId(r.campaign_id),
                ContactId(r.contact_id),
                DeliveryState.DUE if r.in_doubt == InDoubtPolicy.RESEND else DeliveryState.IN_DOUBT,
                r.due_at,
                r.attempt + 1,
                r.first_attempt_at or now,
                reason,
                (doubt_event(r, now=now, reason=reason),),
            )
            for r in deliveries.held_by(conn, worker_id)
        ]
        deliveries.settle(conn, worker_id, outcomes)
        return len(outcomes)

    def evidence(self, outcomes: Sequence[Outcome]) -> None:
        """What a fenced worker learnt: a row in doubt that a server took was taken, and is not sent again."""
        with self._store.write() as conn:
            for outcome in outcomes:
                if outcome.state is DeliveryState.ACCEPTED:
                    deliveries.resolve_doubt(conn, outcome)

    def leave(self, outcomes: Sequence[Outcome]) -> None:
        """Settle what is left and end this worker."""
        now = self._settings.clock.now()
        with self._store.write() as conn:
            self._settle(conn, outcomes, now)
            self._take_back(conn, self.worker_id, now, reason="worker_left")
            workers.end(conn, self.worker_id, now=now)

    @staticmethod
    def chance() -> float:
        """Jitter for retries, 0 to 1."""
        return random.random()  # noqa: S311  # no secret hangs on it
