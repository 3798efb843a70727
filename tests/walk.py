"""A walk through the pages that holds each figure against the marts, asked here in SQL of its own.

A page is read as a person reads it: tiles, tables with their heads, captions, and the rows that its charts carry. Each
table, tile and chart must be one that the walk knows how to ask for: one that it does not know fails the walk, so that
no figure comes to a page unwatched.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import streamlit as st
from pytest import MonkeyPatch  # noqa: PT013  # a type
from streamlit.testing.v1 import AppTest

from dashboards import breakdown_parts, figures, list_links, terms
from dashboards.charts import ROWS
from dashboards.words import NOTHING, Words, plain
from sillage.access import Door
from sillage.domain.ids import CampaignId
from sillage.domain.sign_in import Role
from sillage.lake.reader import Reader
from sillage.settings import ROOT, Settings
from sillage.store import accounts, campaigns, segments, users
from sillage.store.database import Store

PAGES = ROOT / "dashboards" / "app_pages"
RATES = {terms.METRICS[metric]: metric for metric in figures.RATES if metric != "permanent_bounce_rate"}
JUDGED = ("permanent_bounce_rate", "complaint_rate", "unsubscribe_rate")
Row = dict[str, Any]
Table = tuple[tuple[str, ...], list[list[str]]]


@dataclass
class Read:
    """What a page showed."""

    app: AppTest
    where: str
    tables: list[Table] = field(default_factory=list)
    charts: dict[str, list[Row]] = field(default_factory=dict)

    @property
    def tiles(self) -> list[tuple[str, str]]:
        """Labels and values."""
        return [(tile.label, tile.value) for tile in self.app.metric]

    def table(self, *heads: str) -> list[list[str]]:
        """The cells of the one table with these heads, which then counts as looked at; none where it is not there."""
        found = [table for table in self.tables if table[0] == heads]
        assert len(found) < 2, (self.where, heads)
        self.tables = [table for table in self.tables if table[0] != heads]
        return found[0][1] if found else []

    def chart(self, mark: str) -> list[Row]:
        """The rows of a chart by its key."""
        return self.charts.pop(mark, [])


@dataclass
class Walk:
    """One account of an installation, looked at by its owner."""

    settings: Settings
    store: Store
    slug: str
    monkeypatch: MonkeyPatch
    checked: int = 0
    _drawn: dict[str, list[Row]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Sign in, as a browser would, and open a reader of its own."""
        for name, value in self.settings.environment().items():
            self.monkeypatch.setenv(name, value)
        with self.store.write() as conn:
            self.account = accounts.by_slug(conn, self.slug)
            email = "walker@figures.example"
            now = Door(self.store, self.settings.secret.get_secret_value()).now()
            user = users.by_email(conn, email) or users.add(
                conn, email=email, name="W", language="en", password_hash="none", now=now
            )
            users.join(conn, self.account.id, user.id, Role.OWNER, now=now)
            token = Door(self.store, self.settings.secret.get_secret_value()).open(conn, user.id)
            self.campaigns = {int(c.id): c.name for c in campaigns.listed(conn, self.account.id)}
            self.segments = {int(s.id): s.name for s in segments.listed(conn, self.account.id)}
        self.monkeypatch.setattr(type(st.context), "cookies", {"sillage": token})
        # A test of a page is told no key of a chart: it is noted on its way.
        draw = st.altair_chart

        def noted(chart: Any, *args: Any, key: str, **more: Any) -> Any:
            self._drawn[key] = chart.to_dict()["datasets"][ROWS]
            return draw(chart, *args, key=key, **more)

        self.monkeypatch.setattr(st, "altair_chart", noted)
        self.words = Words("en", self.account.timezone)
        self.reader = Reader(self.settings)
        st.cache_data.clear()

    def open(self, page: str, **query: str) -> Read:
        """A page with its tables and charts; nothing on it is an error."""
        self._drawn.clear()
        app = AppTest.from_file(str(PAGES / f"{page}.py"), default_timeout=60)
        for name, value in {"lang": "en", "account": self.slug, **query}.items():
            app.query_params[name] = value
        app.run()
        found = Read(app, f"{page} {query}")
        assert not app.exception, found.where
        assert not app.error or page in {"home", "report", "campaigns", "deliverability"}, (found.where, app.error)
        assert not any("could not be drawn" in e.value for e in app.error), found.where
        for element in app.markdown:
            found.tables += _tables(str(element.value))
        found.charts = dict(self._drawn.items())
        return found

    def ask(self, sql: str, *params: object) -> list[Row]:
        """Rows of this account, whose id is the first value."""
        return self.reader.query(sql, [int(self.account.id), *params])

    def rate(self, row: Row, metric: str) -> str:
        """A rate as pages write it."""
        return NOTHING if row[metric] is None else self.words.percent(row[metric], terms.digits(metric))

    def same(self, shown: object, expected: object, where: object) -> None:
        """What is shown is what the marts say."""
        assert shown == expected, where
        self.checked += 1

    def cells(self, shown: Sequence[Sequence[str]], expected: Sequence[Sequence[str]], where: object) -> None:
        """The cells of a table, row by row, in any order of rows."""
        self.same(sorted(map(list, shown)), sorted(map(list, expected)), where)
        self.checked += sum(map(len, expected))

    def numbers(self, row: Row, *columns: str) -> list[str]:
        """Counts and rates of a row as pages write them."""
        return [self.rate(row, c) if c.endswith("_rate") else self.words.number(row[c]) for c in columns]

    def nothing_left(self, seen: Read) -> None:
        """Every table and every chart of the page has been looked at."""
        assert not [heads for heads, _ in seen.tables], (seen.where, [heads for heads, _ in seen.tables])
        assert not seen.charts, (seen.where, list(seen.charts))


