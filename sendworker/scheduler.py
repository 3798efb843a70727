"""What moves campaigns on while nobody looks: start, wait, close, clean. Any worker does it; each move is won once."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import structlog

from sendworker.outcome import skip_event
from sillage.campaign.ab_release import later_s
from sillage.campaign.plan import plan_campaign
from sillage.domain.campaign import CampaignState as S
from sillage.domain.delivery import DeliveryState
from sillage.domain.ids import AccountId, CampaignId
from sillage.errors import PermanentError, SillageError
from sillage.settings import Settings
from sillage.store import ab_tests, campaigns, deliveries, outbox, quotas
from sillage.store.ab_tests import Kept
from sillage.store.campaigns import Campaign
from sillage.store.database import Store

log = structlog.get_logger()

CLEAN_EVERY_S = 5.0
CHUNK = 2_000
CHUNK_S = 0.05
"""Rows are taken from a closed campaign in transactions of 50 ms, so that a million of them stop nobody."""


class Scheduler:
    """Moves campaigns on, for one worker."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._unplanned: dict[CampaignId, float] = {}
        self._next_cleaning = 0.0
        self._chunk = CHUNK

    def tick(self, now: datetime) -> list[Campaign]:
        """Start, wait, close and clean. Returns due campaigns that nobody has planned, for `plan` in a thread."""
        unplanned = self._start_due(now)
        self._release(now)
        with self._store.read() as conn:
            running = campaigns.due(conn, states=(S.SENDING, S.WAITING, S.CANCELLED), before=now)
        for campaign in running:
            self._advance(campaign, now)
        self._clean(now)
        return unplanned

    def _start_due(self, now: datetime) -> list[Campaign]:
        with self._store.read() as conn:
            planned = campaigns.due(conn, states=(S.PLANNED,), before=now)
            unplanned = campaigns.due(conn, states=(S.SCHEDULED, S.PLANNING), before=now)
        for campaign in planned:
            self._start(campaign, now)
        ripe = []
        for campaign in unplanned:
            first = self._unplanned.setdefault(campaign.id, time.monotonic())
            if time.monotonic() - first >= self._settings.plan_after_s:
                self._unplanned.pop(campaign.id)
                ripe.append(campaign)
        return ripe

    def _start(self, campaign: Campaign, now: datetime) -> None:
        """A campaign later than it may be is held for a person to confirm, not sent in the night."""
        starts_at = campaign.starts_at or campaign.send_at or now
        is_late = now - starts_at > timedelta(seconds=campaign.late_after_s)
        to, reason = (S.HELD, "its time passed while nothing was running") if is_late else (S.SENDING, None)
        try:
            with self._store.write() as conn:
                campaigns.move(
                    conn, campaign.account_id, campaign.id, to=to, only_from=(S.PLANNED,), pause_reason=reason,
                    started_at=now,
                )  # fmt: skip
        except PermanentError:
            return  # somebody else moved it first
        log.info("campaign.started", campaign_id=campaign.id, state=to, audience=campaign.audience)

    def plan(self, campaign: Campaign) -> None:
        """Plan a due campaign that nobody planned, and say so."""
        try:
            plan = plan_campaign(self._store, self._settings, campaign.account_id, campaign.id)
        except SillageError as exc:
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
            # Whoever is held for a winner keeps it sending, even while only retries are left of the others.
            is_held = not fresh and not sending and deliveries.has_any(conn, campaign.id, state=DeliveryState.HELD)
        if sending or fresh or is_held:
            return
        if not is_due:
            self._close(campaign, now)
        elif campaign.state is S.SENDING:
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
                open_states = (DeliveryState.DUE, DeliveryState.HELD, DeliveryState.SENDING)
                if any(deliveries.has_any(conn, campaign.id, state=state) for state in open_states):
                    raise SillageError("a row became due meanwhile")  # noqa: TRY301  # takes the transaction back
                deliveries.tally(conn, campaign.account_id, campaign.id)
                found = campaigns.balance(conn, campaign.account_id, campaign.id)
        except PermanentError:
            return
        except SillageError as exc:
            log.info("campaign.not_closed", campaign_id=campaign.id, why=str(exc))
            return
        log.info("campaign.closed", campaign_id=campaign.id, **found.counts)

    def _release(self, now: datetime) -> None:
        """Let those go who were held for a winner, in small transactions: one that is killed leaves the rest held."""
        with self._store.read() as conn:
            decided = ab_tests.to_release(conn)
        for kept in decided:
            until = time.monotonic() + CHUNK_S
            while self._release_some(kept, now) and time.monotonic() < until:
                pass

    def _release_some(self, kept: Kept, now: datetime) -> bool:
        """Whether there may be more."""
        if kept.decision is None:
            return False
        with self._store.write() as conn:
            campaign = campaigns.get(conn, kept.account_id, kept.campaign_id)
            variants = campaigns.variants_of(conn, kept.account_id, kept.campaign_id)
            winner = kept.decision.winner
            rows = ab_tests.release(
                conn, kept.account_id, kept.campaign_id, winner,
                later_s=later_s(campaign, variants, kept.decision), limit=CHUNK,
            )  # fmt: skip
            if winner is None:
                events = [
                    skip_event(
                        campaign, r.contact_id, ab_tests.NOBODYS, r.provider, now=now, reason=ab_tests.NOT_CHOSEN
                    )
                    for r in rows
                ]
                outbox.record(conn, events)
            if not rows:
                ab_tests.released(conn, kept.account_id, kept.campaign_id, now=now)
        log.info("campaign.released", campaign_id=kept.campaign_id, winner=winner, rows=len(rows))
        return bool(rows)

    def _skip_rest(self, campaign: Campaign, now: datetime) -> None:
        with self._store.write() as conn:
            rows = deliveries.skip_open(conn, campaign.account_id, campaign.id, limit=self._chunk)
            outbox.record(conn, [skip_event(campaign, *row, now=now) for row in rows])
            sending = deliveries.has_any(conn, campaign.id, state=DeliveryState.SENDING)
            if not rows and not sending and campaign.closed_at is None:
                campaigns.move(
                    conn, campaign.account_id, campaign.id, to=S.CANCELLED, only_from=(S.CANCELLED,), closed_at=now
                )
                deliveries.tally(conn, campaign.account_id, campaign.id)

    def _clean(self, now: datetime) -> None:
        """Let the rows of closed campaigns go, a chunk each at a time: the lake has the history."""
        if time.monotonic() < self._next_cleaning:
            return
        with self._store.read() as conn:
            over = campaigns.with_rows(conn, states=(S.CLOSED, S.CANCELLED))
        if not over:
            self._next_cleaning = time.monotonic() + CLEAN_EVERY_S
            with self._store.write() as conn:
                quotas.forget(conn, before=now)
        for account_id, campaign_id in over:
            self._forget(account_id, campaign_id)

    def _forget(self, account_id: AccountId, campaign_id: CampaignId) -> None:
        started = time.monotonic()
        with self._store.write() as conn:
            begun = time.monotonic()
            gone = deliveries.forget_settled(conn, account_id, campaign_id, limit=self._chunk)
        took = time.monotonic() - begun
        if gone == self._chunk:
            self._chunk = max(200, min(20_000, int(self._chunk * CHUNK_S / max(took, 0.001))))
        log.debug("campaign.cleaned", campaign_id=campaign_id, rows=gone, waited_s=round(begun - started, 3))
