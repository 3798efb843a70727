"""A test of versions in a real browser: set it up, watch it, see the verdict, let the winner go to the rest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import fastexcel
import pytest
from pages_world import Home, new_home, patient
from playwright.sync_api import Page, expect, sync_playwright
from screenshots import ARGS, CHROMIUM, served
from test_ab_pages import trial

from sendworker.scheduler import Scheduler
from sillage.campaign.ab_decide import decide_all
from sillage.domain.ids import AccountId, CampaignId
from sillage.domain.sign_in import Role
from sillage.lake.collector import collect_once
from sillage.lake.event import Event, EventType, event_id
from sillage.lake.foundation import lay_foundation
from sillage.lake.reader import Reader
from sillage.store import ab_tests, accounts, campaigns, outbox, users

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="chromium is not installed"),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """An installation with a test that left six hours ago and one whose day is over; in both B is clicked far more."""
    found = new_home(tmp_path_factory.mktemp("ab") / "home")
    lay_foundation(found.settings)
    trial(found)
    trial(found, slug="timed", hours=25, decide="at_time")
    yield found
    found.store.close()


@pytest.fixture(scope="module")
def page(home: Home) -> Iterator[Page]:
    """A window of the account's owner."""
    with served(home) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGS))
        window = patient(browser.new_page(base_url=address, viewport={"width": 1280, "height": 1100}))
        cookie = {"name": "sillage", "value": _of_both(home), "domain": "127.0.0.1", "path": "/"}
        window.context.add_cookies([cookie])
        yield window
        browser.close()


def _of_both(home: Home) -> str:
    """The session of somebody who owns both accounts."""
    token, now = home.sign_in("trial"), home.settings.clock.now()
    with home.store.write() as conn:
        owner = users.by_email(conn, "owner@trial.example")
        assert owner is not None
        users.join(conn, accounts.by_slug(conn, "timed").id, owner.id, Role.OWNER, now=now)
    return token


def test_a_test_is_set_up_in_the_form(home: Home, page: Page) -> None:
    """Two versions, a segment: the form says how many people it needs; the button writes the campaign with its test."""
    page.goto("/new_campaign?account=trial&lang=en")
    page.get_by_label("Name", exact=True).first.fill("Spring")
    page.get_by_test_id("stButtonGroup").filter(has_text="Versions").get_by_role("radio", name="2").click()
    subjects = page.get_by_role("textbox", name="Subject", include_hidden=True)
    expect(subjects).to_have_count(2)
    subjects.nth(0).fill("One")
    page.get_by_role("tab", name="Version B").click()
    subjects.nth(1).fill("Two")
    page.get_by_role("combobox", name="To the segments").click()
    page.get_by_role("option", name="Readers").click()
    page.keyboard.press("Escape")
    expect(page.get_by_text("with 80 % certainty within 24 hours")).to_be_visible()
    expect(page.get_by_text("Your audience has 1,000")).to_be_visible()
    page.get_by_role("button", name="Save as a draft").click()
    expect(page.get_by_role("heading", name="Spring", exact=True)).to_be_visible()
    with home.store.read() as conn:
        account = accounts.by_slug(conn, "trial")
        made = campaigns.by_name(conn, account.id, "Spring")
        kept = ab_tests.of_campaign(conn, account.id, made.id)
    assert kept is not None
    assert not kept.test.is_exact


def test_the_report_is_watched_and_a_chosen_winner_goes_to_the_rest(home: Home, page: Page) -> None:
    """A click shows itself on the open page; B is ahead, is chosen, and goes to the four hundred who waited."""
    with home.store.read() as conn:
        account = accounts.by_slug(conn, "trial")
        campaign = campaigns.by_name(conn, account.id, "Two subjects").id
        variant = campaigns.variants_of(conn, account.id, campaign)[1].id
        people = [
            contact for contact, held, state in campaigns.planned_rows(conn, account.id, campaign)
            if held == variant and state == "accepted"
        ]  # fmt: skip
    page.goto(f"/report?campaign={campaign}&account=trial&lang=en")
    expect(page.get_by_text("B is ahead of all others beyond chance")).to_be_visible()
    expect(page.locator("canvas, svg.marks").first).to_be_visible()
    expect(page.get_by_role("link", name="Clickers 110")).to_be_visible()
    _click(home, account.id, campaign, int(variant), people)
    expect(page.get_by_role("link", name="Clickers 111")).to_be_visible()
    page.get_by_role("button", name="Choose version B").click()
    page.get_by_role("button", name="Send it to 400 people").click()
    expect(page.get_by_text("Chosen by hand: the rest gets version B.")).to_be_visible()
    Scheduler(home.store, home.settings).tick(home.settings.clock.now())
    with home.store.read() as conn:
        assert campaigns.balance(conn, account.id, campaign).counts == {"accepted": 600, "due": 400}


def _click(home: Home, account: AccountId, campaign: CampaignId, variant: int, people: list[int]) -> None:
    """Somebody of version B who has not clicked does."""
    reader = Reader(home.settings)
    sql = "select contact_id from lake.main.events where type = 'clicked' and campaign_id = ?"
    known = {row["contact_id"] for row in reader.query(sql, [campaign])}
    reader.close()
    contact, now = next(one for one in people if one not in known), home.settings.clock.now()
    with home.store.write() as conn:
        outbox.record(conn, [
            Event(id=event_id("late", contact), type=EventType.CLICKED, account_id=account, campaign_id=campaign,
                  variant_id=variant, contact_id=contact, occurred_at=now, recorded_at=now, link=1, is_machine=False)
        ])  # fmt: skip
    collect_once(home.settings, home.store)


def test_a_winner_by_time_goes_to_the_rest_and_its_clickers_are_exported(
    home: Home, page: Page, tmp_path: Path
) -> None:
    """The hours are over: the guard names B while the report is open, the rest gets it, and the clickers' workbook is
    read back with everybody who clicked.
    """
    with home.store.read() as conn:
        account = accounts.by_slug(conn, "timed")
        campaign = campaigns.by_name(conn, account.id, "Two subjects").id
    page.goto(f"/report?campaign={campaign}&account=timed&lang=en")
    expect(page.get_by_text("400 people wait for the winner")).to_be_visible()
    reader = Reader(home.settings)
    assert decide_all(home.store, home.settings, reader) == 1
    reader.close()
    expect(page.get_by_text("The rest gets version B.")).to_be_visible()
    expect(page.get_by_role("button", name="Choose version B")).to_have_count(0)
    Scheduler(home.store, home.settings).tick(home.settings.clock.now())
    with home.store.read() as conn:
        assert campaigns.balance(conn, account.id, campaign).counts == {"accepted": 600, "due": 400}
    page.get_by_role("link", name="Clickers 110").click()
    expect(page.get_by_role("heading", name="110 people")).to_be_visible()
    page.get_by_role("button", name="Export", exact=True).click()
    page.get_by_role("button", name="Export 110 people").click()
    save = page.get_by_role("link", name="Save the file: 110 rows, XLSX")
    expect(save).to_be_visible()
    with page.expect_download() as waiting:
        page.evaluate("href => { location.href = href }", save.get_attribute("href"))
    file = tmp_path / "clickers.xlsx"
    waiting.value.save_as(file)
    read = fastexcel.read_excel(file).load_sheet(0).to_polars()
    assert sorted(read["variant"].value_counts().rows()) == [("A", 20), ("B", 90)]
    assert read["email"].str.ends_with("@timed-people.example").all()
