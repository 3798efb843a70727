"""The journey of a list in a real browser: from the report to the people, to a file and to a segment."""

from __future__ import annotations

from pathlib import Path

import fastexcel
from pages_world import Home
from playwright.sync_api import Browser, expect
from test_in_browser import _campaign, _open, address, chromium, pytestmark  # noqa: F401  # fixtures

from sillage.store import accounts, segments


def test_a_list_is_opened_exported_read_back_and_made_a_segment(
    world: Home,
    address: str,  # noqa: F811  # a fixture
    chromium: Browser,  # noqa: F811
    tmp_path: Path,
) -> None:
    """The report's clickers: 96 on the page, 96 in the workbook, and a segment of that name."""
    page = _open(world, chromium, "maison")
    page.goto(f"{address}/report?account=maison&lang=en&campaign={_campaign(world)}")
    page.get_by_role("link", name="Clickers 96").click()
    expect(page.get_by_role("heading", name="96 people")).to_be_visible()
    assert "list=clickers" in page.url
    page.get_by_role("button", name="Export", exact=True).click()
    page.get_by_role("button", name="Export 96 people").click()
    save = page.get_by_role("link", name="Save the file: 96 rows, XLSX")
    expect(save).to_be_visible()
    with page.expect_download() as waiting:
        page.evaluate("href => { location.href = href }", save.get_attribute("href"))
    file = tmp_path / "clickers.xlsx"
    waiting.value.save_as(file)
    assert waiting.value.suggested_filename == "Clickers-November-news.xlsx"
    read = fastexcel.read_excel(file).load_sheet(0).to_polars()
    assert read.height == 96
    assert read.columns[:4] == ["contact_id", "email", "first_name", "last_name"]
    assert read["email"].str.ends_with("@maison-people.example").all()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Use this list").click()
    page.get_by_role("textbox", name="Name", exact=True).fill("Clickers of November")
    page.get_by_role("button", name="Make a segment").click()
    expect(page.get_by_text("Clickers of November is saved.")).to_be_visible()
    with world.store.read() as conn:
        saved = segments.by_name(conn, accounts.by_slug(conn, "maison").id, "Clickers of November")
    assert saved.tree.campaign == _campaign(world)
    page.close()
