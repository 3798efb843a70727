"""Campaigns and accounts that are unlike others, on the report, on lists, in files and as PDF: all stay usable."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import fastexcel
import pytest
from pages_world import SECRET, Browser, Home, Told, new_home
from pypdf import PdfReader
from streamlit.testing.v1 import AppTest

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
from sillage.settings import Settings
from sillage.store import accounts, campaigns, outbox
from sillage.store.targets import MOST_SHOWN
from sillage.words import NOTHING, Words

NAMES = ("Nobody", "One 李雷 محمد <b>$x$ Ωμέγα", "Machines")
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


def _charts(app: AppTest) -> dict[str, list[dict[str, Any]]]:
    found = [*app.get("arrow_vega_lite_chart"), *app.get("vega_lite_chart")]
    return {c.proto.id.rsplit("-", 1)[-1]: json.loads(c.proto.spec)["datasets"]["rows"] for c in found}


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize(("name", "delivered", "openers"), list(zip(NAMES, (0, 1, 300), (0, 1, 0), strict=True)))
def test_an_odd_campaign_has_its_report_lists_files_and_pdf(
    world: Home, browser: Browser, tmp_path: Path, language: str, name: str, delivered: int, openers: int
) -> None:
    """Nothing delivered, one person, machines alone, in every script: the same counts everywhere, and dashes."""
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


@dataclass
class Clocked(Home):
    """An installation whose business time is another than ours."""

    @property
    def environment(self) -> dict[str, str]:
        """As of any installation, with its clock."""
        return {**super().environment, "SILLAGE_CLOCK": str(self.settings.clock)}


def _at(folder: Path, now: datetime) -> Clocked:
    settings = Settings.model_validate(
        {"data_dir": folder, "secret": SECRET, "SILLAGE_CLOCK": f"{now.timestamp()}@{time.time()}*1"}
    )
    lay_foundation(settings)
    made = new_home(folder)
    return Clocked(settings, made.store)


@pytest.mark.parametrize(
    ("zone", "change", "shown"),
    [
        ("Europe/Paris", datetime(2026, 10, 25, 1, 0, tzinfo=UTC), "25 oct. 2026 02:2"),
        ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, 0, tzinfo=UTC), "5 avr. 2026 01:5"),
    ],
)
def test_the_hour_that_comes_twice_is_counted_once(
    browser: Browser, tmp_path: Path, zone: str, change: datetime, shown: str
) -> None:
    """A campaign that left before the clocks went back, looked at after: time goes on, in French, to the minute."""
    home = _at(tmp_path / "home", change + timedelta(minutes=25))
    account = home.account("nuit", "Nuit", people=400, timezone=zone)
    campaign = home.campaign(
        account, "Heure d'hiver", Told(400, opened=160, clicked=100), left=change - timedelta(minutes=10)
    )
    collect_once(home.settings, home.store)
    app = browser.open(home, "report", campaign=str(campaign), lang="fr")
    assert not app.exception
    assert not app.error
    assert any(f"au {shown}" in c.value or shown in c.value for c in app.caption)
    assert [tile.value for tile in app.metric][:2] == ["40,0\u00a0%", "25,0\u00a0%"]
    curve = [row["elapsed"] for row in _charts(app)["curve"] if row["label"] == "cliqueurs"]
    # From the first message on, 100 clicks a fifth of a minute from each other, whatever the clocks on the wall show.
    assert curve == sorted(curve)
    assert curve[-1] == 23
    text = _pdf(home, account.id, campaign, "fr")
    assert "40,0 %" in text
    assert shown in text
    wanted = Wanted(campaign, ListName.CLICKERS)
    page = browser.open(home, "lists", campaign=str(campaign), list="clickers", lang="fr")
    assert any(str(s.value).startswith("100 ") for s in page.subheader)
    files = [_file(home, account.id, wanted, kind, tmp_path) for kind in FileKind]
    moments = [datetime.fromisoformat(row[-2]) for row in files[0]]
    assert min(moments).replace(tzinfo=UTC) < change < max(moments).replace(tzinfo=UTC)
    assert len(set(moments)) == 100
    assert [row[:3] for row in files[0]] == [row[:3] for row in files[1]]
    home.store.close()


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


def test_a_million_links_leave_report_and_pdf_usable(linked: tuple[Home, CampaignId, int], browser: Browser) -> None:
    """The most clicked one stands first with its address, and so it does in the PDF."""
    home, campaign, _ = linked
    app = browser.open(home, "report", campaign=str(campaign))
    assert not app.exception
    assert not app.error
    links = _charts(app)["links"]
    assert len(links) == 10
    assert (links[0]["count"], links[0]["label"]) == (50, "1000000. shop.example/1000000")
    account = accounts_of(home)
    assert "https://shop.example/1000000" in _pdf(home, account, campaign, "en")


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


def accounts_of(home: Home) -> AccountId:
    """The one account of an installation."""
    with home.store.read() as conn:
        return accounts.only_account(conn).id