def _tables(markdown: str) -> list[Table]:
    lines = markdown.splitlines()
    if len(lines) < 2 or not lines[0].startswith("| "):
        return []
    heads, *rows = [re.split(r" ?(?<!\\)\| ?", line)[1:-1] for line in (lines[0], *lines[2:])]
    return [(tuple(heads), rows)]


def report(walk: Walk, campaign: int) -> Row | None:
    """A campaign's report against its live views and the marts' splits; the row of the whole, where there is one."""
    seen = walk.open("report", campaign=str(campaign))
    where = "where account_id = ? and campaign_id = ?"
    found = walk.ask(f"select * from marts.main.live_campaign {where}", campaign)
    if not found:
        return None
    (row,), words = found, walk.words
    walk.same(dict(seen.tiles), {label: walk.rate(row, metric) for label, metric in RATES.items()}, seen.where)
    said = "\n".join(str(caption.value) for caption in seen.app.caption)
    for metric in RATES.values():
        numerator, denominator, _ = figures.RATES[metric]
        if row[metric] is not None:
            walk.same(figures.of(words, row[numerator], row[denominator]) in said, True, (seen.where, metric))
    _balance(walk, seen, row)
    funnel = {one["label"]: one["count"] for one in seen.chart("funnel")}
    walk.same(list(funnel.values()), [row[c] for c in ("sent_count", "delivered_count", "human_open_count",
              "human_click_count", "machine_open_count", "machine_click_count")], seen.where)  # fmt: skip
    _curve(walk, seen, campaign)
    links = walk.ask(f"select * from marts.main.live_links {where} order by clicker_count desc", campaign)
    walk.same(
        sorted(one["count"] for one in seen.chart("links")), sorted(x["clicker_count"] for x in links[:10]), seen.where
    )
    providers = walk.ask(f"select * from marts.main.live_provider {where}", campaign)
    shown = seen.table("Provider", "Sent", "Delivered", "Deferred", "Bounces", "Complaints")
    walk.cells(
        [[cells[0].split(" :orange")[0], *cells[1:]] for cells in shown],
        [[terms.term(words, terms.PROVIDERS, x["provider"]),
          *walk.numbers(x, "sent_count", "delivered_count", "deferred_count", "bounce_rate", "complaint_rate")]
         for x in providers],
        seen.where,
    )  # fmt: skip
    bounces = walk.ask(
        "select bounce_class, bounce_reason, sum(bounced_count)::bigint as a,"
        " sum(contradicted_bounce_count)::bigint as b"
        f" from marts.main.live_bounces {where} group by all", campaign,
    )  # fmt: skip
    walk.cells(
        seen.table("Class", "Reason", "Recipients", "Contradicted"),
        [[terms.term(words, terms.BOUNCE_CLASSES, x["bounce_class"]),
          terms.term(words, terms.REASONS, x["bounce_reason"]), words.number(x["a"]),
          words.number(x["b"])] for x in bounces],
        seen.where,
    )  # fmt: skip
    _variants(walk, seen, campaign)
    _splits(walk, seen, campaign, row)
    seen.table("Version", "Delivered", "Converted", "Conversion rate", "95 %", "Revenue", "Revenue per person")
    walk.nothing_left(seen)
    return row


