"""The parts of a campaign's report. Each takes one look's rows and draws one part; nothing is asked or computed."""

from __future__ import annotations

from datetime import timedelta
from itertools import accumulate
from typing import Any
from urllib.parse import urlsplit

import streamlit as st

from dashboards import alarms, charts, figures, list_links, queries, terms, verdict
from dashboards.advice import of_campaign
from dashboards.figures import rate_text, rate_tile
from dashboards.queries import Details, Report, Standing
from dashboards.shell import Desk, link
from dashboards.words import NOTHING, Words, plain
from sillage.store.campaigns import Balance

Row = dict[str, Any]

# In the order of the bar, with dbt's column of each.
HAND_OVERS = {
    "accepted": "accepted_count",
    "refused": "refused_count",
    "failed": "failed_count",
    "suppressed": "suppressed_count",
    "skipped": "skipped_count",
    "in_doubt": "in_doubt_count",
    "waiting": "waiting_count",
}
RATES = ("open_rate", "click_rate", "reactivity_rate", "bounce_rate", "unsubscribe_rate", "complaint_rate")
LINKS_SHOWN = 10
MOST_ADVICES = 3
LABEL = 46


def advice(desk: Desk, seen: Report) -> None:
    """What is alarming, the gravest first."""
    for call in _calls(desk, seen.standing):
        (st.error if call.level == "critical" else st.warning)(call.text)


def _calls(desk: Desk, now: Standing) -> list[alarms.Call]:
    calls = [alarms.of_alert(desk.words, alert) for alert in now.alerts]
    calls += alarms.of_campaign(desk.words, now.campaign, now.balance, now.stopped)
    return sorted(calls, key=lambda c: c.level != "critical")[:MOST_ADVICES]


def next_steps(desk: Desk, parts: Details) -> None:
    """What the figures advise; with what is alarming above, three things at most."""
    words, campaign_id = desk.words, parts.campaign.id
    room = MOST_ADVICES - len(_calls(desk, parts.standing))
    if room <= 0 or not parts.whole:
        return
    targets = {number: links for number, (_, links) in queries.reported(desk, parts).items()}
    found = of_campaign(words, parts.whole[0], parts, queries.usual(desk, campaign_id), targets)[:room]
    if found:
        st.subheader(words.t("What to do next"))
    for one in found:
        st.info(one.text, icon=":material/lightbulb:")
        link(one.label, one.page, icon=":material/arrow_forward:", params=one.params)


def balance(desk: Desk, row: Row) -> None:
    """The balance sheet as one bar that adds up."""
    _balance_bar(desk.words, {state: row[column] for state, column in HAND_OVERS.items()}, row["audience_count"])


def ops_balance(desk: Desk, counted: Balance) -> None:
    """The same from ops, for the time before dbt's views are there."""
    waiting = sum(counted[state] for state in ("due", "held", "sending"))
    counts = {state: counted["bounced" if state == "refused" else state] for state in HAND_OVERS}
    _balance_bar(desk.words, {**counts, "waiting": waiting}, counted.audience)


def _balance_bar(words: Words, counts: dict[str, int], audience: int) -> None:
    st.subheader(words.t("Everybody is accounted for"))
    rows: list[Row] = [
        {"state": state, "label": terms.term(words, terms.HAND_OVERS, state), "count": count}
        for state, count in counts.items()
    ]
    st.altair_chart(charts.balance_bar(rows, words), key="balance")
    shown = [row for row in rows if row["count"] or row["state"] == "accepted"]
    total = words.n("%(count)s recipient", "%(count)s recipients", audience)
    st.markdown(f"**{total}** = " + " + ".join(f"{words.number(r['count'])} {r['label']}" for r in shown))


