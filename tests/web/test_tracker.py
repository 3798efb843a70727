"""Opens and clicks: the pixel, the redirect, and the event behind them."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa
from msgspec.structs import replace

from sillage.domain.ids import CampaignId, VariantId
from sillage.lake.event import EventType
from sillage.settings import Settings
from sillage.store.database import Store
from sillage.store.tables import accounts, links
from sillage.tokens import NOBODY, Recipient, TokenKey
from tests.conftest import SECRET
from tests.listening import SHOP, Scene
from tests.web.conftest import Visit, client, journal_events
from web.answers import PIXEL
from web.app import Tracker


async def test_open_is_a_picture_and_an_event(visit: Visit) -> None:
    """The individual pixel answers 43 bytes that nobody may keep, after its event is durable."""
    answer = await visit.http.get(f"/o/{visit.scene.token}.gif")
    assert (answer.status_code, answer.content, len(PIXEL)) == (200, PIXEL, 43)
    assert "no-store" in answer.headers["cache-control"]
    (event,) = visit.journal()
    assert (event.type, event.contact_id, event.link) == (EventType.OPENED, visit.scene.recipient.contact_id, None)
    assert (event.campaign_id, event.variant_id) == (
        visit.scene.recipient.campaign_id,
        visit.scene.recipient.variant_id,
    )
    assert event.is_machine is False
    assert event.rule_version


async def test_anonymous_open_names_nobody(visit: Visit) -> None:
    """The pixel that everybody shares gives an event without a person, an address or an agent."""
    token = visit.scene.key.sign(replace(visit.scene.recipient, contact_id=NOBODY))
    assert (await visit.http.get(f"/o/{token}.gif")).status_code == 200
    (event,) = visit.journal()
    assert (event.contact_id, event.ip, event.agent) == (None, None, None)


async def test_hygiene_open_says_so(visit: Visit) -> None:
    """The hygiene pixel's event carries its way, so that the collector keeps the day and no more."""
    assert (await visit.http.get(f"/h/{visit.scene.token}.gif")).status_code == 200
    (event,) = visit.journal()
    assert (event.via, event.contact_id) == ("hygiene", visit.scene.recipient.contact_id)


async def test_click_leads_where_the_link_leads(visit: Visit) -> None:
    """A click is a 302 to the target in the table of links, with the link's number in its event."""
    answer = await visit.http.get(f"/c/{visit.scene.token}/1")
    assert (answer.status_code, answer.headers["location"]) == (302, SHOP)
    (event,) = visit.journal()
    assert (event.type, event.link, event.is_machine) == (EventType.CLICKED, 1, False)


@pytest.mark.parametrize(
    "path",
    [
        "/c/{token}/2",
        "/c/{token}/0",
        "/c/{token}/01",
        "/c/{token}/-1",
        "/c/{token}/1/",
        "/c/{token}/1/https:/evil.example",
        "/c/{token}/",
        "/c/{token}",
        "/c/{token}//evil.example",
        "/c/{bad}/1",
        "/c/{other}/1",
        "/c//1",
        "/c/https://evil.example/1",
        "/o/{bad}.gif",
        "/o/{token}.png",
        "/o/{token}",
        "/h/{nobody}.gif",
    ],
)
async def test_changed_address_is_never_a_redirect(visit: Visit, path: str) -> None:
    """A changed token, number, target or ending is a 404 without an event (trap 34)."""
    token = visit.scene.token
    names = {
        "token": token,
        "bad": token[:-1] + ("A" if token[-1] != "A" else "B"),
        "other": TokenKey("another installation's secret 00").sign(visit.scene.recipient),
        "nobody": visit.scene.key.sign(replace(visit.scene.recipient, contact_id=NOBODY)),
    }
    answer = await visit.http.get(path.format(**names) + "?url=https://evil.example")
    assert answer.status_code == 404
    assert "location" not in answer.headers
    assert visit.journal() == []


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "https://x.example/\r\nSet-Cookie: a=b", "//evil", "mailto:a@b"]
)
async def test_link_that_is_no_web_address_is_not_followed(visit: Visit, url: str) -> None:
    """Whatever came into the table of links, a redirect goes to http or https and splits no header."""
    visit.scene.add_link(7, url)
    await visit.tracker.targets.refresh()
    assert (await visit.http.get(f"/c/{visit.scene.token}/7")).status_code == 404


async def test_location_is_ascii(visit: Visit) -> None:
    """A target with letters beyond ASCII is percent-encoded, one that is encoded stays as it is."""
    visit.scene.add_link(7, "https://x.example/é?q=%20a&b=c")
    await visit.tracker.targets.refresh()
    answer = await visit.http.get(f"/c/{visit.scene.token}/7")
    assert answer.headers["location"] == "https://x.example/%C3%A9?q=%20a&b=c"


