"""What the pages ask of ops, lake and marts: cached, shared by all who look, and nothing is drawn here.

Rates come from dbt's views and tables as they are. A look takes its time before it asks, so that what is shown is at
least as new as it says.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from dashboards.freshness import CALM_S, DETAILS_S, LIVE_S, cached, marts_as_of, of_build
from dashboards.shell import Desk
from sillage.domain.campaign import CampaignState
from sillage.domain.ids import CampaignId
from sillage.errors import NotFound
from sillage.lake import live
from sillage.lake.campaign_report import LIVE_FIGURES, WHOLE, parts_of
from sillage.lake.live import Source
from sillage.store import campaigns, imports, incidents, segment_members
from sillage.store.campaigns import Balance, Campaign, Sender, Variant
from sillage.store.incidents import Incident, PausedSlice
from sillage.store.targets import beyond_shown, shown_links

RUNNING = frozenset(
    {CampaignState.PLANNING, CampaignState.PLANNED, CampaignState.SENDING, CampaignState.WAITING, CampaignState.PAUSED}
)
NEXT = frozenset({CampaignState.SCHEDULED, CampaignState.APPROVAL, CampaignState.DRAFT})
# Opens and clicks come for days after a campaign has closed; after that its page stands still.
ECHO = timedelta(days=7)
USUAL_OF = 5

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Listed:
    """A campaign with its balance and, where there are figures, its rates."""

    campaign: Campaign
    balance: Balance
    figures: Row | None


@dataclass(frozen=True, slots=True)
class Overview:
    """All campaigns of an account at one moment."""

    as_of: datetime
    campaigns: list[Listed]
    has_marts: bool

    def in_states(self, states: frozenset[CampaignState]) -> list[Listed]:
        """Those in some states, as listed (the newest first)."""
        return [c for c in self.campaigns if c.campaign.state in states]


@dataclass(frozen=True, slots=True)
class Standing:
    """What is out of order with a campaign at one moment: alerts of the marts, and what stopped by itself."""

    campaign: Campaign
    balance: Balance
    alerts: list[Row]
    stopped: list[Incident]


@dataclass(frozen=True, slots=True)
class Report:
    """One campaign at one moment. `figures` is None until the marts were built for the first time."""

    as_of: datetime
    standing: Standing
    figures: Row | None
    paused: list[PausedSlice]
    took_s: float

    @property
    def campaign(self) -> Campaign:
        """The campaign as it was."""
        return self.standing.campaign

    @property
    def balance(self) -> Balance:
        """Its recipients by state, from ops."""
        return self.standing.balance

    @property
    def is_moving(self) -> bool:
        """Whether more is to come: it runs, or it ended so lately that its echo still comes in."""
        closed = self.campaign.closed_at
        return closed is None or self.as_of - closed < ECHO


_PART_FIGURES = ", ".join(
    (
        "sent_count", "delivered_count", "permanent_count", "reporting_count", "complained_count", "unsubscribed_count",
        *(f"{name}_rate{part}" for name in ("delivery", "permanent_bounce", "complaint", "unsubscribe")
          for part in ("", "_low", "_high")),
    )
)  # fmt: skip


def _ask(desk: Desk, sql: str, *params: object) -> list[Row]:
    """Rows of lake and marts for this account, whose id is always the first value; none where nothing is built yet."""
    try:
        return desk.reader.query(sql, [desk.account_id, *params])
    except NotFound:
        return []


def _source(desk: Desk, running: Sequence[Campaign]) -> Source:
    largest = max((c.audience or 0 for c in running), default=0)
    try:
        return live.source_of(desk.reader, desk.account_id, [int(c.id) for c in running], largest)
    except NotFound:
        return Source.EVENTS


def _ask_live(desk: Desk, sql: str, *params: object, source: Source, of: Sequence[CampaignId] = ()) -> list[Row]:
    """Rows of live views about some campaigns, or of what holds the same at less cost."""
    try:
        asked = [desk.account_id, *params]
        return live.ask(desk.reader, sql, asked, source, account_id=desk.account_id, campaigns=of)
    except NotFound:
        return []


@cached(LIVE_S)
def overview(desk: Desk) -> Overview:
    """All campaigns: the running ones with live figures, the others with those of the last build."""
    return overview_now(desk, dict(performance(desk)))


def overview_now(desk: Desk, figures: dict[int, Row] | None = None) -> Overview:
    """The same, asked anew; `figures` are those of the last build where they are at hand."""
    now = desk.now()
    with desk.store.read() as conn:
        found = campaigns.listed(conn, desk.account_id)
        balances = campaigns.balances(conn, desk.account_id)
    figures = _performance(desk) if figures is None else figures
    has_marts = bool(figures) or bool(marts_as_of(desk))
    running = [c for c in found if c.state in RUNNING]
    if running and has_marts:
        # Ids are our own integers, and as literals they are pushed below the view's grouping.
        ids = ", ".join(str(int(c.id)) for c in running)
        rows = _ask_live(desk, f"{LIVE_FIGURES} in ({ids})", source=_source(desk, running), of=[c.id for c in running])
        figures |= {row["campaign_id"]: row for row in rows}
    listed = [Listed(c, balances.get(c.id, campaigns.Balance()), figures.get(c.id)) for c in found]
    return Overview(now, listed, has_marts)


@of_build
def performance(desk: Desk) -> dict[int, Row]:
    """Each campaign's figures of the last build."""
    return _performance(desk)


