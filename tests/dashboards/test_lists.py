"""Lists of a campaign: the very people of each figure, as files, groups and segments, and nobody else's."""

from __future__ import annotations

import csv
import time
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from httpx2 import Response
from openpyxl import load_workbook
from pages_world import Browser, Home
from starlette.applications import Starlette
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest

from dashboards import list_turn
from dashboards.front.cookies import Cookies
from dashboards.front.exports import Exports
from sillage.access import Door
from sillage.campaign.audience import open_audience
from sillage.domain.ids import AccountId, CampaignId
from sillage.domain.segment import parse_tree
from sillage.errors import BadInput, NotFound, TransientError
from sillage.export.people import columns_of, listed
from sillage.export.registered import KEPT_FOR, export, found, sweep
from sillage.export.write import FileKind
from sillage.lake import recipients
from sillage.lake.reader import Reader
from sillage.lake.recipients import Link, ListName, Wanted
from sillage.store import accounts, campaigns, erasures, files, groups

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


@pytest.mark.parametrize(
    ("slug", "name"), [("maison", "November news"), ("maison", "Autumn 3"), ("alarm", "Bought list")]
)
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
    """An erasure between the first and the last row of an export leaves no file, and says to do it again."""
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


def _said(app: AppTest) -> str:
    kinds = (app.title, app.subheader, app.markdown, app.caption, app.error, app.info, app.success)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def test_the_page_shows_a_list_by_its_address(world: Home, browser: Browser) -> None:
    """Fifty of the people with address, moment and how often; the size is the figure of the report."""
    _, campaign = _one(world, "maison", "November news")
    app = browser.open(world, "lists", account="maison", campaign=str(campaign), list="clickers")
    assert not app.exception
    assert not app.error
    assert "96 people" in _said(app)
    (table,) = [m.value for m in app.markdown if "| Address |" in m.value]
    assert table.count("maison\\-people\\.example") == 50
    assert table.splitlines()[2].endswith("| 1 |")
    app = browser.open(world, "lists", account="maison", campaign=str(campaign), list="clickers", p="2")
    (table,) = [m.value for m in app.markdown if "| Address |" in m.value]
    assert table.count("maison\\-people\\.example") == 46


def test_a_list_is_searched_and_parted_by_reason(world: Home, browser: Browser) -> None:
    """A part of an address finds its people on the list alone; a reason of the address picks its own."""
    _, campaign = _one(world, "maison", "November news")
    app = browser.open(world, "lists", account="maison", campaign=str(campaign), list="openers")
    assert "240 people" in _said(app)
    app.text_input(key="list_search").set_value("c20@maison").run()
    assert "1 person" in _said(app)
    app.text_input(key="list_search").set_value("c999@maison").run()
    assert "Nobody is on this list" in _said(app)
    # Who has turned over pages and then searches stands beyond the search's last page.
    app = browser.open(world, "lists", account="maison", campaign=str(campaign), list="openers", p="4")
    app.text_input(key="list_search").set_value("c20@maison").run()
    assert "1 person" in _said(app)
    assert "Nobody is on this list" not in _said(app)
    _, campaign = _one(world, "alarm", "Bought list")
    for reason, people in (("unknown_user", "160 people"), ("moved", "0 people")):
        query = {"campaign": str(campaign), "list": "bounced", "reason": reason}
        assert people in _said(browser.open(world, "lists", account="alarm", **query))


@pytest.mark.parametrize("query", [{"list": "everybody"}, {"list": "clickers", "link": "1;2"}])
def test_a_list_that_is_none_says_so(world: Home, browser: Browser, query: dict[str, str]) -> None:
    """What an address asks for wrongly is an error in words, in both languages."""
    _, campaign = _one(world, "maison", "November news")
    for language in ("en", "fr"):
        app = browser.open(world, "lists", account="maison", campaign=str(campaign), lang=language, **query)
        assert len(app.error) == 1
        assert not app.exception


def test_another_accounts_list_is_unknown(world: Home, browser: Browser) -> None:
    """The list of somebody else's campaign gets the answer of an unknown one."""
    _, foreign = _one(world, "alarm", "Bought list")
    said = [
        browser.open(world, "lists", account="maison", campaign=str(number), list="bounced").error[0].value
        for number in (foreign, 99999)
    ]
    assert said[0].split("campaign")[0] == said[1].split("campaign")[0]
    assert "no campaign" in said[0]


