"""The pages behind a mail's links: looking changes nothing, a POST does, and once."""

from __future__ import annotations

import asyncio
import re

import httpx
import pytest
import sqlalchemy as sa
from msgspec.structs import replace

from sillage.domain.ids import ContactId
from sillage.lake.event import EventType
from sillage.store.tables import accounts
from sillage.tokens import NOBODY
from tests.web.conftest import Visit, client

ONE_CLICK = "List-Unsubscribe=One-Click"
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize("page", ["u", "t", "w"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("headers", [{}, {"purpose": "prefetch"}, {"sec-purpose": "prefetch"}])
async def test_looking_changes_nothing(visit: Visit, page: str, method: str, headers: dict[str, str]) -> None:
    """GET, HEAD and prefetch of any page leave consent as it is, and are no click (trap 32)."""
    await visit.http.request(method, f"/{page}/{visit.scene.token}", headers=headers)
    assert visit.scene.consent() == ("granted", "granted", "granted")
    assert visit.scene.events() == []
    assert visit.journal() == []


@pytest.mark.parametrize("how", ["urlencoded", "multipart", "bare", "repeated"])
async def test_one_click_unsubscribes_in_either_encoding(visit: Visit, how: str) -> None:
    """RFC 8058: 200, no redirect, no cookie, once however often (trap 33)."""
    path = f"/u/{visit.scene.token}"
    async with client(visit.tracker) as http:
        for _ in range(3 if how == "repeated" else 1):
            if how == "multipart":
                answer = await http.post(path, files={"List-Unsubscribe": (None, "One-Click")})
            elif how == "bare":
                answer = await http.post(path, content=ONE_CLICK)
            else:
                answer = await http.post(path, content=ONE_CLICK, headers=FORM)
            assert (answer.status_code, answer.history, answer.cookies) == (200, [], httpx.Cookies())
    assert visit.scene.consent() == ("withdrawn", "granted", "granted")
    (event,) = visit.scene.events()
    assert (event.type, event.via) == (EventType.UNSUBSCRIBED, "one_click")


async def test_two_clicks_at_once_are_one(visit: Visit) -> None:
    """The same wish ten times in the same moment is one event."""
    path = f"/u/{visit.scene.token}"
    await asyncio.gather(*(visit.http.post(path, content=ONE_CLICK, headers=FORM) for _ in range(10)))
    assert len(visit.scene.events()) == 1


async def test_page_asks_and_its_button_unsubscribes(visit: Visit) -> None:
    """The page has a form with a hidden field; sending that form is the wish, and the answer says that it is done."""
    page = await visit.http.get(f"/u/{visit.scene.token}")
    assert page.status_code == 200
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="(\w+)"', page.text))
    done = await visit.http.post(f"/u/{visit.scene.token}", data=hidden)
    assert done.status_code == 200
    assert "<form" not in done.text
    assert visit.scene.events()[0].via == "page"


async def test_tracking_page_withdraws_tracking_alone(visit: Visit) -> None:
    """Who does not want to be measured stays subscribed."""
    await visit.http.post(f"/t/{visit.scene.token}", data={"confirm": "yes"})
    assert visit.scene.consent() == ("granted", "withdrawn", "withdrawn")


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (b"", {}),
        (b"List-Unsubscribe=Maybe", FORM),
        (b"a=1&" * 100, FORM),
        (b"--b\r\nbroken", {"content-type": "multipart/form-data; boundary=b"}),
        (b"x", {"content-type": "multipart/form-data"}),
        (b"\xff\xfe\x00", FORM),
    ],
)
async def test_post_that_asks_for_nothing_changes_nothing(
    visit: Visit, content: bytes, headers: dict[str, str]
) -> None:
    """A POST without the words or the button's field is a 400 that shows the page again (trap 40)."""
    answer = await visit.http.post(f"/u/{visit.scene.token}", content=content, headers=headers)
    assert answer.status_code == 400
    assert visit.scene.consent()[0] == "granted"


async def test_large_body_is_refused(visit: Visit) -> None:
    """A wish is small; what is not is let go of after 64 KiB."""
    answer = await visit.http.post(f"/u/{visit.scene.token}", content=b"a" * 100_000, headers=FORM)
    assert answer.status_code == 413


async def test_guessing_tells_nothing(visit: Visit) -> None:
    """A guessed token is one 404, an erased person's page is the page of any (trap 35)."""
    guessed = {(await visit.http.get(f"/{page}/{'A' * length}")).text for page in "utw" for length in (3, 36)}
    assert len(guessed) == 1
    before = await visit.http.get(f"/u/{visit.scene.token}")
    stranger = visit.scene.key.sign(replace(visit.scene.recipient, contact_id=ContactId(12345)))
    visit.scene.forget_contact()
    assert (await visit.http.get(f"/u/{visit.scene.token}")).text == before.text
    assert (await visit.http.get(f"/u/{stranger}")).text == before.text
    answers = [await visit.http.post(f"/u/{token}", data={"confirm": "1"}) for token in (stranger, visit.scene.token)]
    assert len({answer.text for answer in answers}) == 1