async def test_head_is_a_machine(visit: Visit) -> None:
    """HEAD gets the same answer without a body; its event says machine, by which rule."""
    assert (await visit.http.head(f"/c/{visit.scene.token}/1")).status_code == 302
    opened = await visit.http.head(f"/o/{visit.scene.token}.gif")
    assert (opened.status_code, opened.content) == (200, b"")
    assert [(e.is_machine, e.rule) for e in visit.journal()] == [(True, "head-method")] * 2


async def test_scanner_is_known_by_its_network(visit: Visit) -> None:
    """A browser's agent from a mail-security network is a machine."""
    async with client(visit.tracker, **{"x-forwarded-for": "40.94.7.8"}) as scanner:
        await scanner.get(f"/c/{visit.scene.token}/1")
    (event,) = visit.journal()
    assert (event.is_machine, event.rule, event.ip) == (True, "microsoft-safe-links", "40.94.7.0")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_other_methods_are_refused(visit: Visit, method: str) -> None:
    """A pixel and a link are looked at, nothing else."""
    assert (await visit.http.request(method, f"/c/{visit.scene.token}/1")).status_code == 405
    assert visit.journal() == []


async def test_each_request_is_an_event_of_its_own(visit: Visit) -> None:
    """Two opens of one person are two events, with ids that the stream and the request's number make."""
    await asyncio.gather(*(visit.http.get(f"/o/{visit.scene.token}.gif") for _ in range(50)))
    assert len({event.id for event in visit.journal()}) == 50


async def test_test_message_is_marked(visit: Visit) -> None:
    """What is opened or clicked in a test message says so."""
    token = visit.scene.key.sign(replace(visit.scene.recipient, is_test=True))
    await visit.http.get(f"/c/{token}/1")
    assert visit.journal()[0].is_test


async def test_account_that_keeps_no_address_and_no_agent(visit: Visit) -> None:
    """Such an installation still counts and judges; neither is ever written (trap 36)."""
    with visit.scene.store.write() as conn:
        conn.execute(sa.update(accounts).values(keeps_ip=False, keeps_agent=False))
    await visit.tracker.targets.refresh()
    await visit.http.get(f"/c/{visit.scene.token}/1")
    (event,) = visit.journal()
    assert (event.ip, event.agent, event.is_machine) == (None, None, False)


async def test_new_link_is_found_at_once(visit: Visit) -> None:
    """A message that was made since the last refresh works: its variant is asked for."""
    visit.tracker.targets._known = {}
    assert (await visit.http.get(f"/c/{visit.scene.token}/1")).status_code == 302


async def test_unknown_message_has_a_pixel_and_no_event(visit: Visit) -> None:
    """A token that we signed for a variant that is gone gets its picture, and nothing is counted."""
    token = visit.scene.key.sign(Recipient(CampaignId(9), VariantId(9), NOBODY))
    assert (await visit.http.get(f"/o/{token}.gif")).status_code == 200
    assert visit.journal() == []


async def test_click_works_without_ops(store: Store, web_settings: Settings) -> None:
    """Ops is gone, the tracker starts anew: redirects answer from what was held, and events wait in the journal."""
    scene = Scene.set_up(store, SECRET)
    first = Tracker(web_settings)
    await first.start()
    await first.stop()
    store.close()
    ops = Path(str(store.url.database))
    for file in ops.parent.glob("ops.sqlite*"):
        file.unlink()
    tracker = Tracker(web_settings)
    await tracker.start()
    await tracker.listen("127.0.0.1", 0)
    async with client(tracker) as http:
        answer = await http.get(f"/c/{scene.token}/1")
        health = (await http.get("/health")).json()
    await tracker.stop()
    assert not await asyncio.to_thread(ops.exists)
    assert (answer.status_code, answer.headers["location"]) == (302, SHOP)
    assert health["ops"] is False
    assert len(journal_events(tracker.journal.path)) == 1


async def test_click_works_while_ops_is_broken(visit: Visit) -> None:
    """A database that answers with errors changes nothing for a click."""
    with visit.scene.store.write() as conn:
        conn.execute(sa.delete(links))
        conn.exec_driver_sql("drop table links")
    await visit.tracker.targets.refresh()
    assert not visit.tracker.targets.is_ops_up
    assert (await visit.http.get(f"/c/{visit.scene.token}/1")).status_code == 302


async def test_damaged_file_of_targets_is_no_end(store: Store, web_settings: Settings) -> None:
    """A file that can't be read is as good as none: ops tells again."""
    scene = Scene.set_up(store, SECRET)
    web_settings.journal_dir.mkdir(parents=True)
    (web_settings.journal_dir / "targets.json").write_bytes(b"{broken")
    tracker = Tracker(web_settings)
    await tracker.start()
    await tracker.listen("127.0.0.1", 0)
    async with client(tracker) as http:
        assert (await http.get(f"/c/{scene.token}/1")).status_code == 302
    await tracker.stop()
    shutil.rmtree(web_settings.journal_dir)
