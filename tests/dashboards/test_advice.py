"""Advice from a campaign's own figures: each rule at its border, with its figure and its one click."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import pytest
from pages_world import PAGES, Browser, Home

from dashboards import advice
from dashboards.queries import Details
from dashboards.words import Words
from sillage.store import accounts, campaigns

WORDS = Words("en", "Europe/Paris")
CALM: dict[str, Any] = {
    "campaign_id": 7, "sent_count": 1000, "delivered_count": 990, "measurable_count": 900, "human_click_count": 100,
    "unsubscribed_count": 0, "open_rate": 0.3, "open_rate_high": 0.33,
}  # fmt: skip
USUAL = {"open_rate_low": 0.28, "open_rate_high": 0.36}


def _said(row: dict[str, Any] | None = None, usual: dict[str, Any] | None = None, **parts: Any) -> list[advice.Advice]:
    held = {"providers": [], "bounces": [], "links": [], "whole": [], "variants": [], "curve": [], **parts}
    details = Details(datetime.now(UTC), cast("Any", None), **held, took_s=0.0)
    targets = {3: {1: "https://shop.example/lamps?x=1"}}
    return advice.of_campaign(WORDS, {**CALM, **(row or {})}, details, usual, targets)


def _link(people: int) -> dict[str, Any]:
    return {"variant_id": 3, "link_number": 1, "clicker_count": people}


def test_a_calm_campaign_is_told_nothing() -> None:
    """Figures as usual advise nothing, and neither does a campaign without any."""
    assert _said(usual=USUAL) == []
    empty = dict.fromkeys(CALM, 0) | {"open_rate": None, "open_rate_high": None}
    assert _said(empty, USUAL, links=[_link(0), _link(0)]) == []


@pytest.mark.parametrize(
    ("rule", "below", "above"),
    [
        ("provider_blocks", {"providers": [{"provider": "orange", "deferred_count": 19, "sent_count": 100}]},
         {"providers": [{"provider": "orange", "deferred_count": 20, "sent_count": 100}]}),
        ("soft_bounces", {"bounces": [{"bounce_class": "soft", "bounced_count": 19}]},
         {"bounces": [{"bounce_class": "soft", "bounced_count": 20}]}),
        ("many_unsubscribe", {"row": {"unsubscribed_count": 9}}, {"row": {"unsubscribed_count": 10}}),
        ("fewer_opens", {"row": {"open_rate": 0.2, "open_rate_high": 0.28}, "usual": USUAL},
         {"row": {"open_rate": 0.2, "open_rate_high": 0.27}, "usual": USUAL}),
        ("one_link", {"links": [_link(59), _link(10)]}, {"links": [_link(60), _link(10)]}),
    ],
)  # fmt: skip
def test_a_rule_holds_from_its_border_on(rule: str, below: dict[str, Any], above: dict[str, Any]) -> None:
    """One less and nothing is said; at the border the rule speaks, alone."""
    assert _said(**below) == []
    assert [one.rule for one in _said(**above)] == [rule]


def test_advice_says_its_figure_and_takes_it_along() -> None:
    """The text has the figures of the campaign, and the click leads to the very list."""
    (found,) = _said(links=[_link(80), _link(10)])
    assert found.text.startswith("80 of 100 clickers chose one link, shop")
    assert found.params == {"campaign": "7", "list": "clickers", "link": "3.1"}
    (found,) = _said({"open_rate": 0.2, "open_rate_high": 0.22}, USUAL)
    assert "20.0\u00a0%, usually 28.0\u201336.0\u00a0%" in found.text


def test_each_rule_has_a_source_and_leads_to_a_page() -> None:
    """No rule without where it comes from, since when, and where its click goes."""
    for rule in advice.rules():
        assert rule.source
        assert rule.date.year >= 2026
        assert (PAGES / f"{rule.page}.py").exists()


def test_a_report_shows_three_at_most(world: Home, browser: Browser) -> None:
    """A campaign with more than three alarms shows the three gravest and no advice below them."""
    with world.store.read() as conn:
        campaign = campaigns.by_name(conn, accounts.by_slug(conn, "alarm").id, "Bought list").id
    app = browser.open(world, "report", account="alarm", campaign=str(campaign))
    assert len(app.error) + len(app.warning) + len(app.info) <= 3
    assert len(app.error) >= 2
