"""Lists of a campaign's recipients: who opened, clicked, bounced, and why; exact to the lake's last event.

Each list holds the very people that a figure of the report counts: its condition is the figure's own (see dbt's macro
`counts`). A campaign's delivery rows go when it closes, so the lists come from what the lake knows: the table of the
last build where nothing has come since, else the view that counts the campaign's events anew. People are ids here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import polars as pl

from sillage.domain.ids import AccountId, CampaignId
from sillage.errors import BadInput, NotFound
from sillage.lake.live import is_counted
from sillage.lake.reader import Reader

_TABLE = "marts.main.fct_recipient_activity"
_VIEW = "marts.intermediate.int_events__by_recipient"


class ListName(StrEnum):
    """The lists that there are."""

    DELIVERED = "delivered"
    OPENERS = "openers"
    NON_OPENERS = "non_openers"
    CLICKERS = "clickers"
    NON_CLICKERS = "non_clickers"
    BOUNCED = "bounced"
    UNSUBSCRIBED = "unsubscribed"
    COMPLAINED = "complained"
    IN_DOUBT = "in_doubt"
    SUPPRESSED = "suppressed"
    SKIPPED = "skipped"
    FAILED = "failed"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class _Meaning:
    """Who is on a list, and the moment and the number that it shows of each."""

    condition: str
    at: str = "null::timestamptz"
    times: str = "null::bigint"
    told_by: str = ""
    """The type of the events that say why."""


_MEANINGS = {
    ListName.DELIVERED: _Meaning("is_delivered", "accepted_at"),
    ListName.OPENERS: _Meaning("is_measurable and was_opened", "first_opened_at", "open_count"),
    # Of whose opens nothing may be known nobody can say that they did not open.
    ListName.NON_OPENERS: _Meaning("is_measurable and not was_opened", "accepted_at"),
    ListName.CLICKERS: _Meaning("is_delivered and was_clicked", "first_clicked_at", "click_count"),
    ListName.NON_CLICKERS: _Meaning("is_delivered and not was_clicked", "accepted_at"),
    ListName.BOUNCED: _Meaning("is_bounced", "bounced_at", told_by="bounced"),
    ListName.UNSUBSCRIBED: _Meaning("is_delivered and was_unsubscribed", "unsubscribed_at"),
    ListName.COMPLAINED: _Meaning(
        "is_delivered and was_complained and provider in"
        " (select provider from marts.main.dim_provider where reports_complaints)",
        "complained_at",
    ),
    ListName.IN_DOUBT: _Meaning("hand_over_state = 'in_doubt'", told_by="in_doubt"),
    ListName.SUPPRESSED: _Meaning("hand_over_state = 'suppressed'", told_by="suppressed"),
    ListName.SKIPPED: _Meaning("hand_over_state = 'skipped'", told_by="skipped"),
    ListName.FAILED: _Meaning("hand_over_state = 'failed'", told_by="failed"),
    ListName.WAITING: _Meaning("is_recipient and hand_over_state is null"),
}
_PEOPLE = """
with people as (
    select contact_id, variant_id, provider, {at} as at, {times} as times, bounce_class, bounce_reason, bounced_via
    from {relation}
    where account_id = $account and campaign_id = $campaign and {condition}
),
told as (
    select events.contact_id, max(events.occurred_at) as at,
        arg_max(coalesce(events.reason, ''), events.occurred_at) as reason,
        arg_max(concat_ws(' ', events.status, personal.diagnostic), events.occurred_at) as said
    from lake.main.events as events
    left join lake.main.event_personal as personal on events.event_id = personal.event_id
    where events.account_id = $account and events.campaign_id = $campaign and events.type = $told
        and not events.is_test and events.contact_id is not null
    group by 1
),
listed as (
    select people.contact_id, people.variant_id, people.provider, coalesce(people.at, told.at) as at, people.times,
        case when $told = 'bounced' then people.bounce_class end as bounce_class,
        case when $told = 'bounced' then people.bounce_reason else nullif(told.reason, '') end as reason,
        case when $told = 'bounced' then people.bounced_via end as via, nullif(told.said, '') as said
    from people left join told on people.contact_id = told.contact_id
)
"""
_BY_LINK = """
with clicks as (
    select contact_id, min(occurred_at) as at, count(distinct event_id) as times
    from marts.intermediate.int_events__judged
    where account_id = $account and campaign_id = $campaign and event_type = 'clicked' and not is_machine
        and coalesce(variant_id, 0) = $variant and coalesce(link_number, 0) = $link and contact_id is not null
    group by 1
),
listed as (
    select people.contact_id, people.variant_id, people.provider, clicks.at, clicks.times,
        null::varchar as bounce_class, null::varchar as reason, null::varchar as via, null::varchar as said
    from {relation} as people inner join clicks on people.contact_id = clicks.contact_id
    where people.account_id = $account and people.campaign_id = $campaign and people.is_delivered
)
"""


@dataclass(frozen=True, slots=True)
class Link:
    """A link as a report counts it: of one variant, by its number."""

    variant: int
    number: int

    @classmethod
    def parse(cls, text: str) -> Link:
        """From VARIANT.NUMBER.

        Raises: BadInput.
        """
        variant, dot, number = text.partition(".")
        if not (dot and variant.isascii() and variant.isdigit() and number.isascii() and number.isdigit()
                and max(len(variant), len(number)) <= 18):  # fmt: skip  # noqa: PLR2004  # what a bigint holds
            raise BadInput(f"no link {text!r}: name it VARIANT.NUMBER, as 12.3", code="bad_link", field="link")
        return cls(int(variant), int(number))

    def __str__(self) -> str:
        return f"{self.variant}.{self.number}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A list of a campaign, all of it or a part: of one link, of one reason, of some people."""

    campaign_id: CampaignId
    name: ListName
    link: Link | None = None
    reason: str | None = None
    among: Sequence[int] | None = None

    def __post_init__(self) -> None:
        if self.link is not None and self.name is not ListName.CLICKERS:
            raise BadInput("only clickers are listed by link", code="bad_link", field="link")