def reactions(desk: Desk, row: Row) -> None:
    """Delivered, opened, clicked by people, with machines apart; then each rate with its n."""
    words = desk.words
    st.subheader(words.t("What became of it"))
    steps = (
        ("Sent", "sent_count", None, charts.SEA),
        ("Delivered", "delivered_count", None, charts.WAKE),
        ("Opened by people", "human_open_count", "open_rate", charts.WAKE),
        ("Clicked by people", "human_click_count", "click_rate", charts.WAKE),
        ("Opened by machines", "machine_open_count", None, charts.MIST),
        ("Clicked by machines", "machine_click_count", None, charts.MIST),
    )
    rows = [
        {
            "label": words.t(label),
            "count": row[column],
            "text": words.number(row[column]) + (f" · {rate_text(words, row, rate)}" if rate and row[rate] else ""),
            "place": charts.place(place),
        }
        for label, column, rate, place in steps
    ]
    st.altair_chart(charts.funnel(rows, words), key="funnel")
    st.caption(
        words.t(
            "Machines are privacy preloads and scanners: kept, and in no rate. %(opens)s opens and %(clicks)s clicks"
            " came from people who did not agree to be measured: they are counted without a name.",
            opens=words.number(row["anonymous_open_count"]),
            clicks=words.number(row["anonymous_click_count"]),
        )
    )
    for chunk in (RATES[:3], RATES[3:]):
        for column, metric in zip(st.columns(3), chunk, strict=True):
            with column:
                rate_tile(words, row, metric)
    list_links.draw(desk, row["campaign_id"], row)


def curve(desk: Desk, parts: Details) -> None:
    """How opens and clicks came over time."""
    words = desk.words
    st.subheader(_curve_title(words, parts.curve))
    if not parts.curve:
        st.caption(words.t("Nothing has come yet."))
        return
    first = parts.curve[0]["minute_at"]
    lasts = parts.curve[-1]["minute_at"] - first
    divisor, unit = (60, words.t("minutes")) if lasts < timedelta(hours=3) else (3600, words.t("hours"))
    rows = []
    for label, column, place in (
        ("openers", "human_open_count", charts.SEA),
        ("clickers", "human_click_count", charts.WAKE),
        ("bounces", "bounced_count", charts.CORAL),
    ):
        totals = list(accumulate(point[column] for point in parts.curve))
        for number, (point, total) in enumerate(zip(parts.curve, totals, strict=True), 1):
            elapsed = (point["minute_at"] - first).total_seconds() / divisor
            rows.append({"elapsed": elapsed, "total": total, "label": words.t(label), "place": charts.place(place),
                         "is_last": number == len(totals)})  # fmt: skip
    st.altair_chart(charts.curve(rows, words, unit=unit), key="curve")


def _curve_title(words: Words, points: list[Row]) -> str:
    minutes = verdict.half_time(points, "human_open_count")
    if minutes is None:
        return words.t("Opens and clicks over time")
    return words.t("Half of all openers came in the first %(time)s", time=words.lasting(timedelta(minutes=minutes)))


def links(desk: Desk, parts: Details) -> None:
    """Which links were clicked, by how many people."""
    words = desk.words
    st.subheader(words.t("Links by clickers"))
    if not parts.links:
        st.caption(words.t("Nobody has clicked yet."))
        return
    known = queries.reported(desk, parts)
    rows = []
    for row in parts.links[:LINKS_SHOWN]:
        variant, targets = known.get(row["variant_id"], (None, {}))
        name = f"{variant.name} · " if variant and len(known) > 1 else ""
        rows.append(
            {
                "label": f"{name}{row['link_number']}. {_address(targets.get(row['link_number']))}",
                "count": row["clicker_count"],
                "text": f"{words.number(row['clicker_count'])} · {rate_text(words, row, 'click_rate')}",
                "place": charts.place(charts.WAKE),
            }
        )
    st.altair_chart(charts.ranked(rows, words, title=words.t("clickers")), key="links")


def _address(url: str | None) -> str:
    if not url:
        return NOTHING
    parts = urlsplit(url)
    short = f"{parts.netloc}{parts.path}".rstrip("/")
    return short if len(short) <= LABEL else "…" + short[-LABEL:]


