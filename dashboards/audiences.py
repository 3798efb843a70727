"""One open audience for each account that is looked at: opening one costs more than asking it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

import duckdb
import streamlit as st

from dashboards.shell import Desk, scope
from sillage.campaign.audience import Audience, open_audience
from sillage.errors import TransientError
from sillage.lake import catalog

T = TypeVar("T")


class Line:
    """An audience that many pages ask in turn, opened anew when a catalog moved under it."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._lock = threading.Lock()
        self._audience: Audience | None = None
        self._stores = (False, False)

    def ask(self, question: Callable[[Audience], T]) -> T:
        """Raises: TransientError where lake and marts don't answer."""
        with self._lock:
            for again in (True, False):
                try:
                    return question(self._open())
                except (duckdb.Error, TransientError) as exc:
                    self._drop()
                    if not again:
                        raise TransientError(f"lake and marts don't answer: {exc}") from exc
        raise AssertionError("unreachable")

    def _open(self) -> Audience:
        settings = self._desk.settings
        stores = (catalog.exists(settings.lake_dir), catalog.exists(settings.marts_dir))
        if self._audience is None or stores != self._stores:
            self._drop()
            self._audience = open_audience(self._desk.store, self._desk.account_id, settings)
            self._stores = stores
        return self._audience

    def _drop(self) -> None:
        if self._audience is not None:
            self._audience.close()
            self._audience = None


@st.cache_resource(show_spinner=False, hash_funcs={Desk: scope}, max_entries=20)
def _line(desk: Desk) -> Line:
    return Line(desk)


def ask(desk: Desk, question: Callable[[Audience], T]) -> T:
    """Ask the audience of a desk.

    Raises: BadInput for a segment that can't be asked; TransientError.
    """
    return _line(desk).ask(question)