def _performance(desk: Desk) -> dict[int, Row]:
    rows = _ask_live(desk, f"{LIVE_FIGURES} is not null", source=Source.TABLES)
    return {row["campaign_id"]: row for row in rows}


@cached(CALM_S, waits=False)
def alerts(desk: Desk) -> list[Row]:
    """Thresholds that are passed, critical ones first, each with its campaign's name."""
    return _ask(
        desk,
        """
        select alerts.*, campaigns.campaign_name
        from marts.alerts as alerts
        left join marts.dim_campaign as campaigns on alerts.campaign_id = campaigns.campaign_id
        where alerts.account_id = ?
        order by alerts.level, alerts.measured_value / alerts.critical_at desc
        """,
    )


@of_build
def health(desk: Desk, days: int = 30) -> list[Row]:
    """The account's figures by day, of the last days that had any, in their order."""
    since: date = desk.words.here(desk.now()).date() - timedelta(days=days)
    return _ask(
        desk,
        """
        select * from marts.fct_daily_account_health where account_id = ? and activity_date >= ?
        order by activity_date
        """,
        since,
    )


@of_build
def thresholds(desk: Desk) -> dict[str, Row]:
    """The thresholds of whole campaigns or, where there is none, of the account, by metric."""
    rows = _ask(
        desk,
        """
        select thresholds.* replace (
            coalesce(overrides.warn_at, thresholds.warn_at) as warn_at,
            coalesce(overrides.critical_at, thresholds.critical_at) as critical_at
        )
        from marts.dim_account as accounts
        cross join marts.reference.thresholds as thresholds
        left join marts.reference.threshold_overrides as overrides
            on accounts.account_slug = overrides.account_slug and thresholds.metric = overrides.metric
            and thresholds.scope = overrides.scope and thresholds.window_name = overrides.window_name
        where accounts.account_id = ? and thresholds.scope in ('campaign', 'account')
        order by thresholds.scope = 'campaign' and thresholds.window_name = 'campaign'
        """,
    )
    return {row["metric"]: row for row in rows}


@cached(CALM_S, waits=False)
def usual(desk: Desk, campaign_id: CampaignId) -> Row | None:
    """The middle half of the click and open rates of the account's closed campaigns before; None below five."""
    rows = _ask(
        desk,
        f"""
        select usual_campaign_count as campaign_count, usual_click_rate_low as click_rate_low,
            usual_click_rate_high as click_rate_high, usual_open_rate_low as open_rate_low,
            usual_open_rate_high as open_rate_high
        from marts.fct_campaign_usual
        where account_id = ? and campaign_id = ? and provider is null and usual_campaign_count >= {USUAL_OF}
        """,
        campaign_id,
    )
    return rows[0] if rows else None


@of_build
def deliverability(desk: Desk) -> list[Row]:
    """The account's list by provider, source, import and month, recent beside past, the largest first."""
    return _ask(
        desk,
        f"""
        select part, part_value, period, {_PART_FIGURES}
        from marts.fct_deliverability_parts where account_id = ? order by part, sent_count desc, part_value
        """,
    )


@of_build
def campaign_deliverability(desk: Desk, limit: int = 15) -> list[Row]:
    """The newest campaigns, each beside what is usual for the account."""
    return _ask(
        desk,
        f"""
        select campaigns.campaign_name, usual.usual_delivery_rate_low, usual.usual_delivery_rate_high, figures.*
        from (select account_id, campaign_id, {_PART_FIGURES} from marts.fct_campaign_performance) as figures
        left join marts.dim_campaign as campaigns on figures.campaign_id = campaigns.campaign_id
        left join marts.fct_campaign_usual as usual
            on figures.account_id = usual.account_id and figures.campaign_id = usual.campaign_id
            and usual.provider is null and usual.usual_campaign_count >= {USUAL_OF}
        where figures.account_id = ? and figures.sent_count > 0
        order by campaigns.started_at desc nulls last, figures.campaign_id desc limit {int(limit)}
        """,
    )