def people(
    reader: Reader, account_id: AccountId, wanted: Wanted, *, limit: int | None = None, offset: int = 0
) -> pl.DataFrame:
    """The people of a list by number, or a page of them.

    Columns: contact_id, variant_id (i64), provider (str), at (UTC: when they did it), times (i64: how often), and
    where there is one bounce_class, reason, via (session or mail) and said (the server's words), all str.

    Raises: NotFound before the first event; TransientError.
    """
    sql, params = _listed(reader, account_id, wanted)
    page = "" if limit is None else f" limit {int(limit)} offset {int(offset)}"
    return reader.frame(f"{sql} select * from listed {_where(wanted)} order by contact_id{page}", params)


def size(reader: Reader, account_id: AccountId, wanted: Wanted) -> int:
    """How many people a list has; raises as `people` does."""
    sql, params = _listed(reader, account_id, wanted)
    (row,) = reader.query(f"{sql} select count(*) as size from listed {_where(wanted)}", params)
    return int(row["size"])


def reasons(reader: Reader, account_id: AccountId, wanted: Wanted) -> list[dict[str, Any]]:
    """How many people a list has by bounce_class and reason, most first: [{bounce_class, reason, size}]."""
    sql, params = _listed(reader, account_id, wanted)
    tail = "select bounce_class, reason, count(*) as size from listed group by all order by size desc, reason"
    return reader.query(f"{sql} {tail}", {k: v for k, v in params.items() if k not in {"reason", "among"}})


def _listed(reader: Reader, account_id: AccountId, wanted: Wanted) -> tuple[str, dict[str, object]]:
    try:
        relation = _TABLE if is_counted(reader, account_id, [wanted.campaign_id]) else _VIEW
    except NotFound:
        relation = _VIEW
    params: dict[str, object] = {"account": int(account_id), "campaign": int(wanted.campaign_id)}
    if wanted.reason is not None:
        params["reason"] = wanted.reason
    if wanted.among is not None:
        params["among"] = list(wanted.among)
    if wanted.link is not None:
        params |= {"variant": wanted.link.variant, "link": wanted.link.number}
        return _BY_LINK.format(relation=relation), params
    meaning = _MEANINGS[wanted.name]
    params["told"] = meaning.told_by
    sql = _PEOPLE.format(relation=relation, condition=meaning.condition, at=meaning.at, times=meaning.times)
    return sql, params


def _where(wanted: Wanted) -> str:
    parts = [
        *(["coalesce(reason, '') = $reason"] if wanted.reason is not None else []),
        *(["contact_id in (select unnest($among::bigint[]))"] if wanted.among is not None else []),
    ]
    return f"where {' and '.join(parts)}" if parts else ""
