"""What the figures say, in words. Rates and intervals are compared here, never computed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from dashboards.queries import Details, Report
from dashboards.words import Words, plain
from sillage.domain.ab_compare import Compared, compare
from sillage.domain.ab_verdict import Count
from sillage.domain.campaign import CampaignState

Row = dict[str, Any]


def sentence(words: Words, report: Report, usual: Row | None) -> str:
    """A campaign in one sentence: to how many, since when, what arrived, who clicked, and whether that is usual."""
    row, campaign = report.figures, report.campaign
    if row is None or not row["sent_count"]:
        return words.t("Nothing has left yet.")
    parts = [
        words.n(
            "Sent to %(count)s person since %(since)s",
            "Sent to %(count)s people since %(since)s",
            row["sent_count"],
            since=words.since(campaign.started_at or campaign.send_at, report.as_of),
        ),
        words.t("%(n)s delivered", n=words.number(row["delivered_count"])),
    ]
    if row["click_rate"] is not None:
        parts.append(words.t("%(rate)s clicked", rate=words.percent(row["click_rate"])) + _against(words, row, usual))
    return "; ".join(parts) + "."


def _against(words: Words, row: Row, usual: Row | None) -> str:
    if usual is None:
        return ""
    low, high, rate = usual["click_rate_low"], usual["click_rate_high"], row["click_rate"]
    span = words.span(low, high)
    if rate > high:
        return words.t(", more than usual (%(span)s)", span=span)
    if rate < low:
        return words.t(", less than usual (%(span)s)", span=span)
    return words.t(", as usual (%(span)s)", span=span)


def of_variants(words: Words, details: Details, names: dict[int, str], state: CampaignState) -> str:
    """Which variant is clicked more. The highest raw rate is no winner: its interval has to lie above all others,
    and while the campaign runs nothing is said, for whoever looks each hour finds a winner by chance.
    """
    rated = [v for v in details.variants if v["click_rate"] is not None]
    if len(rated) < 2:  # noqa: PLR2004  # one alone is not compared
        return ""
    if state not in {CampaignState.CLOSED, CampaignState.CANCELLED}:
        return words.t("Too early to say which one is clicked more: the campaign still runs.")
    compared = compare({v["variant_id"]: Count(v["delivered_count"], v["human_click_count"]) for v in rated})
    said = _difference(words, compared, names)
    if compared.verdict.winner is not None:
        name = plain(names.get(compared.verdict.winner, ""))
        return words.t("%(name)s is clicked more than the others, beyond chance.", name=name) + f" {said}"
    return words.t("No variant is ahead beyond chance.") + f" {said}"


def _difference(words: Words, compared: Compared, names: dict[int, str]) -> str:
    """The first two beside each other, with the interval of what divides them."""
    if compared.lift is None:
        return ""
    low, high = (words.percent(share, 2) for share in compared.interval)
    return words.t(
        "%(best)s against %(other)s: %(high)s against %(low)s, a difference of %(lift)s.",
        best=plain(names.get(compared.first, str(compared.first))),
        other=plain(names.get(compared.second, str(compared.second))),
        high=words.percent(compared.rates[0], 2), low=words.percent(compared.rates[1], 2),
        lift=words.t("%(lift)s (%(low)s to %(high)s)", lift=words.percent(compared.lift, 2), low=low, high=high),
    )  # fmt: skip


def odd_providers(details: Details) -> set[str]:
    """Providers at which clearly more bounces than in the whole campaign: their interval lies above its interval."""
    high = details.whole[0]["bounce_rate_high"] if details.whole else None
    if high is None:
        return set()
    return {
        row["provider"]
        for row in details.providers
        if row["bounce_rate_low"] is not None and row["bounce_rate_low"] > high
    }


def half_time(curve: list[Row], field: str) -> int | None:
    """Minutes from the first message until half of all of a kind had come; None where there are too few to say."""
    total = sum(row[field] for row in curve)
    if not curve or total < 20:  # noqa: PLR2004  # halves of less jump about
        return None
    seen = 0
    for row in curve:
        seen += row[field]
        if seen * 2 >= total:
            until: timedelta = row["minute_at"] - curve[0]["minute_at"]
            return round(until.total_seconds() / 60) + 1
    return None
