"""Where a campaign's figures of this moment stand: three relations of dbt hold the very same rows, at different costs.

The tables, while nothing has come since the last build: some milliseconds. The views `live_`, which count a campaign's
events anew: for 100,000 recipients a quarter of a second of a core, and for a million over a second. The views
`since_`, which take what the last build counted and count anew what came since: for a million recipients half of that,
most of it to plan the question, whatever there is to count.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import Any

from sillage.lake.reader import Reader

Row = dict[str, Any]

VIEWS: Mapping[str, str] = {
    "live_campaign": "fct_campaign_performance",
    "live_variant": "fct_variant_performance",
    "live_provider": "fct_domain_deliverability",
    "live_bounces": "fct_bounces",
    "live_links": "fct_link_clicks",
    "live_curve": "fct_campaign_curve",
}
"""Each live view, and the table that shows the same as of the last build."""
LARGE = 400_000
"""Recipients from which on to count what came since is cheaper than to count everything."""


class Source(StrEnum):
    """What is asked: which of the relations that hold the same."""

    TABLES = "tables"
    EVENTS = "events"
    CHANGES = "changes"

    def relation(self, view: str) -> str:
        """The relation in the place of a live view."""
        if self is Source.TABLES:
            return f"marts.main.{VIEWS[view]}"
        return f"marts.main.{view.replace('live_', 'since_') if self is Source.CHANGES else view}"


def source_of(reader: Reader, account_id: int, campaigns: Collection[int], largest: int) -> Source:
    """Where to ask for some campaigns, the largest of which has so many recipients.

    Raises: as `is_counted`.
    """
    if is_counted(reader, account_id, campaigns):
        return Source.TABLES
    return Source.CHANGES if largest >= LARGE else Source.EVENTS


def is_counted(reader: Reader, account_id: int, campaigns: Collection[int]) -> bool:
    """Whether the last build has counted all that the lake holds of some campaigns.

    It writes `as_of` after the tables, so they are never behind that. Verdicts carry the campaign of what they judge.

    Raises: NotFound before the first build; TransientError.
    """
    as_of = reader.query_marts("select as_of_seq from marts.main.as_of")
    if not as_of:
        # Founded, and nothing built yet: the views count everything.
        return False
    # The number as a literal goes down to the files: those that the build has read are left out.
    ids = ", ".join(str(int(c)) for c in campaigns)
    newer = f"""
        select 1 from lake.main.events
        where lake_seq > {int(as_of[0]["as_of_seq"])} and account_id = ? and campaign_id in ({ids}) limit 1
        """
    return not campaigns or not reader.query_campaigns(account_id, campaigns, [newer], [account_id])[0]


def ask(
    reader: Reader, sql: str, params: Sequence[object], source: Source, *, account_id: int, campaigns: Collection[int]
) -> list[Row]:
    """The rows of a question about some campaigns, whose relations are named in braces, as `from {live_campaign}`.

    Raises: NotFound, TransientError.
    """
    return ask_all(reader, [sql], params, source, account_id=account_id, campaigns=campaigns)[0]


def ask_all(
    reader: Reader,
    sqls: Sequence[str],
    params: Sequence[object],
    source: Source,
    *,
    account_id: int,
    campaigns: Collection[int],
) -> list[list[Row]]:
    """The rows of each question, as `ask`: whether anything is new is found out once for all of them.

    Raises: NotFound, TransientError.
    """
    relations = {view: source.relation(view) for view in VIEWS}
    asked = [sql.format_map(relations) for sql in sqls]
    if source is Source.TABLES:
        return [reader.query_marts(sql, params) for sql in asked]
    return reader.query_campaigns(account_id, campaigns, asked, params)