def variants(desk: Desk, parts: Details, *, has_verdict: bool = False) -> None:
    """Variants beside each other, with the verdict in words where no test of theirs has said it."""
    known = queries.variants(desk, parts.campaign.id)
    if len(known) < 2:  # noqa: PLR2004  # one alone is not compared
        return
    words, names = desk.words, {number: variant.name for number, (variant, _) in known.items()}
    st.subheader(words.t("Variants"))
    if not has_verdict:
        st.markdown(verdict.of_variants(words, parts, names, parts.campaign.state))
    rows = [
        {
            "label": names.get(row["variant_id"], NOTHING),
            "rate": row["click_rate"],
            "low": row["click_rate_low"],
            "high": row["click_rate_high"],
            "text": rate_text(words, row, "click_rate"),
        }
        for row in parts.variants
        if row["click_rate"] is not None
    ]
    if rows:
        st.altair_chart(charts.intervals(rows, words, title=words.t("click rate and its interval")), key="variants")
    figures.table(
        [words.t(h) for h in ("Variant", "Subject", "Sent", "Delivered", "Openers", "Clickers", "Click-to-open")],
        [
            [
                plain(names.get(row["variant_id"], NOTHING)),
                plain(known[row["variant_id"]][0].source.subject) if row["variant_id"] in known else NOTHING,
                words.number(row["sent_count"]),
                words.number(row["delivered_count"]),
                rate_text(words, row, "open_rate"),
                rate_text(words, row, "click_rate"),
                rate_text(words, row, "reactivity_rate"),
            ]
            for row in parts.variants
        ],
        left=2,
    )


def providers(desk: Desk, parts: Details) -> None:
    """Mailbox providers; the odd one is marked."""
    words, odd = desk.words, verdict.odd_providers(parts)
    st.subheader(words.t("Mailbox providers"))
    if not parts.providers:
        st.caption(words.t("Nothing is sent yet."))
        return
    figures.table(
        [words.t(h) for h in ("Provider", "Sent", "Delivered", "Deferred", "Bounces", "Complaints")],
        [
            [
                terms.term(words, terms.PROVIDERS, row["provider"])
                + (f" :orange[:material/warning: {words.t('bounces more')}]" if row["provider"] in odd else ""),
                words.number(row["sent_count"]),
                words.number(row["delivered_count"]),
                words.number(row["deferred_count"]),
                rate_text(words, row, "bounce_rate"),
                rate_text(words, row, "complaint_rate"),
            ]
            for row in parts.providers
        ],
    )
    st.caption(words.t("Complaints: only providers that report each of them; the others show a dash."))


def bounces(desk: Desk, parts: Details) -> None:
    """Bounces by class and reason."""
    words = desk.words
    st.subheader(words.t("Bounces by class"))
    if not parts.bounces:
        st.caption(words.t("Nothing has bounced."))
        return
    figures.table(
        [words.t(h) for h in ("Class", "Reason", "Recipients", "Contradicted")],
        [
            [
                terms.term(words, terms.BOUNCE_CLASSES, row["bounce_class"]),
                terms.term(words, terms.REASONS, row["bounce_reason"]),
                words.number(row["bounced_count"]),
                words.number(row["contradicted_bounce_count"]),
            ]
            for row in parts.bounces
        ],
        left=2,
    )
    st.caption(words.t("Contradicted: returned by mail, though the person opened or clicked; counted as delivered."))


def without_figures(desk: Desk, seen: Report) -> None:
    """What stands in the place of rates before the first build."""
    words = desk.words
    if seen.balance.audience == 0:
        st.info(words.t("Nobody has been planned yet: figures begin when the campaign leaves."),
                icon=":material/event:")  # fmt: skip
        return
    ops_balance(desk, seen.balance)
    st.info(
        words.t(
            "Rates and curves come with the first build of the figures, which runs by itself within minutes;"
            " `sillage metrics build` runs it now."
        ),
        icon=":material/hourglass_top:",
    )
