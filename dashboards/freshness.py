"""How long an answer stands: for so many seconds, or until the marts are built again; the same for all who look."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import update_wrapper, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import streamlit as st

from dashboards.shell import Desk, scope
from sillage.errors import NotFound

# Live parts beat twice a second where looks are cheap. An answer must be gone by the next beat, or each second beat
# would show the old one: measured, 0.9 s at a beat of one second cost a whole second of delay.
LIVE_S = 0.3
DETAILS_S = 4.0
CALM_S = 15.0
AS_OF_S = 2.0
# What a look through all contacts answers: seconds of a core for a million of them.
SLOW_S = 60.0
# Days and months pass, too.
BUILD_S = 600.0

Row = dict[str, Any]
P = ParamSpec("P")
R = TypeVar("R")


def cached(ttl: float, *, waits: bool = True) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """One answer for all who ask the same of the same desk within `ttl` seconds.

    Without `waits` an old answer, which says as of when it is, is given once more while a new one is asked for
    beside the page: a slow look then never holds up a quick one.
    """
    return st.cache_data(
        ttl=ttl,
        show_spinner=False,
        hash_funcs={Desk: scope},
        max_entries=200,
        refresh_mode="foreground" if waits else "background",
    )


def of_build(ask: Callable[Concatenate[Desk, P], R]) -> Callable[Concatenate[Desk, P], R]:
    """What the marts alone answer: asked once for each build, by all who look, so that a page that is looked at again
    costs nothing, and all parts of a page are of the build whose as-of it says.
    """

    @cached(BUILD_S)
    @wraps(ask)
    def held(desk: Desk, build: datetime | None, *args: Any, **more: Any) -> Any:  # noqa: ARG001  # the key of the cache
        return ask(desk, *args, **more)

    def now(desk: Desk, /, *args: P.args, **more: P.kwargs) -> R:
        built = marts_as_of(desk)
        found: R = held(desk, built["as_of_at"] if built else None, *args, **more)
        return found

    update_wrapper(now, ask)
    return now


@cached(AS_OF_S)
def marts_as_of(desk: Desk) -> Row | None:
    """How far the last build has read, or None before the first."""
    try:
        rows = desk.reader.query_marts("select * from marts.main.as_of")
    except NotFound:
        return None
    return rows[0] if rows else None
