"""Each figure on each page is the mart's or the live view's, to the digit, and pages agree with each other."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pages_world import Browser, Home
from streamlit.testing.v1 import AppTest

from dashboards import figures, list_links, list_parts, terms
from dashboards.words import NOTHING, Words
from sillage.lake.reader import Reader
from sillage.store import accounts, campaigns

WORDS = Words("en", "Europe/Paris")
NAMES = {terms.METRICS[metric]: metric for metric in figures.RATES if metric != "permanent_bounce_rate"}


def _told(world: Home, slug: str) -> dict[str, tuple[int, dict[str, Any]]]:
    """Each campaign by name: its number, and the row of the live view, asked by itself."""
    with world.store.read() as conn:
        account = accounts.by_slug(conn, slug)
        found = {int(c.id): c.name for c in campaigns.listed(conn, account.id)}
    reader = Reader(world.settings)
    rows = reader.query("select * from marts.main.live_campaign where account_id = ?", [account.id])
    reader.close()
    return {found[row["campaign_id"]]: (row["campaign_id"], row) for row in rows}


def _tiles(app: AppTest) -> list[tuple[str, str]]:
    return [(tile.label, tile.value) for tile in app.metric]


def _shown(row: dict[str, Any], metric: str) -> str:
    return NOTHING if row[metric] is None else WORDS.percent(row[metric], terms.digits(metric))


@pytest.mark.parametrize("slug", ["maison", "alarm", "odd"])
def test_every_tile_of_every_report_is_the_live_views_figure(world: Home, browser: Browser, slug: str) -> None:
    """Six rates, each with its n of N, the balance sheet and the funnel, of each campaign of an account."""
    for name, (number, row) in _told(world, slug).items():
        app = browser.open(world, "report", account=slug, campaign=str(number))
        assert dict(_tiles(app)) == {label: _shown(row, metric) for label, metric in NAMES.items()}, name
        said = "\n".join(str(c.value) for c in app.caption)
        for metric in NAMES.values():
            numerator, denominator, _ = figures.RATES[metric]
            if row[metric] is not None:
                assert figures.of(WORDS, row[numerator], row[denominator]) in said
        (line,) = [m.value for m in app.markdown if re.search(r"recipients?\*\* =", m.value)]
        numbers = [int(n.replace(",", "")) for n in re.findall(r"\d[\d,]*", line)]
        assert numbers[0] == row["audience_count"] == sum(numbers[1:])


@pytest.mark.parametrize("slug", ["maison", "alarm", "odd"])
def test_the_list_of_campaigns_and_home_agree_with_the_reports(world: Home, browser: Browser, slug: str) -> None:
    """Whatever rate stands beside a campaign on another page is the rate of its report."""
    told = _told(world, slug)
    for name, (_, row) in told.items():
        app = browser.open(world, "campaigns", account=slug, q=name)
        assert dict(_tiles(app)) == {label: _shown(row, metric) for label, metric in NAMES.items()}, name
    app = browser.open(world, "home", account=slug)
    running = [row for name, (_, row) in told.items() if name == "November news"]
    for row in running:
        for label in ("Openers", "Clickers", "Unsubscribes"):
            assert (label, _shown(row, NAMES[label])) in _tiles(app)


def test_each_figure_of_a_report_leads_to_a_list_of_as_many(world: Home, browser: Browser) -> None:
    """The number beside a list on the report is the number of people on that list."""
    for slug, name in (("maison", "November news"), ("alarm", "Bought list")):
        number, row = _told(world, slug)[name]
        for wanted, column in list_links.COUNTS.items():
            app = browser.open(world, "lists", account=slug, campaign=str(number), list=str(wanted))
            (size,) = [s.value for s in app.subheader if s.value.endswith(("person", "people"))]
            assert size.split()[0] == WORDS.number(row[column]), (name, list_parts.LISTS[wanted])


@pytest.mark.parametrize("language", ["en", "fr"])
def test_odd_campaigns_draw_on_every_page(world: Home, browser: Browser, language: str) -> None:
    """Nothing delivered, one person, machines alone, clocks that go back, every script: no error, and dashes."""
    told = _told(world, "odd")
    assert len(told) == 4
    for page in ("home", "campaigns", "trends", "deliverability"):
        app = browser.open(world, page, account="odd", lang=language)
        assert not app.exception, page
        assert not any("could not be drawn" in e.value or "n'a pas pu" in e.value for e in app.error), page
    for name, (number, row) in told.items():
        for page in ("report", "lists"):
            app = browser.open(world, page, account="odd", campaign=str(number), lang=language)
            assert not app.exception, (page, name)
        if row["delivered_count"] == 0:
            app = browser.open(world, "report", account="odd", campaign=str(number), lang=language)
            assert NOTHING in dict(_tiles(app)).values()


def test_trends_show_the_marts_figures(world: Home, browser: Browser) -> None:
    """Campaigns beside each other with the very rates of the marts; at the same age none is ahead by its years."""
    app = browser.open(world, "trends", account="maison")
    assert not app.error
    assert not app.exception
    table = next(m.value for m in app.markdown if "Usual clickers" in m.value)
    reader = Reader(world.settings)
    rows = reader.query(
        "select p.* from marts.main.fct_campaign_performance p join marts.main.dim_account a using (account_id)"
        " where a.account_slug = 'maison'"
    )
    newcomers = reader.query(
        "select c.* from marts.main.fct_cohort_engagement c join marts.main.dim_account a using (account_id)"
        " where a.account_slug = 'maison' and month_number = 0 order by cohort_date desc"
    )
    reader.close()
    lines = {line.split(" | ")[0].strip("| "): line for line in table.splitlines()}
    for row in rows:
        for metric in set(NAMES.values()) - {"reactivity_rate"}:
            assert _shown(row, metric) in lines[row["campaign_name"]]
    cohort = next(m.value for m in app.markdown if m.value.startswith("| First written to from |"))
    people = [line.split(" | ") for line in cohort.splitlines()[2:]]
    assert [int(line[1].replace(",", "")) for line in people] == [row["reached_count"] for row in newcomers]
    assert newcomers[0]["reached_count"] > newcomers[0]["clicker_count"] > 0
    assert WORDS.percent(newcomers[0]["click_rate"]) in people[0][2]
    same = next(m.value for m in app.markdown if m.value.startswith("| Campaign | Delivered |"))
    assert same.count("\n") == 4
    assert any("at the age of" in c.value for c in app.caption)
    assert any(s.value.startswith("Most clicks come on") for s in app.subheader)


def test_advice_and_lists_of_an_empty_account_say_so(world: Home, browser: Browser) -> None:
    """Without any campaign the pages of figures say what comes, and nothing is an error."""
    for page in ("trends", "lists", "report"):
        app = browser.open(world, page, account="quiet")
        assert len(app.info) == 1
        assert not app.error
