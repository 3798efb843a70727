"""What the page of trends asks: campaigns beside each other, when people click, how the list grows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from dashboards.freshness import SLOW_S, cached, of_build
from dashboards.queries import USUAL_OF
from dashboards.shell import Desk
from sillage.errors import NotFound
from sillage.store import contacts

Row = dict[str, Any]
DAYS = 90
_CURVES = """
select campaign_id, minute_at, delivered_count, human_open_count, human_click_count
from marts.main.fct_campaign_curve
where account_id = $account and campaign_id in (select unnest($campaigns::bigint[]))
order by campaign_id, minute_at
"""
_HISTORY = f"""
select figures.campaign_id, figures.campaign_name, campaigns.started_at, figures.sent_count, figures.delivered_count,
    figures.open_rate, figures.click_rate, figures.reactivity_rate, figures.bounce_rate, figures.unsubscribe_rate,
    figures.complaint_rate, usual.usual_click_rate_low, usual.usual_click_rate_high
from marts.main.fct_campaign_performance as figures
left join marts.main.dim_campaign as campaigns on figures.campaign_id = campaigns.campaign_id
left join marts.main.fct_campaign_usual as usual
    on figures.account_id = usual.account_id and figures.campaign_id = usual.campaign_id and usual.provider is null
    and usual.usual_campaign_count >= {USUAL_OF}
where figures.account_id = $account and figures.sent_count > 0
order by campaigns.started_at desc nulls last, figures.campaign_id desc limit 25
"""
# A minute after midnight in Brest is another day than in London: days and hours are the account's own.
_WEEK = """
select isodow(occurred_at at time zone $zone) as weekday, hour(occurred_at at time zone $zone) as hour,
    count(*) as click_count
from marts.main.fct_engagements
where account_id = $account and act = 'clicked' and not is_machine and occurred_at >= $since
group by all order by weekday, hour
"""
_LEFT = """
select activity_date, unsubscribed_count, complained_count, permanent_count
from marts.main.fct_daily_account_health
where account_id = $account and activity_date >= $since order by activity_date
"""
_COHORTS = """
select cohort_date, month_number, reached_count, clicker_count, click_rate
from marts.main.fct_cohort_engagement
where account_id = $account and cohort_date in (
    select distinct cohort_date from marts.main.fct_cohort_engagement
    where account_id = $account order by cohort_date desc limit 12
)
order by cohort_date desc, month_number
"""


@dataclass(frozen=True, slots=True)
class Growth:
    """Who came and who left, by day; `left` are rows of the mart."""

    came: dict[date, int]
    left: list[Row]


def _ask(desk: Desk, sql: str, **params: object) -> list[Row]:
    try:
        return desk.reader.query(sql, {"account": int(desk.account_id), **params})
    except NotFound:
        return []


@of_build
def history(desk: Desk) -> list[Row]:
    """The last 25 campaigns that left, each with its rates and what was usual before it; the newest first."""
    return _ask(desk, _HISTORY)


@of_build
def curves(desk: Desk, campaigns: tuple[int, ...]) -> dict[int, list[Row]]:
    """Minute by minute, what came of some campaigns, as of the last build."""
    found: dict[int, list[Row]] = {}
    for row in _ask(desk, _CURVES, campaigns=list(campaigns)):
        found.setdefault(row["campaign_id"], []).append(row)
    return found


@of_build
def week(desk: Desk) -> list[Row]:
    """Clicks of people by weekday (1 is Monday) and hour of the account's calendar, of the last ninety days."""
    since: datetime = desk.now() - timedelta(days=DAYS)
    return _ask(desk, _WEEK, zone=desk.account.timezone, since=since)


@of_build
def cohorts(desk: Desk) -> list[Row]:
    """Of the last twelve months' newcomers, who clicked in each month since; the newest cohort first."""
    return _ask(desk, _COHORTS)


def growth(desk: Desk) -> Growth:
    """Who came and who left in the last ninety days."""
    return Growth(_came(desk), _left(desk))


@cached(SLOW_S, waits=False)
def _came(desk: Desk) -> dict[date, int]:
    with desk.store.read() as conn:
        return contacts.created_by_day(conn, desk.account_id, since=desk.now() - timedelta(days=DAYS))


@of_build
def _left(desk: Desk) -> list[Row]:
    return _ask(desk, _LEFT, since=(desk.now() - timedelta(days=DAYS)).date())
