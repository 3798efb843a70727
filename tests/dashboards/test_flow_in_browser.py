"""The journey around a campaign in a real browser: a test to colleagues, a second person's word, the calendar."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from pages_world import Home
from playwright.sync_api import Browser, expect
from test_in_browser import _open, address, chromium, pytestmark  # noqa: F401  # fixtures

from sillage.campaign.create import create_campaign
from sillage.campaign.schedule import schedule
from sillage.domain.campaign import CampaignState
from sillage.domain.sign_in import Role
from sillage.store import accounts, campaigns, trial_mails, users


def test_a_campaign_is_tried_approved_and_found_in_the_calendar_on_a_phone(
    world: Home,
    address: str,  # noqa: F811  # a fixture
    chromium: Browser,  # noqa: F811
) -> None:
    """Home asks for the owner's word, the mail goes to a colleague, it is approved, and the calendar leads to it."""
    account = world.account("harbour", "Harbour", people=4)
    now = world.settings.clock.now()
    world.sign_in("harbour", Role.MEMBER)
    with world.store.write() as conn:
        accounts.set_approval(conn, account.id, needed=True)
        author = users.by_email(conn, "member@harbour.example")
        assert author is not None
        made = create_campaign(conn, world.settings, account, world._spec(account, "Tides"), now=now, by=author.id)
        schedule(conn, account.id, made, send_at=now + timedelta(minutes=40), by=author.id, now=now)
    page = _open(world, chromium, "harbour")
    page.goto(f"{address}/?account=harbour&lang=en")
    expect(page.get_by_text("Tides waits for your approval.")).to_be_visible()
    page.goto(f"{address}/campaigns?account=harbour&lang=en")
    page.get_by_role("button", name="Send a test").click()
    page.get_by_role("textbox", name="To these colleagues").fill("ada@harbour.example")
    page.get_by_role("button", name="Send the test").click()
    expect(page.get_by_text("ada@harbour.example · on its way")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Look at it, and approve").click()
    page.get_by_role("button", name="Approve: it leaves at its time").click()
    expect(page.get_by_text("approved by Ada")).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{address}/calendar?account=harbour&lang=en&month={_month(world)}")
    entry = page.locator("a.sl-entry").filter(has_text="Tides")
    expect(entry).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    entry.click()
    page.wait_for_url(f"**/report?*campaign={made}*")
    with world.store.read() as conn:
        assert campaigns.get(conn, account.id, made).state is CampaignState.SCHEDULED
        assert [m.label for m in trial_mails.listed(conn, account.id)] == ["[Test] Tides for you"]
    page.close()


def _month(world: Home) -> str:
    """The month of a campaign that leaves in forty minutes, on the account's calendar (Europe/Paris)."""
    there = world.settings.clock.now() + timedelta(minutes=40)
    with world.store.read() as conn:
        zone = accounts.by_slug(conn, "harbour").timezone
    return f"{there.astimezone(ZoneInfo(zone)):%Y-%m}"