async def test_token_of_everybody_unsubscribes_nobody(visit: Visit) -> None:
    """The anonymous token has no page."""
    token = visit.scene.key.sign(replace(visit.scene.recipient, contact_id=NOBODY))
    assert (await visit.http.post(f"/u/{token}", content=ONE_CLICK, headers=FORM)).status_code == 404


async def test_script_in_a_name_is_inert(visit: Visit) -> None:
    """An account's name is text on the page, and the page runs nothing, wherever it came from (trap 39)."""
    with visit.scene.store.write() as conn:
        conn.execute(sa.update(accounts).values(name='<script>alert(1)</script>"{x}'))
    await visit.tracker.targets.refresh()
    for page in (await visit.http.get(f"/u/{visit.scene.token}"), await visit.http.get(f"/t/{visit.scene.token}")):
        assert "<script" not in page.text
        assert "&lt;script&gt;" in page.text
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert "unsafe" not in policy


@pytest.mark.parametrize(
    ("locale", "word"), [("fr", "Se désinscrire"), ("en", "Unsubscribe"), ("fr_CA", "désinscrire")]
)
async def test_page_speaks_the_language_of_the_account(visit: Visit, locale: str, word: str) -> None:
    """The account's language, in words and in the page's own mark."""
    with visit.scene.store.write() as conn:
        conn.execute(sa.update(accounts).values(locale=locale))
    await visit.tracker.targets.refresh()
    page = (await visit.http.get(f"/u/{visit.scene.token}")).text
    assert word in page
    assert f'<html lang="{locale[:2]}">' in page


async def test_pages_carry_security_headers_and_fetch_nothing(visit: Visit) -> None:
    """No page may be framed, sniffed, cached or told on by a referrer, and none loads anything."""
    page = await visit.http.get(f"/u/{visit.scene.token}")
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert "http" not in page.text.replace("http-equiv", "")
    assert not page.cookies


async def test_wish_is_kept_while_ops_is_away(visit: Visit) -> None:
    """Somebody who says stop has said it: 200 while ops is broken, carried out when it is back, with its own time."""
    with visit.scene.store.write() as conn:
        conn.exec_driver_sql("alter table outbox rename to outbox_away")
    assert (await visit.http.post(f"/u/{visit.scene.token}", content=ONE_CLICK, headers=FORM)).status_code == 200
    assert len(await visit.tracker.journal.kept()) == 1
    with visit.scene.store.write() as conn:
        conn.exec_driver_sql("alter table outbox_away rename to outbox")
    await visit.tracker.wishes.retry()
    assert visit.scene.consent()[0] == "withdrawn"
    assert await visit.tracker.journal.kept() == []


async def test_test_message_unsubscribes_nobody(visit: Visit) -> None:
    """The link of a test message answers and leaves the person it was filled with alone."""
    token = visit.scene.key.sign(replace(visit.scene.recipient, is_test=True))
    assert (await visit.http.post(f"/u/{token}", content=ONE_CLICK, headers=FORM)).status_code == 200
    assert visit.scene.consent()[0] == "granted"


async def test_web_version_of_nobody_is_not_found(visit: Visit) -> None:
    """A token that is not ours has no web version."""
    assert (await visit.http.get(f"/w/{'A' * 36}")).status_code == 404


async def test_health_counts(visit: Visit) -> None:
    """The health page says whether ops answers, and what was written, held and lost."""
    await visit.http.get(f"/o/{visit.scene.token}.gif")
    health = (await visit.http.get("/health")).json()
    assert health == {"ok": True, "ops": True, "events": 1, "held": 0, "lost": 0}


@pytest.mark.parametrize("path", ["/", "/x", "/u/", "/u/a/b", "/../etc/passwd", "/%00"])
async def test_other_paths_are_not_found(visit: Visit, path: str) -> None:
    """Nothing else is here."""
    assert (await visit.http.get(path)).status_code == 404


@pytest.mark.parametrize(("page", "said"), [("u", "Stop these messages?"), ("t", "measuring"), ("w", "web version")])
async def test_links_of_a_test_mail_say_what_they_would_do_and_do_nothing(visit: Visit, page: str, said: str) -> None:
    """A test's token shows what its link would do; no method of it changes consent or is an event."""
    recipient = replace(visit.scene.recipient, is_test=True)
    path = f"/{page}/{visit.scene.key.sign(recipient)}"
    shown = await visit.http.get(path, headers={"accept-language": "en"})
    assert shown.status_code == 200
    assert said in shown.text
    assert "<form" not in shown.text
    if page != "w":
        assert (await visit.http.post(path, content=ONE_CLICK, headers=FORM)).status_code == 200
        assert (await visit.http.post(path, data={"confirm": "yes"})).status_code == 200
    assert visit.scene.consent() == ("granted", "granted", "granted")
    assert visit.scene.events() == []
