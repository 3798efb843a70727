"""The guard: each second it looks whether a running campaign passes a critical line, and stops it.

Cheap by what it does not ask: each second only new signals (bounces, complaints, refusals) since the last look are
counted, which reads the newest files alone. Numerators and denominators of a campaign are counted in full only where
the signals could have carried a rate over its line at the denominator last seen; what was sent only grows, so that
is seldom. After a resume only those first attempted since are judged, so the same events never stop it again; the
whole is judged too, against twice the rate that a person went on with.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from sillage.alarm import act
from sillage.domain.campaign import CampaignState as S
from sillage.domain.ids import AccountId, CampaignId
from sillage.domain.thresholds import Level, Threshold, could_be_critical, has_escalated, judge
from sillage.lake import watch
from sillage.lake.reader import Reader
from sillage.settings import Settings
from sillage.store import accounts, campaigns, incidents
from sillage.store.campaigns import Campaign
from sillage.store.database import Store
from sillage.store.incidents import Incident

log = structlog.get_logger()

EPOCH_YEARS = timedelta(days=3660)
RECOUNT_S = 15.0
"""Windows shrink while time passes: where there are signals, count again at the latest after so long."""
REFUSALS_S = 3.0
THRESHOLDS_S = 30.0
SHARE = 0.05
"""Of a core, for what is only asked again because time has passed."""
REFUSAL = "refusal_rate"
_ACTS = ("campaign", "account")


@dataclass(slots=True)
class _Watched:
    """What is known of one running campaign since its last full count."""

    pending: dict[str, int] = field(default_factory=dict)
    """New signals by metric (and `provider` for refusals)."""
    seen: dict[tuple[str, str, str], tuple[int, int]] = field(default_factory=dict)
    """(metric, scope, window) to numerator and denominator."""
    counted_at: float = float("-inf")
    counting_s: float = 0.0
    refused: dict[str, int] = field(default_factory=dict)
    attempts: dict[str, tuple[int, int]] = field(default_factory=dict)
    asked_at: float = float("-inf")
    asking_s: float = 0.0
    resumed: int = -1
    """How many incidents it had, ended or not, when it was counted."""


class Guard:
    """Looks when told to. Not safe to share between threads."""

    def __init__(self, settings: Settings, store: Store, reader: Reader) -> None:
        self._settings = settings
        self._store = store
        self._reader = reader
        self._cursor: int | None = None
        self._watched: dict[CampaignId, _Watched] = {}
        self._rows: dict[AccountId, tuple[float, list[Threshold]]] = {}

    def look(self) -> list[Incident]:
        """Stop what has to be stopped now.

        Raises: TransientError, NotFound where ops, lake or marts don't answer (yet).
        """
        now = self._settings.clock.now()
        with self._store.read() as conn:
            running = campaigns.due(conn, states=(S.SENDING, S.WAITING), before=now)
            past = {c.id: incidents.of_campaign(conn, c.account_id, c.id) for c in running}
        self._watched = {c.id: self._watched.get(c.id, _Watched()) for c in running}
        if not running:
            self._cursor = None
            return []
        self._note_signals()
        stopped: list[Incident] = []
        for campaign in running:
            stopped += self._look_at(campaign, past[campaign.id], now)
        for incident in stopped:
            log.warning(
                "campaign.stopped",
                campaign_id=incident.campaign_id,
                provider=incident.provider,
                metric=incident.metric,
                window=incident.window_name,
                numerator=incident.numerator,
                denominator=incident.denominator,
                critical_at=incident.critical_at,
            )
        return stopped

    def _note_signals(self) -> None:
        """Add what came since the last look. What came before the first one is counted in full anyway."""
        until = watch.newest(self._reader)
        if self._cursor is not None and until > self._cursor:
            for found in watch.signals(self._reader, self._watched, after=self._cursor, until=until):
                of = self._watched[found.campaign_id]
                if found.metric == REFUSAL:
                    of.refused[found.provider] = of.refused.get(found.provider, 0) + found.signals
                else:
                    of.pending[found.metric] = of.pending.get(found.metric, 0) + found.signals
        elif self._cursor is not None and until < self._cursor:
            # Another lake: nothing that is known holds.
            self._watched = {campaign: _Watched() for campaign in self._watched}
        self._cursor = until

    def _thresholds(self, account_id: AccountId) -> list[Threshold]:
        asked_at, rows = self._rows.get(account_id, (float("-inf"), []))
        if time.monotonic() - asked_at >= THRESHOLDS_S:
            with self._store.read() as conn:
                slug = accounts.by_id(conn, account_id).slug
            rows = watch.thresholds(self._reader, slug)
            self._rows[account_id] = (time.monotonic(), rows)
        return rows

    def _look_at(self, campaign: Campaign, past: list[Incident], now: datetime) -> list[Incident]:
        of = self._watched[campaign.id]
        rows = self._thresholds(campaign.account_id)
        rates = [t for t in rows if t.metric in watch.RATES and t.scope in _ACTS]
        ended = sum(i.ended_at is not None for i in past)
        is_new = ended != of.resumed
        if is_new or self._is_worth_counting(of, rates):
            stopped = self._count(campaign, rates, past, now)
            if stopped is not None:
                return [stopped]
        refusals = [t for t in rows if t.metric == REFUSAL and t.window is not None]
        if refusals and (is_new or self._is_worth_asking(of, refusals[0])):
            stopped_parts = self._ask_attempts(campaign, refusals[0], past, now)
            of.resumed = ended
            return stopped_parts
        return []

    @staticmethod
    def _is_worth_counting(of: _Watched, rates: list[Threshold]) -> bool:
        pause = max(RECOUNT_S, of.counting_s / SHARE)
        is_stale = time.monotonic() - of.counted_at >= pause
        for threshold in rates:
            new = of.pending.get(threshold.metric, 0)
            if new == 0:
                continue
            known, denominator = of.seen.get((threshold.metric, threshold.scope, threshold.window_name), (0, 0))
            if could_be_critical(threshold, known + new, denominator):
                return True
            if is_stale and threshold.window is not None and known + new >= threshold.min_events:
                return True
        return False

    def _count(
        self, campaign: Campaign, rates: list[Threshold], past: list[Incident], now: datetime
    ) -> Incident | None:
        """Count a campaign in full and act on the gravest; warnings are left to the marts."""
        of, started = self._watched[campaign.id], time.monotonic()
        resumed = [i for i in past if i.provider is None and i.ended_at is not None]
        floor = max((i.ended_at for i in resumed if i.ended_at), default=now - EPOCH_YEARS)
        critical: tuple[Threshold, int, int] | None = None
        for scope in _ACTS:
            wanted = [t for t in rates if t.scope == scope]
            if not wanted:
                continue
            ids = [campaign.id] if scope == "campaign" else self._campaigns_of(campaign, now)
            since = [max(floor, now - (t.window or EPOCH_YEARS)) for t in wanted]
            found = watch.counts(self._reader, campaign.account_id, ids, [*since, now - EPOCH_YEARS])
            for threshold, counted in zip(wanted, found, strict=False):
                n, d = (counted[column] for column in watch.RATES[threshold.metric])
                of.seen[threshold.metric, scope, threshold.window_name] = (n, d)
                if judge(threshold, n, d) is not Level.CRITICAL:
                    continue
                if threshold.when_critical == "tell":
                    self._tell(campaign, threshold, n, d, now)
                else:
                    critical = critical or (threshold, n, d)
            if scope == "campaign" and critical is None:
                critical = _escalated(wanted, found[-1], resumed)
        of.pending.clear()
        of.counted_at = time.monotonic()
        of.counting_s = of.counted_at - started
        if critical is None:
            return None
        with self._store.write() as conn:
            return act.stop(conn, critical[0], campaign, None, critical[1], critical[2], now=now)

    def _campaigns_of(self, campaign: Campaign, now: datetime) -> list[CampaignId]:
        with self._store.read() as conn:
            return campaigns.active_since(conn, campaign.account_id, now - timedelta(days=4))

    def _tell(self, campaign: Campaign, threshold: Threshold, n: int, d: int, now: datetime) -> None:
        with self._store.write() as conn:
            act.raise_alert(conn, threshold, campaign, None, Level.CRITICAL, n, d, now=now)

    @staticmethod
    def _is_worth_asking(of: _Watched, threshold: Threshold) -> bool:
        waited = time.monotonic() - of.asked_at
        for provider, new in of.refused.items():
            known, denominator = of.attempts.get(provider, (0, 0))
            if could_be_critical(threshold, known + new, denominator) and waited >= of.asking_s / SHARE / 4:
                return True
        return bool(of.refused) and waited >= max(REFUSALS_S, of.asking_s / SHARE)

    def _ask_attempts(
        self, campaign: Campaign, threshold: Threshold, past: list[Incident], now: datetime
    ) -> list[Incident]:
        """Attempts of the window by provider; a part that a person let go on is judged from then on."""
        of, started = self._watched[campaign.id], time.monotonic()
        window_start = now - (threshold.window or EPOCH_YEARS)
        of.attempts = watch.attempts(self._reader, campaign.account_id, campaign.id, window_start)
        stopped: list[Incident] = []
        for provider, (refused, attempts) in of.attempts.items():
            if judge(threshold, refused, attempts) is not Level.CRITICAL:
                continue
            ended = [i.ended_at for i in past if i.provider == provider and i.ended_at is not None]
            if ended and max(ended) > window_start:
                since = watch.attempts(self._reader, campaign.account_id, campaign.id, max(ended))
                refused, attempts = since.get(provider, (0, 0))  # noqa: PLW2901  # judged anew
                if judge(threshold, refused, attempts) is not Level.CRITICAL:
                    continue
            with self._store.write() as conn:
                incident = act.stop(conn, threshold, campaign, provider, refused, attempts, now=now)
            stopped += [incident] if incident else []
        of.refused.clear()
        of.asked_at = time.monotonic()
        of.asking_s = of.asked_at - started
        return stopped


def _escalated(
    rates: list[Threshold], whole: dict[str, int], resumed: list[Incident]
) -> tuple[Threshold, int, int] | None:
    """A whole campaign that has become twice as bad as what a person went on with."""
    for threshold in rates:
        before = [(i.numerator, i.denominator) for i in resumed if i.metric == threshold.metric]
        n, d = (whole[column] for column in watch.RATES[threshold.metric])
        is_judged = threshold.window is None and judge(threshold, n, d) is Level.CRITICAL
        if before and is_judged and has_escalated(threshold, before=max(before), now=(n, d)):
            return threshold, n, d
    return None