def _balance(walk: Walk, seen: Read, row: Row) -> None:
    (line,) = [m.value for m in seen.app.markdown if re.search(r"recipients?\*\* =", str(m.value))]
    numbers = [int(n.replace(",", "")) for n in re.findall(r"\d[\d,]*", line)]
    walk.same([numbers[0], sum(numbers[1:])], [row["audience_count"]] * 2, seen.where)
    bar = {one["state"]: one["count"] for one in seen.chart("balance")}
    walk.same(bar, {state: row[f"{state}_count"] for state in bar}, seen.where)


def _curve(walk: Walk, seen: Read, campaign: int) -> None:
    (sums,) = walk.ask(
        "select sum(human_open_count)::bigint as openers, sum(human_click_count)::bigint as clickers,"
        " sum(bounced_count)::bigint as bounces from marts.main.live_curve where account_id = ? and campaign_id = ?",
        campaign,
    )
    ends = {one["label"]: one["total"] for one in seen.chart("curve") if one["is_last"]}
    walk.same(ends or dict.fromkeys(sums), sums, seen.where)


def _variants(walk: Walk, seen: Read, campaign: int) -> None:
    rows = walk.ask(
        "select * from marts.main.live_variant where account_id = ? and campaign_id = ? and variant_id > 0", campaign
    )
    with walk.store.read() as conn:
        known = {int(v.id): v for v in campaigns.variants_of(conn, walk.account.id, CampaignId(campaign))}
    shown = seen.table("Variant", "Subject", "Sent", "Delivered", "Openers", "Clickers", "Click-to-open")
    drawn = seen.chart("variants")
    if len(known) < 2:
        return
    columns = ("sent_count", "delivered_count", "open_rate", "click_rate", "reactivity_rate")
    walk.cells(
        shown,
        [[plain(known[x["variant_id"]].name), plain(known[x["variant_id"]].source.subject), *walk.numbers(x, *columns)]
         for x in rows],
        seen.where,
    )  # fmt: skip
    walk.same(
        sorted((one["rate"], one["low"], one["high"]) for one in drawn),
        sorted(
            (x["click_rate"], x["click_rate_low"], x["click_rate_high"]) for x in rows if x["click_rate"] is not None
        ),
        seen.where,
    )


def _splits(walk: Walk, seen: Read, campaign: int, whole: Row) -> None:
    """By segment, country and device, and the time to open, asked of recipients' rows and not of the views."""
    words, where = walk.words, "where account_id = $1 and campaign_id = $2"
    steps = seen.chart("opening")
    walk.same(sum(one["count"] for one in steps), whole["human_open_count"] if steps else 0, seen.where)
    recipients = f"""
        select {{part}} as part, count(*) filter (where is_sent) as sent,
            count(*) filter (where is_delivered) as delivered, count(*) filter (where is_measurable) as measurable,
            count(*) filter (where is_measurable and was_opened) as opened,
            count(*) filter (where is_delivered and was_clicked) as clicked, count(*) filter (where is_delivered and
            (was_clicked or is_measurable and was_opened)) as reacted, count(*) filter (where is_bounced) as bounced,
            count(*) filter (where is_delivered and was_unsubscribed) as gone
        from marts.main.fct_recipient_activity a left join marts.main.dim_contact c using (account_id, contact_id)
        {where} group by 1
        """
    rest = ("Sent", "Delivered", "Openers", "Clickers", "Click-to-open", "Bounces", "Unsubscribes")
    for head, key, part, called in (
        ("Segment", "segments", "coalesce(segment_id, 0)",
         lambda i: plain(walk.segments.get(i, "deleted segment") if i else "not noted")),
        ("Country", "countries", "coalesce(country_code, '')", lambda c: plain(words.country(c) or "not known")),
    ):  # fmt: skip
        shown, drawn = seen.table(head, *rest), seen.chart(key)
        if not shown:
            continue
        rows = walk.ask(recipients.format(part=part), campaign)
        expected = [
            [called(x["part"]), words.number(x["sent"]), words.number(x["delivered"]),
             *(_share(words, x[n], x[d], terms.digits(metric)) for n, d, metric in (
                 ("opened", "measurable", "open_rate"), ("clicked", "delivered", "click_rate"),
                 ("clicked", "reacted", "reactivity_rate"), ("bounced", "sent", "bounce_rate"),
                 ("gone", "delivered", "unsubscribe_rate")))]
            for x in rows
        ]  # fmt: skip
        walk.cells(shown, expected, seen.where)
        walk.same(
            sorted(one["rate"] for one in drawn),
            sorted(x["clicked"] / x["delivered"] for x in rows if x["delivered"]),
            seen.where,
        )
    shown, drawn = seen.table("Device", "Openers", "Clickers", "Click-to-open"), seen.chart("devices")
    if shown:
        rows = walk.ask(
            f"""
            select coalesce(device, '') as device, count(distinct contact_id) as reacted,
                count(distinct contact_id) filter (where act = 'opened') as opened,
                count(distinct contact_id) filter (where act = 'clicked') as clicked
            from marts.main.fct_engagements e
            semi join (
                from marts.main.fct_recipient_activity where is_delivered
            ) r using (account_id, campaign_id, contact_id)
            {where} and not is_machine and (act = 'clicked' or is_measurable) group by 1
            """,
            campaign,
        )
        walk.cells(
            shown,
            [[breakdown_parts.DEVICES[x["device"]], words.number(x["opened"]), words.number(x["clicked"]),
              _share(words, x["clicked"], x["reacted"], 1)] for x in rows],
            seen.where,
        )  # fmt: skip
        walk.same(sorted(one["count"] for one in drawn), sorted(x["reacted"] for x in rows), seen.where)


