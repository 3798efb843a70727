"""What a campaign's own figures advise: rules as data, each with its figure and one click. Counts are compared here."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from dashboards import terms
from dashboards.queries import Details
from dashboards.words import Words, plain
from sillage.settings import ROOT

Row = dict[str, Any]
RULES_PATH = ROOT / "data" / "advice.toml"


@dataclass(frozen=True, slots=True)
class Rule:
    """When a piece of advice is given, what it says, and where its one click leads."""

    name: str
    at_least: int
    least: float
    text: str
    label: str
    page: str
    source: str
    date: date
    list: str = ""

    def holds(self, count: int, of: int) -> bool:
        """Whether a count is a large enough part of enough people."""
        return count >= self.at_least and count >= self.least * of


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to do."""

    rule: str
    text: str
    label: str
    page: str
    params: dict[str, str]


@cache
def rules() -> tuple[Rule, ...]:
    """The rows of data/advice.toml, in their order."""
    return tuple(Rule(**row) for row in tomllib.loads(RULES_PATH.read_text("utf-8"))["rule"])


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the rules look at."""

    words: Words
    row: Row
    parts: Details
    usual: Row | None
    targets: dict[int, dict[int, str]]

    def counted(self, count: int, of: int, **more: str) -> dict[str, str]:
        """N of N, as a text names them."""
        return {"count": self.words.number(count), "of": self.words.number(of), **more}


Told = tuple[dict[str, str], dict[str, str]]
"""What a text says, and what its click takes along."""


def of_campaign(
    words: Words, row: Row, parts: Details, usual: Row | None, targets: dict[int, dict[int, str]]
) -> list[Advice]:
    """What fits a campaign: `row` are its figures, `targets` where links lead, by variant and number."""
    facts, found = _Facts(words, row, parts, usual, targets), []
    for rule in rules():
        told = _TELL[rule.name](rule, facts)
        if told is not None:
            values, more = told
            params = {"campaign": str(row["campaign_id"]), "list": rule.list, **more} if rule.list else {}
            found.append(Advice(rule.name, words.t(rule.text, **values), words.t(rule.label), rule.page, params))
    return found


def _provider_blocks(rule: Rule, facts: _Facts) -> Told | None:
    sent = [row for row in facts.parts.providers if row["sent_count"]]
    worst = max(sent, key=lambda row: row["deferred_count"] / row["sent_count"], default=None)
    if worst is None or not rule.holds(worst["deferred_count"], worst["sent_count"]):
        return None
    name = terms.term(facts.words, terms.PROVIDERS, worst["provider"])
    return facts.counted(worst["deferred_count"], worst["sent_count"], provider=name), {}


def _soft_bounces(rule: Rule, facts: _Facts) -> Told | None:
    count = sum(row["bounced_count"] for row in facts.parts.bounces if row["bounce_class"] == "soft")
    of = facts.row["sent_count"]
    return (facts.counted(count, of), {}) if rule.holds(count, of) else None


def _many_unsubscribe(rule: Rule, facts: _Facts) -> Told | None:
    count, of = facts.row["unsubscribed_count"], facts.row["delivered_count"]
    return (facts.counted(count, of), {}) if rule.holds(count, of) else None


def _fewer_opens(rule: Rule, facts: _Facts) -> Told | None:
    """The whole interval below what is usual: chance alone advises nothing."""
    row, usual = facts.row, facts.usual
    if usual is None or row["open_rate"] is None or usual["open_rate_low"] is None:
        return None
    if row["measurable_count"] < rule.at_least or row["open_rate_high"] >= usual["open_rate_low"]:
        return None
    span = facts.words.span(usual["open_rate_low"], usual["open_rate_high"])
    return {"rate": facts.words.percent(row["open_rate"]), "usual": span}, {}


def _one_link(rule: Rule, facts: _Facts) -> Told | None:
    links, of = facts.parts.links, facts.row["human_click_count"]
    if len(links) < 2 or not rule.holds(links[0]["clicker_count"], of):  # noqa: PLR2004  # one alone is no choice
        return None
    top = links[0]
    url = urlsplit(facts.targets.get(top["variant_id"], {}).get(top["link_number"], ""))
    shown = plain(f"{url.netloc}{url.path}") or facts.words.number(top["link_number"])
    return facts.counted(top["clicker_count"], of, link=shown), {"link": f"{top['variant_id']}.{top['link_number']}"}


_TELL: dict[str, Callable[[Rule, _Facts], Told | None]] = {
    "provider_blocks": _provider_blocks,
    "soft_bounces": _soft_bounces,
    "many_unsubscribe": _many_unsubscribe,
    "fewer_opens": _fewer_opens,
    "one_link": _one_link,
}
