"""Work is asked for one run at a time, never again after a permanent error, later and later after others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import dagster as dg
from hypothesis import given
from hypothesis import strategies as st

from pipelines import turns
from pipelines.attempts import LONGEST_WAIT_S, MAX_TRIES, NO_RETRY, WORK, Attempt, attempts_at, bury, why_wait
from sillage.settings import ROOT, Settings

NOW = 1_800_000_000.0
Status = dg.DagsterRunStatus


def failed(ago: float, *, is_final: bool = False) -> Attempt:
    return Attempt(Status.FAILURE, NOW - ago - 5, NOW - ago, NOW - ago, is_final)


def test_what_was_never_asked_for_is_asked_for():
    """New work waits for nothing."""
    assert why_wait([], NOW, is_held=False) is None


def test_a_permanent_error_is_never_asked_again():
    """A run that failed for good ends it, however long ago."""
    assert why_wait([failed(1e9, is_final=True)], NOW, is_held=False) == "it failed for good; see its last run"


def test_one_run_at_a_time():
    """While a run is queued, starts, or holds its turn, nothing is asked for."""
    queued = Attempt(Status.QUEUED, NOW - 10_000, NOW - 10_000)
    starting = Attempt(Status.STARTING, NOW - 10_000, NOW - 5)
    working = Attempt(Status.STARTED, NOW - 10_000, NOW - 10_000)
    assert [why_wait([a], NOW, is_held=False) for a in (queued, starting)] == ["a run is under way"] * 2
    assert why_wait([working], NOW, is_held=True) == "a run is under way"


def test_a_run_whose_process_is_gone_is_asked_again():
    """A run that says it works but holds no turn was killed."""
    assert why_wait([Attempt(Status.STARTED, NOW - 10_000, NOW - 10_000)], NOW, is_held=False) is None


def test_pace_holds_after_a_success():
    """Work that comes back is asked for again, no sooner than its pace allows."""
    done = Attempt(Status.SUCCESS, NOW - 60, NOW - 50, NOW - 50)
    assert why_wait([done], NOW, is_held=False, pace_s=120) == "asked again in 60 s"
    assert why_wait([done], NOW, is_held=False, pace_s=60) is None


@given(st.integers(1, MAX_TRIES - 1), st.floats(0, LONGEST_WAIT_S * 2))
def test_waits_double_and_are_bounded(tries: int, ago: float):
    """After n failures the wait is 15 s times 2 to the n-1, an hour at most."""
    waits = why_wait([failed(ago)] * tries, NOW, is_held=False)
    assert (waits is None) == (ago >= min(15 * 2 ** (tries - 1), 3600))


def test_it_gives_up_unless_told_not_to():
    """After eight failures only somebody else starts it again."""
    many = [failed(1e6)] * MAX_TRIES
    assert why_wait(many, NOW, is_held=False) is not None
    assert why_wait(many, NOW, is_held=False, never_gives_up=True) is None


def test_runs_are_found_by_their_work(instance: dg.DagsterInstance):
    """The runs of Dagster are the memory: final failures are told by the run's own tag."""
    run = instance.create_run_for_job(_job(), tags={WORK: "w", **NO_RETRY})
    instance.report_run_failed(run, "no")
    instance.create_run_for_job(_job(), tags={WORK: "other"})
    (found,) = attempts_at(instance, "w")
    assert (found.status, found.is_final) == (Status.FAILURE, True)


def test_dead_runs_are_buried(instance: dg.DagsterInstance):
    """A run that nobody works on is shown as failed; one that is just starting is left."""
    run = instance.create_run_for_job(_job(), tags={WORK: "w"}, status=Status.STARTED)
    bury(instance, "w", time.time())
    assert attempts_at(instance, "w")[0].status is Status.STARTED
    bury(instance, "w", time.time() + 10_000)
    assert instance.get_run_by_id(run.run_id).status is Status.FAILURE  # type: ignore[union-attr]


def test_a_turn_ends_with_its_holder(settings: Settings):
    """A turn is seen while it is held, by other processes too, and a kill -9 frees it."""
    with turns.held(settings, "w"):
        assert turns.is_held(settings, "w")
        assert not turns.is_held(settings, "other")
    assert not turns.is_held(settings, "w")
    code = (
        "import sys, time; from pipelines import turns; from sillage.settings import Settings\n"
        "with turns.held(Settings.load(), 'w'): print('held', flush=True); time.sleep(60)"
    )
    env = {**os.environ, **settings.environment()}
    with subprocess.Popen([sys.executable, "-c", code], env=env, cwd=ROOT, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert turns.is_held(settings, "w")
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert not turns.is_held(settings, "w")


def _job() -> dg.JobDefinition:
    @dg.op
    def nothing() -> None: ...

    @dg.job
    def some_job() -> None:
        nothing()

    return some_job