def _share(words: Words, part: int, whole: int, digits: int) -> str:
    return words.percent(part / whole, digits) if whole else NOTHING


def campaigns_and_home(walk: Walk, rows: dict[int, Row]) -> None:
    """Whatever rate stands beside a campaign is that of its report; the health is the last day's."""
    for number, row in rows.items():
        seen = walk.open("campaigns", q=walk.campaigns[number])
        cards = [seen.tiles[at : at + len(RATES)] for at in range(0, len(seen.tiles), len(RATES))]
        walk.same([(label, walk.rate(row, metric)) for label, metric in RATES.items()] in cards, True, seen.where)
        walk.nothing_left(seen)
    seen = walk.open("home")
    _health(walk, seen)
    walk.nothing_left(seen)


def _health(walk: Walk, seen: Read) -> None:
    days = walk.ask("select * from marts.main.fct_daily_account_health where account_id = ? order by activity_date")
    tiles = seen.tiles
    drawn = seen.chart("health")
    since = walk.words.here(walk.settings.clock.now()).date() - timedelta(days=30)
    days = [day for day in days if day["activity_date"] >= since]
    if not days:
        return
    for metric in JUDGED:
        walk.same((terms.METRICS[metric], walk.rate(days[-1], metric)) in tiles, True, (seen.where, metric))
    walk.same(
        [one["rate"] for one in drawn if one["rate"] is not None],
        [day["permanent_bounce_rate"] for day in days if day["permanent_bounce_rate"] is not None], seen.where,
    )  # fmt: skip


def lists(walk: Walk, campaign: int, row: Row) -> None:
    """Each list has as many people as the report says, and names as many as fit its page."""
    for wanted, column in list_links.COUNTS.items():
        seen = walk.open("lists", campaign=str(campaign), list=str(wanted))
        (size,) = [s.value for s in seen.app.subheader if str(s.value).endswith(("person", "people"))]
        walk.same(str(size).split()[0], walk.words.number(row[column]), (seen.where, wanted))
        walk.same(sum(len(cells) for _, cells in seen.tables), min(50, row[column]), seen.where)