@cached(LIVE_S)
def stopped(desk: Desk) -> list[tuple[Incident, str]]:
    """What stopped by itself, with its campaign's name; what still stands first."""
    with desk.store.read() as conn:
        found = incidents.of_account(conn, desk.account_id, limit=20)
        names = {c.id: c.name for c in campaigns.listed(conn, desk.account_id)} if found else {}
    return [(incident, names.get(incident.campaign_id, "")) for incident in found]


@cached(CALM_S)
def import_names(desk: Desk) -> dict[int, str]:
    """The file of each import."""
    with desk.store.read() as conn:
        return imports.file_names(conn, desk.account_id)


@dataclass(frozen=True, slots=True)
class Details:
    """The parts of a campaign at one moment, each a list of rows of its view, and the whole beside them."""

    as_of: datetime
    standing: Standing
    whole: list[Row]
    variants: list[Row]
    providers: list[Row]
    bounces: list[Row]
    links: list[Row]
    curve: list[Row]
    took_s: float

    @property
    def campaign(self) -> Campaign:
        """The campaign as it was."""
        return self.standing.campaign


@cached(LIVE_S)
def report(desk: Desk, campaign_id: CampaignId) -> Report:
    """A campaign as a whole, as of now.

    Raises: NotFound.
    """
    now, started = desk.now(), time.monotonic()
    standing = _standing(desk, campaign_id)
    with desk.store.read() as conn:
        paused = incidents.paused_slices_of(conn, desk.account_id, campaign_id)
    source = _source(desk, [standing.campaign])
    whole = _ask_live(desk, WHOLE, campaign_id, source=source, of=[campaign_id])
    return Report(now, standing, whole[0] if whole else None, paused, time.monotonic() - started)


def _standing(desk: Desk, campaign_id: CampaignId) -> Standing:
    with desk.store.read() as conn:
        campaign = campaigns.get(conn, desk.account_id, campaign_id)
        balance = campaigns.balance(conn, desk.account_id, campaign_id)
        stopped = incidents.of_campaign(conn, desk.account_id, campaign_id)
    return Standing(campaign, balance, [a for a in alerts(desk) if a["campaign_id"] == campaign_id], stopped)


@cached(DETAILS_S, waits=False)
def details(desk: Desk, campaign_id: CampaignId) -> Details:
    """A campaign's parts, as of now: six views, so they are asked less often than the whole.

    Raises: NotFound.
    """
    now, started = desk.now(), time.monotonic()
    standing = _standing(desk, campaign_id)
    parts = parts_of(desk.reader, desk.account_id, campaign_id, standing.campaign.audience or 0)
    return Details(now, standing, **parts, took_s=time.monotonic() - started)


@cached(CALM_S)
def variants(
    desk: Desk, campaign_id: CampaignId, wanted: tuple[tuple[int, int], ...] = ()
) -> dict[int, tuple[Variant, dict[int, str]]]:
    """A campaign's variants by id, each with where its links lead, by number: the first ones, and those `wanted` (by
    variant and number) beyond them.
    """
    with desk.store.read() as conn:
        found = campaigns.variants_of(conn, desk.account_id, campaign_id)
        leading = shown_links(conn, desk.account_id, campaign_id, wanted)
    return {v.id: (v, leading.get(v.id, {})) for v in found}


def reported(desk: Desk, parts: Details) -> dict[int, tuple[Variant, dict[int, str]]]:
    """The variants of a report, with the addresses of all links that it counts."""
    clicked = [(row["variant_id"] or 0, row["link_number"] or 0) for row in parts.links]
    return variants(desk, parts.campaign.id, beyond_shown(clicked))


@cached(CALM_S)
def senders(desk: Desk) -> list[Sender]:
    """The account's senders."""
    with desk.store.read() as conn:
        return campaigns.senders_of(conn, desk.account_id)


@cached(CALM_S)
def campaign_names(desk: Desk) -> dict[int, str]:
    """The campaigns by id, the newest first."""
    with desk.store.read() as conn:
        return {int(c.id): c.name for c in campaigns.listed(conn, desk.account_id)}


@cached(CALM_S)
def links_of(desk: Desk, campaign: int) -> list[str]:
    """Where the links of one campaign lead."""
    with desk.store.read() as conn:
        return segment_members.urls_of(conn, desk.account_id, CampaignId(campaign))


@cached(CALM_S)
def link_urls(desk: Desk) -> list[str]:
    """Where links of campaigns lead, each once, the newest campaigns first."""
    with desk.store.read() as conn:
        return campaigns.link_urls(conn, desk.account_id, limit=1000)
