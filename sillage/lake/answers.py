"""Answers that still stand: what was asked before is given once more until something has come that could change it.

To find that out costs some milliseconds, to plan a question over a live view a hundred, whatever there is to count. So
the report of a campaign in which nothing happens costs next to nothing, however often it is looked at.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

Rows = list[dict[str, Any]]
_Question = tuple[str, tuple[object, ...]]

_AT_MOST = 100
_MARTS = "select max(snapshot_id) as marts from __ducklake_metadata_marts.ducklake_snapshot"
# Not both in one question: DuckDB 1.5 takes the two catalogs' tables of one name for one, and answers with one of them.
_LAKE = "select max(snapshot_id) as lake from __ducklake_metadata_lake.ducklake_snapshot"
_NEWEST = "select coalesce(max(lake_seq), 0) as newest from lake.main.events"


@dataclass(slots=True)
class _Heard:
    """What was answered about some campaigns, and up to where it is known that nothing new is of them."""

    marts: int
    lake: int
    newest: int
    answers: dict[_Question, Rows] = field(default_factory=dict)


class Answers:
    """Remembers what one reader was told. Rows are shared with whoever asked before: read, never changed."""

    def __init__(self, ask: Callable[[str, Sequence[object]], Rows]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._snapshot = -1
        self._of_marts: dict[_Question, Rows] = {}
        self._of_campaigns: dict[tuple[int, tuple[int, ...]], _Heard] = {}

    def forget(self) -> None:
        """Ask everything anew."""
        with self._lock:
            self._of_marts.clear()
            self._of_campaigns.clear()

    def of_marts(self, sql: str, params: Sequence[object]) -> Rows:
        """The rows of a question that the marts alone answer: they stand until a build writes again."""
        (newest,) = self._ask(_MARTS, ())
        question = (sql, tuple(params))
        with self._lock:
            if newest["marts"] != self._snapshot or len(self._of_marts) >= _AT_MOST:
                self._of_marts.clear()
                self._snapshot = newest["marts"]
            if question in self._of_marts:
                return self._of_marts[question]
        rows = self._ask(sql, params)
        with self._lock:
            # Asked after the snapshot was read: at least as new as it, and thrown away with it.
            if newest["marts"] == self._snapshot:
                self._of_marts[question] = rows
        return rows

    def of_campaigns(
        self, account_id: int, campaigns: Collection[int], sqls: Sequence[str], params: Sequence[object]
    ) -> list[Rows]:
        """The rows of each question about the events of some campaigns of an account and nothing else that changes:
        they stand until one of these campaigns has a new event (a verdict carries the campaign of what it judges), or
        a build writes.
        """
        heard = self._heard((account_id, tuple(sorted(campaigns))))
        for sql in sqls:
            if (sql, tuple(params)) not in heard.answers:
                heard.answers[sql, tuple(params)] = self._ask(sql, params)
        return [heard.answers[sql, tuple(params)] for sql in sqls]

    def _heard(self, key: tuple[int, tuple[int, ...]]) -> _Heard:
        now = self._ask(_MARTS, ())[0] | self._ask(_LAKE, ())[0]
        with self._lock:
            heard = self._of_campaigns.get(key)
        if heard is not None and self._stands(key, heard, now):
            heard.lake = now["lake"]
            return heard
        # What comes while it is asked is in the answer, and is taken for new at the next look.
        (row,) = self._ask(_NEWEST, ())
        heard = _Heard(now["marts"], now["lake"], row["newest"])
        with self._lock:
            if len(self._of_campaigns) >= _AT_MOST:
                self._of_campaigns.clear()
            self._of_campaigns[key] = heard
        return heard

    def _stands(self, key: tuple[int, tuple[int, ...]], heard: _Heard, now: dict[str, Any]) -> bool:
        # A lake that is behind what it was is another one.
        if heard.marts != now["marts"] or heard.lake > now["lake"]:
            return False
        return bool(heard.lake == now["lake"]) or not self._has_moved(key, heard)

    def _has_moved(self, key: tuple[int, tuple[int, ...]], heard: _Heard) -> bool:
        account_id, campaigns = key
        ids = ", ".join(str(int(c)) for c in campaigns) or "null"
        # The number as a literal goes down to the files: only the newest are read.
        (row,) = self._ask(
            f"""
            select
                coalesce(max(lake_seq), {heard.newest}) as newest,
                coalesce(bool_or(account_id = {int(account_id)} and campaign_id in ({ids})), false) as has_moved
            from lake.main.events where lake_seq > {heard.newest}
            """,
            (),
        )
        if not row["has_moved"]:
            heard.newest = row["newest"]
        return bool(row["has_moved"])
