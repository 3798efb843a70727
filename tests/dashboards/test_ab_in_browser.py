"""A test of versions in a real browser: set it up, watch it, see the verdict, let the winner go to the rest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pages_world import Home, new_home
from playwright.sync_api import Page, expect, sync_playwright
from screenshots import ARGS, CHROMIUM, served
from test_ab_pages import trial

from sendworker.scheduler import Scheduler
from sillage.lake.foundation import lay_foundation
from sillage.store import ab_tests, accounts, campaigns

READY_S = 60_000

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="chromium is not installed"),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """An installation with a test that left six hours ago, of which B is clicked far more."""
    found = new_home(tmp_path_factory.mktemp("ab") / "home")
    lay_foundation(found.settings)
    trial(found)
    yield found
    found.store.close()


@pytest.fixture(scope="module")
def page(home: Home) -> Iterator[Page]:
    """A window of the account's owner."""
    with served(home) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGS))
        window = browser.new_page(base_url=address, viewport={"width": 1280, "height": 1100})
        cookie = {"name": "sillage", "value": home.sign_in("trial"), "domain": "127.0.0.1", "path": "/"}
        window.context.add_cookies([cookie])
        yield window
        browser.close()


def test_a_test_is_set_up_in_the_form(home: Home, page: Page) -> None:
    """Two versions, a segment: the form says how many people it needs; the button writes the campaign with its test."""
    page.goto("/new_campaign?lang=en")
    page.get_by_label("Name", exact=True).first.fill("Spring", timeout=READY_S)
    page.get_by_test_id("stButtonGroup").filter(has_text="Versions").get_by_role("radio", name="2").click()
    subjects = page.get_by_role("textbox", name="Subject", include_hidden=True)
    expect(subjects).to_have_count(2, timeout=READY_S)
    subjects.nth(0).fill("One")
    page.get_by_role("tab", name="Version B").click()
    subjects.nth(1).fill("Two")
    page.get_by_role("combobox", name="To the segments").click()
    page.get_by_role("option", name="Readers").click()
    page.keyboard.press("Escape")
    expect(page.get_by_text("with 80 % certainty within 24 hours")).to_be_visible(timeout=READY_S)
    expect(page.get_by_text("Your audience has 1,000")).to_be_visible()
    page.get_by_role("button", name="Save as a draft").click()
    expect(page.get_by_role("heading", name="Spring", exact=True)).to_be_visible(timeout=READY_S)
    with home.store.read() as conn:
        account = accounts.only_account(conn)
        made = campaigns.by_name(conn, account.id, "Spring")
        kept = ab_tests.of_campaign(conn, account.id, made.id)
    assert kept is not None
    assert not kept.test.is_exact


def test_the_verdict_is_seen_and_the_winner_goes_to_the_rest(home: Home, page: Page) -> None:
    """The report says who is ahead; chosen, B goes to the four hundred who waited, and the page says so."""
    with home.store.read() as conn:
        account = accounts.only_account(conn)
        campaign = campaigns.by_name(conn, account.id, "Two subjects").id
    page.goto(f"/report?campaign={campaign}&lang=en")
    expect(page.get_by_text("B is ahead of all others beyond chance")).to_be_visible(timeout=READY_S)
    expect(page.locator("canvas, svg.marks").first).to_be_visible(timeout=READY_S)
    page.get_by_role("button", name="Choose version B").click()
    page.get_by_role("button", name="Send it to 400 people").click()
    expect(page.get_by_text("Chosen by hand: the rest gets version B.")).to_be_visible(timeout=READY_S)
    Scheduler(home.store, home.settings).tick(home.settings.clock.now())
    with home.store.read() as conn:
        assert campaigns.balance(conn, account.id, campaign).counts == {"accepted": 600, "due": 400}
