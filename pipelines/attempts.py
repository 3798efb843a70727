"""When a sensor asks again for work that was asked for before.

One permanent error asked for every few seconds makes hundreds of thousands of failed runs. So a sensor looks at the
runs that there were for the same work: one at a time, never again after a permanent error, and after others later and
later. The runs themselves are the memory, so nothing is forgotten when Dagster starts again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg

WORK = "sillage/work"
"""The tag that says what a run works on."""
HEAVY = {"sillage/heavy": "true"}
"""The tag of runs that may take a minute: dagster.yaml keeps a place free beside them."""
NO_RETRY = {"dagster/retry_on_asset_or_op_failure": "false"}
"""The tags of a run that failed for good."""

FIRST_WAIT_S, LONGEST_WAIT_S = 15.0, 3600.0
MAX_TRIES = 8
START_S = 120.0
"""So long a run may take from the queue until it holds its turn."""
_LOOKED_AT = 20
_QUEUED = {dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED}
_OVER = {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}


@dataclass(frozen=True, slots=True)
class Attempt:
    """A run for some work. Times are seconds since 1970, on the wall."""

    status: dg.DagsterRunStatus
    asked_at: float
    changed_at: float
    """When its status changed last: a run may be queued for long before it starts."""
    ended_at: float | None = None
    is_final: bool = False
    """It failed, and asking again changes nothing."""

    def is_alive(self, now: float, *, is_held: bool) -> bool:
        """Whether it is under way: queued, just starting, or with its turn in hand."""
        if self.status in _OVER:
            return False
        return self.status in _QUEUED or is_held or now - self.changed_at < START_S


def attempts_at(instance: dg.DagsterInstance, work: str) -> list[Attempt]:
    """The runs for some work, the newest first."""
    records = instance.get_run_records(dg.RunsFilter(tags={WORK: work}), limit=_LOOKED_AT)
    return [_attempt(record) for record in records]


def _attempt(record: dg.RunRecord) -> Attempt:
    run = record.dagster_run
    return Attempt(
        status=run.status,
        asked_at=record.create_timestamp.timestamp(),
        changed_at=record.update_timestamp.timestamp(),
        ended_at=record.end_time,
        is_final=run.status is dg.DagsterRunStatus.FAILURE and NO_RETRY.items() <= run.tags.items(),
    )


def why_wait(
    attempts: Sequence[Attempt], now: float, *, is_held: bool, pace_s: float = 0.0, never_gives_up: bool = False
) -> str | None:
    """Why work is not asked for now, in words; None where it is.

    `attempts`: the newest first. `pace_s`: seconds between two of them at least. A success is no reason to stop: if
    the work is there again, it is new work.
    """
    if not attempts:
        return None
    last = attempts[0]
    if last.is_alive(now, is_held=is_held):
        return "a run is under way"
    tries = _unsuccessful(attempts)
    if not never_gives_up and (last.is_final or tries >= MAX_TRIES):
        return "it failed for good; see its last run"
    wait = min(FIRST_WAIT_S * 2 ** (tries - 1), LONGEST_WAIT_S) if tries else 0.0
    left = max(last.asked_at + pace_s, (last.ended_at or last.asked_at) + wait) - now
    return f"asked again in {left:.0f} s" if left > 0 else None


def _unsuccessful(attempts: Sequence[Attempt]) -> int:
    for number, attempt in enumerate(attempts):
        if attempt.status is dg.DagsterRunStatus.SUCCESS:
            return number
    return len(attempts)


def bury(instance: dg.DagsterInstance, work: str, now: float) -> None:
    """Say of runs of some work that nobody works on that they failed, so that no page shows them as running."""
    for record in instance.get_run_records(dg.RunsFilter(tags={WORK: work}), limit=_LOOKED_AT):
        attempt = _attempt(record)
        if attempt.status not in _OVER and not attempt.is_alive(now, is_held=False):
            instance.report_run_failed(record.dagster_run, "its process is gone; the work is asked for again")
