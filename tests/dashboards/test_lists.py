"""Lists of a campaign: the very people of each figure, as files, groups and segments, and nobody else's."""

from __future__ import annotations

import csv
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from openpyxl import load_workbook
from pages_world import Home

from sillage.domain.ids import AccountId, CampaignId
from sillage.errors import BadInput, NotFound, TransientError
from sillage.export.people import columns_of, listed
from sillage.export.registered import KEPT_FOR, export, found, sweep
from sillage.export.write import FileKind
from sillage.lake import recipients
from sillage.lake.reader import Reader
from sillage.lake.recipients import Link, ListName, Wanted
from sillage.store import accounts, campaigns, erasures, files

FIGURES = {
    ListName.DELIVERED: "delivered_count",
    ListName.OPENERS: "human_open_count",
    ListName.CLICKERS: "human_click_count",
    ListName.BOUNCED: "bounced_count",
    ListName.UNSUBSCRIBED: "unsubscribed_count",
    ListName.COMPLAINED: "complained_count",
    ListName.IN_DOUBT: "in_doubt_count",
    ListName.SUPPRESSED: "suppressed_count",
    ListName.SKIPPED: "skipped_count",
    ListName.FAILED: "failed_count",
    ListName.WAITING: "waiting_count",
}


def _one(world: Home, slug: str, name: str) -> tuple[AccountId, CampaignId]:
    with world.store.read() as conn:
        account = accounts.by_slug(conn, slug)
        return account.id, campaigns.by_name(conn, account.id, name).id


@pytest.mark.parametrize(("slug", "name"), [("maison", "November news"), ("maison", "Autumn 3"), ("alarm", "Bought list")])
def test_each_list_has_the_people_of_its_figure(world: Home, slug: str, name: str) -> None:
    """For running and closed campaigns, a list is as long as the figure of the report, by table and by view."""
    account, campaign = _one(world, slug, name)
    reader = Reader(world.settings)
    (figures,) = reader.query(
        "select * from marts.main.live_campaign where account_id = ? and campaign_id = ?", [account, campaign]
    )
    for wanted, column in FIGURES.items():
        held = recipients.people(reader, account, Wanted(campaign, wanted))
        assert held.height == figures[column] == recipients.size(reader, account, Wanted(campaign, wanted)), wanted
        assert held["contact_id"].is_sorted()
        assert held["contact_id"].n_unique() == held.height
    assert recipients.size(reader, account, Wanted(campaign, ListName.NON_OPENERS)) == (
        figures["measurable_count"] - figures["human_open_count"]
    )
    assert recipients.size(reader, account, Wanted(campaign, ListName.NON_CLICKERS)) == (
        figures["delivered_count"] - figures["human_click_count"]
    )
    reader.close()


def test_clickers_are_listed_by_link_as_the_report_counts_them(world: Home) -> None:
    """Each link of the report has its own list, with how often each person clicked."""
    account, campaign = _one(world, "maison", "November news")
    reader = Reader(world.settings)
    links = reader.query(
        "select variant_id, link_number, clicker_count from marts.main.live_links"
        " where account_id = ? and campaign_id = ?",
        [account, campaign],
    )
    assert len(links) == 2
    for row in links:
        link = Link.parse(f"{row['variant_id']}.{row['link_number']}")
        held = recipients.people(reader, account, Wanted(campaign, ListName.CLICKERS, link))
        assert held.height == row["clicker_count"]
        assert held["times"].to_list() == [1] * held.height
    for bad in ("1", "1.", ".2", "1.-2", "1.2.3", "1;drop", "²." + "9", "9" * 30 + ".1"):
        with pytest.raises(BadInput):
            Link.parse(bad)
    with pytest.raises(BadInput):
        Wanted(campaign, ListName.OPENERS, Link(1, 1))
    reader.close()


def test_bounces_are_listed_with_their_exact_reason_and_by_it(world: Home) -> None:
    """Class, reason, way and the server's words stand beside each person; a reason picks its own."""
    account, campaign = _one(world, "alarm", "Bought list")
    reader = Reader(world.settings)
    held = recipients.people(reader, account, Wanted(campaign, ListName.BOUNCED), limit=5, offset=10)
    assert held.height == 5
    assert set(held["reason"]) == {"unknown_user"}
    assert set(held["via"]) == {"session"}
    assert all("5.1.1" in said for said in held["said"])
    assert recipients.reasons(reader, account, Wanted(campaign, ListName.BOUNCED)) == [
        {"bounce_class": "npai", "reason": "unknown_user", "size": 160}
    ]
    assert recipients.size(reader, account, Wanted(campaign, ListName.BOUNCED, reason="moved")) == 0
    assert recipients.size(reader, account, Wanted(campaign, ListName.BOUNCED, among=[held["contact_id"][0]])) == 1
    reader.close()