def trends(walk: Walk) -> None:
    """Campaigns, cohorts, hours and growth."""
    seen, words = walk.open("trends"), walk.words
    rows = walk.ask(
        """
        select p.*, c.started_at, u.usual_click_rate_low as low, u.usual_click_rate_high as high
        from marts.main.fct_campaign_performance p
        left join marts.main.dim_campaign c using (campaign_id)
        left join marts.main.fct_campaign_usual u on u.account_id = p.account_id and u.campaign_id = p.campaign_id
            and u.provider is null and u.usual_campaign_count >= 5
        where p.account_id = ? and p.sent_count > 0 order by c.started_at desc, p.campaign_id desc limit 25
        """
    )
    heads = (
        "Campaign",
        "Left",
        "Sent",
        "Openers",
        "Clickers",
        "Usual clickers",
        "Bounces",
        "Unsubscribes",
        "Complaints",
    )
    walk.cells(
        seen.table(*heads),
        [[plain(x["campaign_name"]), words.day(words.here(x["started_at"])), *walk.numbers(x, "sent_count", "open_rate",
          "click_rate"), words.span(x["low"], x["high"]), *walk.numbers(x, "bounce_rate", "unsubscribe_rate",
          "complaint_rate")] for x in rows],
        seen.where,
    )  # fmt: skip
    walk.same(
        [(one["label"], one["rate"], one["low"], one["high"]) for one in seen.chart("own_past")],
        [
            (x["campaign_name"], x["click_rate"], x["low"], x["high"])
            for x in reversed(rows)
            if x["click_rate"] is not None
        ]
        if sum(x["click_rate"] is not None for x in rows) > 1
        else [],
        seen.where,
    )
    _same_age(walk, seen, [x["campaign_id"] for x in rows[:3]])
    _cohorts(walk, seen)
    week = walk.ask(
        "select count(*) as n from marts.main.fct_engagements where account_id = ? and act = 'clicked'"
        " and not is_machine and occurred_at >= ?", walk.settings.clock.now() - timedelta(days=90),
    )  # fmt: skip
    walk.same(sum(one["count"] for one in seen.chart("week")), week[0]["n"], seen.where)
    since = (walk.settings.clock.now() - timedelta(days=90)).date()
    (left,) = walk.ask(
        """
        select coalesce(sum(unsubscribed_count), 0)::bigint as u, coalesce(sum(complained_count), 0)::bigint as c,
            coalesce(sum(permanent_count), 0)::bigint as p
        from marts.main.fct_daily_account_health where account_id = ? and activity_date >= ?
        """,
        since,
    )
    tiles = dict(seen.tiles)
    for label, column in (("Unsubscribes", "u"), ("Complaints", "c"), ("NPAI and hard bounces", "p")):
        walk.same(tiles[label], words.number(left[column]), (seen.where, label))
    ends = {one["label"]: one["total"] for one in seen.chart("growth") if one["is_last"]}
    walk.same(ends.get("left", 0), sum(left.values()), seen.where)
    walk.nothing_left(seen)


def _same_age(walk: Walk, seen: Read, chosen: Sequence[int]) -> None:
    """Sums of the curve's minutes, until the youngest of them is as old."""
    shown = seen.table("Campaign", "Delivered", "Openers", "Clickers")
    drawn = seen.chart("same_age")
    known = {plain(name): number for number, name in walk.campaigns.items()}
    firsts = {
        number: first for number in chosen
        if (first := walk.ask("select min(minute_at) as at from marts.main.fct_campaign_curve where account_id = ? and"
                              " campaign_id = ?", number)[0]["at"])
    }  # fmt: skip
    assert {known[cells[0]] for cells in shown} == set(firsts), seen.where
    now, least = walk.settings.clock.now(), timedelta(minutes=1)
    age = min((max(now - first, least) for first in firsts.values()), default=timedelta())
    for cells in shown:
        number = known[cells[0]]
        (row,) = walk.ask(
            "select sum(delivered_count)::bigint as d, sum(human_open_count)::bigint as o,"
            " sum(human_click_count)::bigint as c from marts.main.fct_campaign_curve where account_id = ?"
            " and campaign_id = ? and minute_at <= ?",
            number, firsts[number] + age,
        )  # fmt: skip
        walk.same(cells[1:], [walk.words.number(row[c]) for c in "doc"], (seen.where, cells[0]))
        ends = [one["total"] for one in drawn if one["is_last"] and plain(one["label"]) == cells[0]]
        walk.same(ends, [row["c"]], seen.where)


