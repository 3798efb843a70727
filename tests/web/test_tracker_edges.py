"""The tracker on bad days: another clock, an erased person, addresses written anew."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa

from sillage.clock import Clock
from sillage.lake.collector import collect_once
from sillage.lake.reader import Reader
from sillage.store.tables import accounts
from tests.listening import NOW, SHOP
from tests.web.conftest import Visit, client


@pytest.mark.parametrize("jump", [timedelta(days=-400), timedelta(days=400)])
async def test_clock_that_jumps_loses_nothing(visit: Visit, jump: timedelta) -> None:
    """Between two clicks the clock jumps a year: both are durable, in their order, under ids of their own."""
    await visit.http.get(f"/c/{visit.scene.token}/1")
    visit.tracker._clock = Clock.started_now(origin=NOW + jump, speed=1.0)
    visit.tracker._moment = -1.0
    await visit.http.get(f"/c/{visit.scene.token}/1")
    first, second = visit.journal()
    assert first.id != second.id
    assert abs((second.occurred_at - NOW - jump).total_seconds()) < 60


async def test_open_for_an_erased_person_is_a_picture_and_names_nobody(visit: Visit) -> None:
    """The pixel answers; in the lake there is a total, and nothing that leads to the person."""
    visit.scene.forget_contact()
    assert (await visit.http.get(f"/o/{visit.scene.token}.gif")).status_code == 200
    settings = visit.tracker.settings
    await asyncio.to_thread(collect_once, settings, visit.scene.store)
    reader = Reader(settings)
    (row,) = reader.query("select contact_id, type from lake.main.events")
    (personal,) = reader.query("select count(*) as n from lake.main.event_personal")
    reader.close()
    assert (row["contact_id"], row["type"], personal["n"]) == (None, "opened", 0)


async def test_no_cookie_and_no_keeping(visit: Visit) -> None:
    """No answer sets a cookie, and none may be kept by a cache."""
    token = visit.scene.token
    for path in (f"/o/{token}.gif", f"/c/{token}/1", f"/u/{token}", f"/t/{token}", "/o/none.gif", "/nothing"):
        answer = await visit.http.get(path)
        assert "set-cookie" not in answer.headers
        assert "no-store" in answer.headers["cache-control"]


async def test_address_that_a_gateway_wrote_anew_still_works(visit: Visit) -> None:
    """Escapes where none are needed, and a query that is none of ours, change nothing."""
    answer = await visit.http.get(f"/c/{visit.scene.token}%2F1?utm_source=x")
    assert (answer.status_code, answer.headers["location"]) == (302, SHOP)
    assert (await visit.http.get(f"/o/{visit.scene.token}%2Egif")).status_code == 200


async def test_journal_itself_holds_nothing_personal_where_the_account_keeps_nothing(visit: Visit) -> None:
    """The setting is honoured before anything touches the disk, not on the way to the lake (trap 36)."""
    with visit.scene.store.write() as conn:
        conn.execute(sa.update(accounts).values(keeps_ip=False, keeps_agent=False))
    await visit.tracker.targets.refresh()
    async with client(visit.tracker, **{"x-forwarded-for": "81.2.3.4", "user-agent": "Mozilla/5.0 Peculiar/7"}) as http:
        await http.get(f"/c/{visit.scene.token}/1")
    raw = b"".join(path.read_bytes() for path in visit.tracker.journal.path.parent.glob("tracker-0.sqlite*"))
    assert b"clicked" in raw
    assert b"Peculiar" not in raw
    assert b"81.2.3" not in raw
