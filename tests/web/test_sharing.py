"""Sharing over HTTP: redirects to networks alone, a page for everybody, events with verdicts, and an end to it."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa
from msgspec.structs import replace

from sillage.campaign import public_version
from sillage.domain.sharing import Network
from sillage.lake.event import EventType
from sillage.store import public_versions
from sillage.store.tables import variants
from sillage.tokens import NOBODY
from tests.listening import NOW
from tests.web.conftest import Visit

PREVIEW = "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)"
BODY = "<html><body><p>Hello {{ first_name | default: 'friend' }}</p><script>alert(1)</script></body></html>"


def _public(visit: Visit) -> str:
    """The key of the scene's campaign, public from now on."""
    scene = visit.scene
    with scene.store.write() as conn:
        conn.execute(sa.update(variants).values(source=BODY, subject="Lamps for {{ first_name }}"))
        return public_version.begin(conn, scene.account_id, scene.recipient.campaign_id, now=NOW).key


@pytest.mark.parametrize("network", list(Network))
async def test_button_in_a_mail_leads_to_the_networks_dialog_and_is_an_event(visit: Visit, network: Network) -> None:
    """The dialog has the public address with the network's name on it; the event names the person, and is no click."""
    key = _public(visit)
    answer = await visit.http.get(f"/s/{visit.scene.token}/{network}")
    there = f"{visit.tracker.settings.base_url}/p/{key}?via={network}"
    if network is Network.EMAIL:
        assert answer.status_code == 200
        assert "mailto:?subject=Lamps%20for&amp;body=" in answer.text
        assert there in answer.text
    else:
        assert answer.status_code == 302
        to = urlsplit(answer.headers["location"])
        assert to.hostname in {"www.facebook.com", "www.linkedin.com", "x.com", "wa.me"}
        assert any(there in " ".join(values) for values in parse_qs(to.query).values())
    (event,) = visit.journal()
    assert (event.type, event.via, event.contact_id) == (EventType.SHARED, network, visit.scene.recipient.contact_id)
    assert (event.account_id, event.is_machine, event.ip) == (visit.scene.account_id, False, "81.2.3.0")


@pytest.mark.parametrize(
    "path",
    [
        "/s/{token}/evil.example", "/s/{token}/https:%2F%2Fevil.example", "/s/{token}/FACEBOOK", "/s/{forged}/facebook",
        "/p/{key}/evil", "/p/{short}", "/p/{other}", "/p/{key}/../x", "/p/{other}/facebook",
    ],
)  # fmt: skip
async def test_nothing_of_a_request_becomes_a_target(visit: Visit, path: str) -> None:
    """An unknown network, key or token is a 404 without a Location, and no event (trap 34)."""
    key = _public(visit)
    token = visit.scene.token
    forged = token[:-1] + ("A" if token[-1] != "A" else "B")
    answer = await visit.http.get(
        path.format(token=token, forged=forged, key=key, short=key[:-1], other="A" * 22) + "?url=https://evil.example"
    )
    assert answer.status_code == 404
    assert "location" not in answer.headers
    assert visit.journal() == []


async def test_public_version_is_the_same_for_everybody_and_runs_nothing(visit: Visit) -> None:
    """Nothing of the person is on it, script is shut out by its policy, and it is not listed until that is wished."""
    key = _public(visit)
    page = await visit.http.get(f"/p/{key}?via=whatsapp")
    assert page.status_code == 200
    assert "Hello friend" in page.text
    assert visit.scene.token not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "script-src" not in page.headers["content-security-policy"]
    assert page.headers["x-robots-tag"] == "noindex, nofollow"
    (event,) = visit.journal()
    assert (event.type, event.via, event.contact_id, event.ip) == (EventType.PAGE_VIEWED, "whatsapp", None, None)
    with visit.scene.store.write() as conn:
        held = public_versions.by_key(conn, key)
        assert held is not None
        public_versions.change(
            conn, held.account_id, held.campaign_id, variant_id=held.variant_id, title="T", description="",
            image_id=None, is_listed=True,
        )  # fmt: skip
    assert "x-robots-tag" not in (await visit.http.get(f"/p/{key}")).headers
    assert [event.via for event in visit.journal()] == ["whatsapp", "link"]


async def test_previews_of_networks_are_machines(visit: Visit) -> None:
    """What a network fetches to draw what is shared is told apart from people, as HEAD is."""
    key = _public(visit)
    await visit.http.get(f"/p/{key}?via=facebook", headers={"user-agent": PREVIEW})
    await visit.http.head(f"/p/{key}/facebook")
    await visit.http.get(f"/p/{key}/facebook")
    assert [(e.type, e.is_machine) for e in visit.journal()] == [
        (EventType.PAGE_VIEWED, True), (EventType.SHARED, True), (EventType.SHARED, False),
    ]  # fmt: skip
    assert {e.contact_id for e in visit.journal()} == {None}


async def test_switched_off_it_is_gone_for_all_at_once(visit: Visit) -> None:
    """Page, its buttons and the buttons in mails answer 410, nothing is an event, and the address comes back alike."""
    key = _public(visit)
    await visit.tracker.targets.refresh()
    ids = (visit.scene.account_id, visit.scene.recipient.campaign_id)
    with visit.scene.store.write() as conn:
        public_versions.switch(conn, *ids, is_on=False)
    for path in (f"/p/{key}", f"/p/{key}/x", f"/s/{visit.scene.token}/x"):
        assert (await visit.http.get(path)).status_code == 410, path
    assert visit.journal() == []
    with visit.scene.store.write() as conn:
        assert public_version.begin(conn, *ids, now=NOW).key == key
    assert (await visit.http.get(f"/p/{key}")).status_code == 200


async def test_button_works_while_ops_is_away(visit: Visit) -> None:
    """The redirect answers from what the tracker holds, and the event waits in the journal."""
    _public(visit)
    await visit.tracker.targets.refresh()
    with visit.scene.store.write() as conn:
        conn.exec_driver_sql("alter table public_versions rename to public_versions_away")
    assert (await visit.http.get(f"/s/{visit.scene.token}/facebook")).status_code == 302
    assert [event.type for event in visit.journal()] == [EventType.SHARED]


async def test_test_message_and_nobody_are_told(visit: Visit) -> None:
    """A test message's button is a test event; the token of everybody names nobody."""
    _public(visit)
    scene = visit.scene
    await visit.http.get(f"/s/{scene.key.sign(replace(scene.recipient, is_test=True))}/x")
    await visit.http.get(f"/s/{scene.key.sign(replace(scene.recipient, contact_id=NOBODY))}/x")
    assert [(e.is_test, e.contact_id) for e in visit.journal()] == [(True, scene.recipient.contact_id), (False, None)]


async def test_campaign_that_was_never_public_is_shared_by_nobody(visit: Visit) -> None:
    """A button without a public version behind it says so."""
    assert (await visit.http.get(f"/s/{visit.scene.token}/x")).status_code == 410
    assert visit.journal() == []