@pytest.mark.parametrize(
    ("name", "size"),
    [
        (ListName.CLICKERS, 96),
        (ListName.OPENERS, 240),
        (ListName.NON_OPENERS, 355),
        (ListName.DELIVERED, 595),
        (ListName.NON_CLICKERS, 499),
    ],
)
def test_a_list_becomes_a_segment_of_the_same_people(world: Home, name: ListName, size: int) -> None:
    """The tree of a list has the very people of the list, as long as they are contacts."""
    account, campaign = _one(world, "maison", "November news")
    tree = list_turn.tree_of(Wanted(campaign, name))
    reader = Reader(world.settings)
    held = recipients.people(reader, account, Wanted(campaign, name))["contact_id"]
    reader.close()
    audience = open_audience(world.store, account, world.settings)
    assert sorted(audience.in_segment(parse_tree(tree))) == held.to_list()
    assert len(held) == size
    audience.close()


def test_what_no_tree_says_is_no_segment() -> None:
    """Bounced, unsubscribed and the like become a group alone; a link needs the place that it leads to."""
    for name in (
        ListName.BOUNCED,
        ListName.UNSUBSCRIBED,
        ListName.SUPPRESSED,
        ListName.IN_DOUBT,
    ):
        assert list_turn.tree_of(Wanted(CampaignId(1), name)) is None
    assert list_turn.tree_of(Wanted(CampaignId(1), ListName.CLICKERS, Link(1, 2))) is None
    tree = list_turn.tree_of(Wanted(CampaignId(1), ListName.CLICKERS, Link(1, 2)), "https://shop.example/")
    assert tree == {"kind": "engaged", "did": "clicked", "campaign": 1, "url": "https://shop.example/"}


def test_a_list_becomes_a_group_by_one_click(world: Home, browser: Browser) -> None:
    """The button names how many; the group has the contacts of the list."""
    account, campaign = _one(world, "alarm", "Bought list")
    app = browser.open(world, "lists", account="alarm", campaign=str(campaign), list="bounced")
    app.text_input(key="list_as").set_value("To look at").run()
    next(b for b in app.button if b.label == "Make a group of 160 people").click().run()
    assert "160 people are in the group To look at" in _said(app)
    with world.store.read() as conn:
        (group,) = [g for g in groups.listed(conn, account) if g.name == "To look at"]
    assert group.size == 160


def test_an_export_tells_how_far_it_is_and_ends_in_a_file(world: Home, browser: Browser) -> None:
    """The button names how many; the thread writes the file; its address is shown."""
    account, campaign = _one(world, "maison", "Autumn 2")
    app = browser.open(world, "lists", account="maison", campaign=str(campaign), list="unsubscribed")
    next(b for b in app.button if b.label == "Export 3 people").click().run()
    job = app.session_state["export_job"]
    deadline = time.monotonic() + 20
    while not job.is_over and time.monotonic() < deadline:
        time.sleep(0.05)
    assert job.error is None
    assert (job.done, job.total, job.result.written.rows) == (3, 3, 3)
    app.run()
    assert "deleted after a day" in _said(app)
    assert job.result.path.is_relative_to(world.settings.data_dir / "exports" / str(account))


def test_a_file_is_fetched_by_members_of_its_account_alone(world: Home) -> None:
    """To a member it is sent under a safe name; others get what they would get of a file that never was."""
    account, _ = _one(world, "maison", "Autumn 2")
    done = export(world.store, world.settings, account, "x", FileKind.CSV, columns_of(ListName.CLICKERS, [])[:1],
                  [pl.DataFrame({"contact_id": [1]})])  # fmt: skip
    secret = world.settings.secret.get_secret_value()
    door, cookies = Door(world.store, secret), Cookies(world.settings)
    site = Starlette(routes=Exports(world.settings, world.store, door, cookies).routes)

    def ask(slug: str | None, number: object, name: str = "") -> Response:
        held = {"sillage": world.sign_in(slug)} if slug else {}
        return TestClient(site, cookies=held).get(f"/export/{number}", params={"name": name})

    mine = ask("maison", done.id, 'Clics "é"\r\nx: y/../../etc')
    assert mine.status_code == 200
    assert mine.content == done.path.read_bytes()
    assert mine.headers["content-disposition"].startswith("attachment;")
    assert "\r" not in mine.headers["content-disposition"]
    assert mine.headers["cache-control"] == "no-store"
    others = [ask("alarm", done.id), ask(None, done.id), ask("maison", 99_999), ask("maison", "²"), ask("maison", "x")]
    assert {(answer.status_code, answer.text) for answer in others} == {(404, "no such file")}
