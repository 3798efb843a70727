"""Campaigns and accounts that are unlike others, on the report, on lists, in files and as PDF: all stay usable."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from pathlib import Path

import fastexcel
import pytest
from pages_world import Browser, Home, Told, new_home
from pypdf import PdfReader

from sillage.domain.ids import AccountId, CampaignId
from sillage.export.people import columns_of, listed
from sillage.export.write import FileKind, write
from sillage.lake.collector import collect_once
from sillage.lake.event import Event, EventType, event_id
from sillage.lake.foundation import lay_foundation
from sillage.lake.reader import Reader
from sillage.lake.recipients import ListName, Wanted
from sillage.report.gathered import gather
from sillage.report.pdf import as_pdf
from sillage.store import accounts, campaigns, outbox
from sillage.store.targets import MOST_SHOWN
from sillage.words import NOTHING, Words

NAMES = ("Nobody", "One 李雷 محمد <b>$x$ Ωμέγα", "Machines", "Clocks")
A_MILLION = 1_000_000


def _pdf(home: Home, account: AccountId, campaign: CampaignId, language: str) -> str:
    """The text of a report's PDF, with spaces of every kind as one."""
    reader = Reader(home.settings)
    gathered = gather(home.settings, home.store, reader, account, campaign)
    reader.close()
    made = as_pdf(Words(language, gathered.account.timezone), gathered)
    text = "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(made)).pages)
    return re.sub(r"[\u00a0\u202f]", " ", text)


def _file(home: Home, account: AccountId, wanted: Wanted, kind: FileKind, folder: Path) -> list[list[str]]:
    """A list as a file, read back: its rows, without the head."""
    reader, path = Reader(home.settings), folder / f"list.{kind}"
    _, rows = listed(home.store, reader, account, wanted, ["email", "first_name"])
    write(path, kind, columns_of(wanted.name, ["email", "first_name"]), rows)
    reader.close()
    if kind is FileKind.CSV:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(csv.reader(file))[1:]
    read = fastexcel.read_excel(path).load_sheet(0).to_polars()
    path.unlink()
    return [["" if cell is None else str(cell) for cell in row] for row in read.iter_rows()]


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize(
    ("name", "delivered", "openers"), list(zip(NAMES, (0, 1, 300, 20), (0, 1, 0, 16), strict=True))
)
def test_an_odd_campaign_has_its_report_lists_files_and_pdf(
    world: Home, browser: Browser, tmp_path: Path, language: str, name: str, delivered: int, openers: int
) -> None:
    """Nothing delivered, one person, machines alone, clocks that go back, every script: the same counts, and dashes."""
    with world.store.read() as conn:
        account = accounts.by_slug(conn, "odd")
        campaign = campaigns.by_name(conn, account.id, name).id
    report = browser.open(world, "report", account="odd", campaign=str(campaign), lang=language)
    assert not report.exception
    assert not report.error
    values = [tile.value for tile in report.metric]
    assert (NOTHING in values) is (delivered == 0 or name == "Machines")
    text = _pdf(world, account.id, campaign, language)
    assert all(re.sub(r"[\u00a0\u202f]", " ", value) in text for value in values)
    for wanted, count in (
        (ListName.DELIVERED, delivered),
        (ListName.OPENERS, openers),
        (ListName.BOUNCED, 10 * (not delivered)),
    ):
        page = browser.open(world, "lists", account="odd", campaign=str(campaign), list=str(wanted), lang=language)
        assert not page.exception
        assert any(str(s.value).startswith(f"{count} ") for s in page.subheader), wanted
        for kind in FileKind:
            assert len(_file(world, account.id, Wanted(campaign, wanted), kind, tmp_path)) == count


@pytest.fixture(scope="module")
def linked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, CampaignId, int]:
    """A campaign whose one version has a million links, of which 700 were clicked, the last one most."""
    home = new_home(tmp_path_factory.mktemp("links") / "home")
    lay_foundation(home.settings)
    account = home.account("maison", "Maison", people=1_000)
    now = home.settings.clock.now()
    campaign = home.campaign(account, "Catalogue", Told(1_000), left=now - timedelta(hours=1))
    with home.store.write() as conn:
        (variant,) = campaigns.variants_of(conn, account.id, campaign)
        conn.exec_driver_sql("delete from links where variant_id = ?", (int(variant.id),))
        conn.exec_driver_sql(
            "insert into links (variant_id, number, account_id, campaign_id, url, label) values (?, ?, ?, ?, ?, '')",
            [
                (int(variant.id), number, int(account.id), int(campaign), f"https://shop.example/{number}")
                for number in range(1, A_MILLION + 1)
            ],
        )
        clicked = [(n, A_MILLION if n <= 50 else n * 1_000) for n in range(1, 751)]
        outbox.record(conn, [
            Event(id=event_id("link", n), type=EventType.CLICKED, account_id=account.id, campaign_id=campaign,
                  variant_id=variant.id, contact_id=account.id * 1_000_000 + n, occurred_at=now, recorded_at=now,
                  link=link, is_machine=False)
            for n, link in clicked
        ])  # fmt: skip
    collect_once(home.settings, home.store)
    return home, campaign, int(variant.id)


def test_a_million_links_leave_lists_and_files_usable(
    linked: tuple[Home, CampaignId, int], browser: Browser, tmp_path: Path
) -> None:
    """The clickers of the last link are named with its address; the choice of links holds some hundreds of them."""
    home, campaign, variant = linked
    page = browser.open(home, "lists", campaign=str(campaign), list="clickers", link=f"{variant}.{A_MILLION}")
    assert not page.exception
    assert any(str(s.value) == "50 people" for s in page.subheader)
    assert any("shop" in c.value and "1000000" in c.value for c in page.caption)
    (choice,) = [box for box in page.selectbox if box.label == "Link"]
    assert len(choice.options) <= MOST_SHOWN + 2
    everybody = Wanted(campaign, ListName.CLICKERS)
    assert len(_file(home, accounts_of(home), everybody, FileKind.CSV, tmp_path)) == 750


def test_a_million_links_leave_the_report_and_its_pdf_usable(
    linked: tuple[Home, CampaignId, int], browser: Browser
) -> None:
    """The page and the paper show the links that were clicked most, and take no more than a page's time to be read."""
    home, campaign, _ = linked
    page = browser.open(home, "report", campaign=str(campaign))
    assert not page.exception
    assert not page.error
    values = [re.sub(r"[\u00a0\u202f]", " ", tile.value) for tile in page.metric]
    text = _pdf(home, accounts_of(home), campaign, "en")
    assert values
    assert all(value in text for value in values)
    assert f"shop.example/{A_MILLION}" in text


def accounts_of(home: Home) -> AccountId:
    """The one account of an installation."""
    with home.store.read() as conn:
        return accounts.only_account(conn).id
