"""Where a campaign's figures of this moment stand: in dbt's live views or, while nothing has come since, its tables.

A live view takes what the last build counted and counts anew what came since. To plan that costs more than to do it,
so whoever looks at campaigns of which nothing has come asks the tables: they hold the very same rows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sillage.lake.reader import Reader

VIEWS: Mapping[str, str] = {
    "live_campaign": "fct_campaign_performance",
    "live_variant": "fct_variant_performance",
    "live_provider": "fct_domain_deliverability",
    "live_bounces": "fct_bounces",
    "live_links": "fct_link_clicks",
    "live_curve": "fct_campaign_curve",
}
"""Each live view, and the table that shows the same as of the last build."""


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
    return not campaigns or not reader.query(newer, [account_id])


def ask(reader: Reader, sql: str, params: Sequence[object] = (), *, counted: bool) -> list[dict[str, Any]]:
    """The rows of a question whose relations are named in braces, as `from {live_campaign}`.

    Raises: NotFound, TransientError.
    """
    if counted:
        return reader.query_marts(
            sql.format_map({view: f"marts.main.{table}" for view, table in VIEWS.items()}), params
        )
    return reader.query(sql.format_map({view: f"marts.main.{view}" for view in VIEWS}), params)
