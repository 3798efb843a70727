"""The pages in a real browser, on a running server: what a person sees, and how soon an event is seen."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from pages_world import PATIENCE_MS, Home, patient
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright
from playwright.sync_api import TimeoutError as TookTooLong
from screenshots import ARGS, CHROMIUM, served

from sillage.lake.collector import collect_once
from sillage.lake.event import Event, EventType, event_id
from sillage.store import accounts, campaigns, outbox

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="chromium is not installed"),
]


@pytest.fixture(scope="module")
def address(world: Home) -> Iterator[str]:
    """The pages, served as `sillage up` serves them."""
    with served(world) as found:
        yield found


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A headless Chromium that asks nothing of the network."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield browser
        browser.close()


def _open(world: Home, chromium: Browser, slug: str) -> Page:
    """A window of somebody who is signed in."""
    page = patient(chromium.new_page())
    page.context.add_cookies([{"name": "sillage", "value": world.sign_in(slug), "domain": "127.0.0.1", "path": "/"}])
    return page


def _tile(page: Page, name: str, value: str) -> None:
    tile = page.get_by_test_id("stMetric").filter(has_text=name).first
    expect(tile.get_by_test_id("stMetricValue")).to_have_text(value)


def _campaign(home: Home) -> int:
    with home.store.read() as conn:
        return campaigns.by_name(conn, accounts.by_slug(conn, "maison").id, "November news").id


def test_home_and_report_show_the_same_figures_and_load_nothing_from_outside(
    world: Home, address: str, chromium: Browser
) -> None:
    """Home leads to the report, both have the same click rate, and no request leaves this machine."""
    page = _open(world, chromium, "maison")
    outside: list[str] = []
    page.on("request", lambda r: None if r.url.startswith((address, "data:", "blob:")) else outside.append(r.url))
    page.goto(f"{address}/?account=maison&lang=en")
    _tile(page, "Clickers", "16.1\u00a0%")
    page.get_by_role("link", name="November news").click()
    _tile(page, "Click-to-open", "40.0\u00a0%")
    _tile(page, "Clickers", "16.1\u00a0%")
    expect(page.get_by_text("Sent to 600 people")).to_be_visible()
    assert f"campaign={_campaign(world)}" in page.url
    assert outside == []
    page.close()


def test_guest_is_led_to_the_sign_in_page_and_gets_no_websocket(address: str, chromium: Browser) -> None:
    """The running server shows a guest nothing but the way in, and refuses the handshake of the websocket."""
    page = patient(chromium.new_page())
    page.goto(f"{address}/report?campaign=1")
    assert page.url == f"{address}/sign-in?next=%2Freport%3Fcampaign%3D1"
    page.close()
    with closing(http.client.HTTPConnection(address.removeprefix("http://"), timeout=10)) as asking:
        asking.request("GET", "/_stcore/stream", headers={
            "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": "streamlit",
        })  # fmt: skip
        assert asking.getresponse().status == 403


def test_the_language_is_switched_and_stays_the_users(world: Home, address: str, chromium: Browser) -> None:
    """A click on the other language changes words and figures, also of the next page that this user opens."""
    page = _open(world, chromium, "maison")
    page.goto(f"{address}/campaigns")
    expect(page.get_by_role("heading", name="Campaigns", exact=True)).to_be_visible()
    page.get_by_role("radio", name="Français").click()
    expect(page.get_by_role("heading", name="Campagnes", exact=True)).to_be_visible()
    _tile(page, "Cliqueurs", "16,1\u00a0%")
    page.goto(f"{address}/segments")
    expect(page.get_by_role("radio", name="Français")).to_be_checked()
    page.get_by_role("radio", name="English").click()
    expect(page.get_by_role("heading", name="Segments", exact=True)).to_be_visible()
    page.close()


def test_each_chart_of_a_report_is_saved_as_a_picture_and_as_its_rows(
    world: Home, address: str, chromium: Browser, tmp_path: Path
) -> None:
    """The toolbar of each chart gives a PNG of more than one colour, and the rows that it is drawn from as CSV."""
    page = _open(world, chromium, "maison")
    # Where the browser can ask for a place to save at, it asks, and nobody is here to answer.
    page.add_init_script("delete window.showSaveFilePicker")
    page.goto(f"{address}/report?account=maison&lang=en&campaign={_campaign(world)}")
    _tile(page, "Clickers", "16.1\u00a0%")
    frames = page.get_by_test_id("stFullScreenFrame")
    charts = frames.filter(has=page.get_by_test_id("stVegaLiteChart"))
    expect(charts.nth(3)).to_be_attached()
    for number in range(charts.count()):
        chart = charts.nth(number)
        chart.scroll_into_view_if_needed()
        picture = _saved(page, chart, "Download as PNG", tmp_path / f"{number}.png")
        with Image.open(picture) as drawn:
            assert len(drawn.convert("RGB").getcolors(1_000_000) or ()) > 1
        _press(page, chart, "Show data")
        table = frames.filter(has=page.get_by_test_id("stDataFrame"))
        # The table has a frame of its own within the chart's.
        rows = pl.read_csv(_saved(page, table.last, "Download as CSV", tmp_path / f"{number}.csv"))
        assert rows.height > 0
        _press(page, table.first, "Show chart")
    page.close()


def _press(page: Page, frame: Locator, button: str) -> None:
    """Press a button of a frame's toolbar, which is there as long as the pointer is known to be over the frame.

    A page that draws itself anew forgets that, until the pointer moves again.
    """
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while True:
        page.mouse.move(0, 0)
        frame.hover()
        try:
            frame.get_by_role("button", name=button).click(timeout=5_000)
        except TookTooLong:
            if time.monotonic() > deadline:
                raise
        else:
            return


def _saved(page: Page, frame: Locator, button: str, path: Path) -> Path:
    """What a button of a frame's toolbar saves."""
    with page.expect_download() as waiting:
        _press(page, frame, button)
    waiting.value.save_as(path)
    return path


def test_an_event_is_on_the_page_soon_after_it_is_collected(world: Home, address: str, chromium: Browser) -> None:
    """A click that the collector has taken moves the report by itself, without any reload."""
    page = _open(world, chromium, "echo")
    page.goto(f"{address}/report?account=echo&lang=en")
    _tile(page, "Unsubscribes", "3.00\u00a0%")
    now = datetime.now(UTC)
    with world.store.write() as conn:
        account = accounts.by_slug(conn, "echo")
        (campaign,) = campaigns.listed(conn, account.id)
        outbox.record(
            conn,
            [
                Event(
                    id=event_id("late", number), type=EventType.UNSUBSCRIBED, account_id=account.id,
                    campaign_id=campaign.id, contact_id=account.id * 1_000_000 + number, occurred_at=now,
                    recorded_at=now, via="page",
                )
                for number in (1001, 1002)
            ],
        )  # fmt: skip
    collect_once(world.settings, world.store)
    _tile(page, "Unsubscribes", "3.10\u00a0%")
    page.close()
