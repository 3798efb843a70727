"""Errors of the core as Dagster understands them: a permanent one fails its run once, a transient one waits."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from pipelines.attempts import NO_RETRY
from sillage.errors import BadInput, PermanentError, TransientError

MAX_RETRIES, FIRST_WAIT_S = 3, 10


@contextmanager
def told_once(context: dg.AssetExecutionContext) -> Iterator[None]:
    """Turn a permanent error into a failure that neither the step nor its run nor a sensor tries again.

    What may help itself (a lock, a full disk, a database that starts) is tried again after 10, 20 and 40 s. Any other
    error is a fault of ours: the run fails at once, and the sensor that asked for it asks again later.

    Raises: dg.Failure with the error's own words; dg.RetryRequested.
    """
    try:
        yield
    except PermanentError as exc:
        code = exc.code if isinstance(exc, BadInput) else type(exc).__name__
        run = _run_of(context)
        if run is not None:
            context.instance.add_run_tags(run.run_id, NO_RETRY)
        raise dg.Failure(str(exc), metadata={"code": code}, allow_retries=False) from exc
    except TransientError as exc:
        wait = FIRST_WAIT_S * 2 ** (context.retry_number if _run_of(context) else 0)
        context.log.warning("%s; tried again in %d s", exc, wait)
        raise dg.RetryRequested(max_retries=MAX_RETRIES, seconds_to_wait=wait) from exc


def _run_of(context: dg.AssetExecutionContext) -> dg.DagsterRun | None:
    """None where an asset is called as a plain function."""
    try:
        return context.run
    except dg.DagsterError:
        return None