def _cohorts(walk: Walk, seen: Read) -> None:
    words, rows = walk.words, walk.ask("select * from marts.main.fct_cohort_engagement where account_id = ?")
    for heads in [heads for heads, _ in seen.tables if heads[0] == "First written to from"]:
        for cells in seen.table(*heads):
            mine = {x["month_number"]: x for x in rows if words.day(x["cohort_date"]) == cells[0]}
            expected = [walk.rate(mine[m], "click_rate") if m in mine else NOTHING for m in range(len(heads) - 2)]
            walk.same(cells[1:], [words.number(mine[0]["reached_count"]), *expected], seen.where)
    curve = {(one["label"], one["elapsed"]): one["rate"] for one in seen.chart("cohorts")}
    for (label, month), rate in curve.items():
        (one,) = [x for x in rows if words.month(x["cohort_date"]) == label and x["month_number"] == month]
        walk.same(rate, one["click_rate"], seen.where)


def deliverability(walk: Walk) -> None:
    """Health, the list in parts, campaigns, and how many were not reached."""
    seen, words = walk.open("deliverability"), walk.words
    _health(walk, seen)
    parts = walk.ask("select * from marts.main.fct_deliverability_parts where account_id = ? and part = 'provider'")
    past = {x["part_value"]: x for x in parts if x["period"] == "past"}
    judged = ("NPAI and hard bounces", "Complaints", "Unsubscribes")
    walk.cells(
        seen.table("Part", "Sent", "Delivered", "Before", *judged),
        [[terms.term(words, terms.PROVIDERS, x["part_value"]), *walk.numbers(x, "sent_count", "delivery_rate"),
          walk.rate(past[x["part_value"]], "delivery_rate") if x["part_value"] in past else NOTHING,
          *walk.numbers(x, *JUDGED)] for x in parts if x["period"] == "recent"],
        seen.where,
    )  # fmt: skip
    rows = walk.ask(
        """
        select p.*, u.usual_delivery_rate_low as low, u.usual_delivery_rate_high as high
        from marts.main.fct_campaign_performance p left join marts.main.dim_campaign c using (campaign_id)
        left join marts.main.fct_campaign_usual u on u.account_id = p.account_id and u.campaign_id = p.campaign_id
            and u.provider is null and u.usual_campaign_count >= 5
        where p.account_id = ? and p.sent_count > 0 order by c.started_at desc nulls last, p.campaign_id desc limit 15
        """
    )
    walk.cells(
        seen.table("Campaign", "Sent", "Delivered", "Usual", *judged),
        [[plain(x["campaign_name"]), *walk.numbers(x, "sent_count", "delivery_rate"), words.span(x["low"], x["high"]),
          *walk.numbers(x, *JUDGED)] for x in rows],
        seen.where,
    )  # fmt: skip
    seen.table("For this account", "Demand", "Asked by")
    stopped = seen.table("When", "Campaign", "Provider", "Why", "Value", "Critical from", "Since then")
    del stopped
    missed = seen.table("Address", "Provider", "Class", "Reason", "What the server said", "When")
    chosen = seen.app.selectbox(key="undelivered_campaign").value if seen.app.selectbox else None
    if chosen is not None:
        count = walk.ask(
            "select count(*) as n from marts.main.fct_recipient_activity where account_id = ? and campaign_id = ? and"
            " is_bounced", int(chosen),
        )[0]["n"]  # fmt: skip
        walk.same(len(missed), min(count, 100), seen.where)
    walk.nothing_left(seen)


def rest(walk: Walk) -> None:
    """The pages whose figures are counts of ops: contacts and segments to the person, and all the others are drawn."""
    with walk.store.read() as conn:
        count = conn.exec_driver_sql(
            f"select count(*) from contacts where account_id = {int(walk.account.id)}"
        ).scalar()
    walk.same(dict(walk.open("contacts").tiles)["Contacts"], walk.words.number(count), "contacts")
    for page in sorted(p.stem for p in PAGES.glob("*.py") if not p.stem.startswith("_")):
        if page not in {"contact", *WALKED}:
            walk.open(page)


WALKED: dict[str, Callable[..., Any]] = {
    "report": report, "campaigns": campaigns_and_home, "home": campaigns_and_home, "lists": lists, "trends": trends,
    "deliverability": deliverability, "contacts": rest,
}  # fmt: skip


def everywhere(walk: Walk, *, lists_of: int | None = None) -> int:
    """All pages, all campaigns; how many figures were the same."""
    rows = {number: row for number in walk.campaigns if (row := report(walk, number)) is not None}
    assert rows
    campaigns_and_home(walk, rows)
    for number in list(rows)[:lists_of]:
        lists(walk, number, rows[number])
    trends(walk)
    deliverability(walk)
    rest(walk)
    walk.reader.close()
    return walk.checked