def test_a_list_is_of_one_account_alone(world: Home) -> None:
    """Another account that names the campaign gets an empty list: the number alone opens nothing."""
    _, campaign = _one(world, "alarm", "Bought list")
    maison, _ = _one(world, "maison", "Autumn 3")
    reader = Reader(world.settings)
    assert recipients.size(reader, maison, Wanted(campaign, ListName.BOUNCED)) == 0
    reader.close()


@pytest.mark.parametrize("kind", list(FileKind))
def test_a_list_is_exported_and_read_back(world: Home, kind: FileKind) -> None:
    """Number, address and name of each person of the list are in the file, of nobody else, and it has an end."""
    account, campaign = _one(world, "maison", "November news")
    reader = Reader(world.settings)
    fields = ["email", "first_name", "Ville"]
    total, rows = listed(world.store, reader, account, Wanted(campaign, ListName.CLICKERS), fields)
    done = export(world.store, world.settings, account, "clickers", kind,
                  columns_of(ListName.CLICKERS, fields), rows)  # fmt: skip
    wanted = recipients.people(reader, account, Wanted(campaign, ListName.CLICKERS))["contact_id"].to_list()
    if kind is FileKind.CSV:
        with done.path.open(encoding="utf-8-sig", newline="") as file:
            header, *cells = csv.reader(file)
    else:
        header, *cells = [[c.value for c in r] for r in load_workbook(done.path).worksheets[0].iter_rows()]
    assert header == ["contact_id", "email", "first_name", "Ville", "provider", "variant", "at", "times"]
    assert [int(row[0]) for row in cells] == wanted
    assert total == len(wanted) == done.written.rows
    assert [row[1] for row in cells] == [f"c{i - account * 1_000_000}@maison-people.example" for i in wanted]
    assert {row[5] for row in cells} == {"A"}
    now = world.settings.clock.now()
    alarm, _ = _one(world, "alarm", "Bought list")
    with world.store.write() as conn:
        assert found(conn, account, done.id, now=now).path == done.path
        for owner, number, at in ((alarm, done.id, now), (account, 999, now), (account, done.id, now + KEPT_FOR * 2)):
            with pytest.raises(NotFound, match="no export"):
                found(conn, owner, number, now=at)
        assert sweep(conn, account, now=now) == 0
        assert sweep(conn, alarm, now=now + 2 * KEPT_FOR) == 0
        assert sweep(conn, account, now=now + 2 * KEPT_FOR) >= 1
        assert not done.path.exists()
    reader.close()


def test_who_is_erased_while_a_file_is_written_is_in_no_file(bare: Home) -> None:
    """An erasure between the first and the last row of an export ends in no file at all, and in a word to do it again."""
    account = bare.account("one", "One", people=3)
    now = bare.settings.clock.now()

    def rows():  # noqa: ANN202  # an iterator that erases somebody on its way
        yield pl.DataFrame({"contact_id": [1], "email": ["c1@one-people.example"]})
        with bare.store.write() as conn:
            erasures.request(conn, account.id, account.id * 1_000_000 + 1, by="test", now=now)

    columns = columns_of(ListName.CLICKERS, ["email"])[:2]
    with pytest.raises(TransientError, match="make it again"):
        export(bare.store, bare.settings, account.id, "x", FileKind.CSV, columns, rows())
    with bare.store.read() as conn:
        assert [one for one in files.listed(conn, account.id) if one.kind == "export"] == []
    assert not [p for p in (bare.settings.data_dir / "exports").rglob("*") if p.is_file()]


def test_a_file_of_ones_own_place_is_kept_for_longer(bare: Home, tmp_path: Path) -> None:
    """What somebody named stays for thirty days, and is on the register meanwhile."""
    account = bare.account("one", "One", people=1)
    done = export(bare.store, bare.settings, account.id, "x", FileKind.CSV, columns_of(ListName.CLICKERS, [])[:1],
                  [pl.DataFrame({"contact_id": [1]})], path=tmp_path / "mine.csv")  # fmt: skip
    with bare.store.read() as conn:
        (held,) = [one for one in files.listed(conn, account.id) if one.id == done.id]
    assert held.path == (tmp_path / "mine.csv").resolve()
    assert held.expires_at - held.created_at == timedelta(days=30)
