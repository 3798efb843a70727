"""Every public page in a real browser: usable by everybody, on a small phone, in both languages, light and dark."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import httpx
import pytest
import sqlalchemy as sa
from playwright.async_api import Page, async_playwright

from sillage.campaign import public_version
from sillage.content.html import SHARE_FIELDS
from sillage.content.templates import source_of, template
from sillage.signup import SignupKey
from sillage.store import forms
from sillage.store.tables import accounts, senders, signups, variants
from tests.axe import serious_faults_soon
from tests.conftest import SECRET
from tests.listening import NOW
from tests.web.conftest import Visit

CHROMIUM = "/usr/bin/chromium"
PHONE = 320

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="chromium is not installed"),
]


@pytest.mark.parametrize(("language", "scheme"), [("fr", "light"), ("en", "dark")])
async def test_public_pages_exclude_nobody(visit: Visit, language: str, scheme: Literal["light", "dark"]) -> None:
    """axe-core finds no serious fault, nothing is wider than a small phone, and each page says its language."""
    found = await _answers(visit, language)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = await browser.new_page(viewport={"width": PHONE, "height": 640}, color_scheme=scheme)
        await page.route("**/*", lambda route: route.abort())
        for name, answer in found.items():
            await page.set_content(answer.text)
            assert await serious_faults_soon(page) == [], name
            assert await page.get_attribute("html", "lang") == language, name
            if name not in _MAILS:
                assert await _width(page) <= PHONE, name
        await browser.close()


HOSTILE = (
    "<p>Safe</p><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    "<svg onload=\"document.title='owned'\"></svg>"
    "<iframe srcdoc=\"<script>top.document.title='owned'</script>\"></iframe>"
    "<a id=press href=\"javascript:document.title='owned'\">press</a><meta http-equiv=refresh content='0;url=/health'>"
    "<form action=/health><button id=send>send</button></form><base href='https://evil.example/'>"
)


async def test_nothing_of_a_mail_runs_on_its_web_or_public_version(visit: Visit) -> None:
    """Script by whatever way, a form and a foreign base are inert in a real browser that asks the tracker itself."""
    scene = visit.scene
    with scene.store.write() as conn:
        conn.execute(sa.update(variants).values(source_kind="html", source=HOSTILE, subject="Quiet"))
        conn.execute(sa.update(senders).values(verified_at=NOW))
        key = public_version.begin(conn, scene.account_id, scene.recipient.campaign_id, now=NOW).key
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        for path in (f"/w/{scene.token}", f"/p/{key}"):
            page = await browser.new_page()
            await page.goto(f"http://127.0.0.1:{visit.tracker.port}{path}")
            assert await page.get_by_text("Safe").is_visible()
            await page.click("#press")
            await page.click("#send")
            await page.wait_for_timeout(300)
            assert await page.title() == "Quiet"
            assert page.url.endswith(path)
            await page.close()
        await browser.close()


_MAILS = ("web version", "public version", "own HTML")
"""Drawn by their authors: a template fits (its own test says so), the HTML of somebody need not."""


async def _width(page: Page) -> int:
    return int(await page.evaluate("document.documentElement.scrollWidth"))


async def _answers(visit: Visit, language: str) -> dict[str, httpx.Response]:
    """Every page that an outsider can come to, with the status that it should have."""
    scene, http = visit.scene, visit.http
    http.headers["accept-language"] = language
    filled = source_of(template("newsletter-classic").fill(language, "Maison"))
    style = "color:#0B5C58"
    buttons = "".join(f'<a href="{{{{ {name} }}}}" style="{style}">{of}</a> ' for of, name in SHARE_FIELDS.items())
    body = filled.body.replace("</mj-body>", f"<mj-section><mj-column><mj-text>{buttons}</mj-text></mj-column>"
                                             "</mj-section></mj-body>")  # fmt: skip
    with scene.store.write() as conn:
        conn.execute(sa.update(accounts).values(locale=language, legal_name="Maison SAS", postal_address="1 quai"))
        conn.execute(sa.update(variants).values(source_kind="mjml", source=body, subject=filled.subject))
        conn.execute(sa.update(senders).values(verified_at=NOW))
        key = public_version.begin(conn, scene.account_id, scene.recipient.campaign_id, now=NOW).key
        sender = conn.execute(sa.select(senders.c.id)).scalar_one()
        form = forms.create(
            conn, scene.account_id, "News", sender_id=sender, wording="I agree", wording_version="1",
            tracking_wording="You may measure", asks_name=True, now=NOW,
        )  # fmt: skip
    await visit.tracker.targets.refresh()
    token, agreed = scene.token, {"agree": "on", "email": "ada@shop.example"}
    found = {
        "unsubscribe": (await http.get(f"/u/{token}"), 200),
        "unsubscribe without the button": (await http.post(f"/u/{token}"), 400),
        "unsubscribed": (await http.post(f"/u/{token}", data={"confirm": "yes"}), 200),
        "tracking": (await http.get(f"/t/{token}"), 200),
        "tracking withdrawn": (await http.post(f"/t/{token}", data={"confirm": "yes"}), 200),
        "web version": (await http.get(f"/w/{token}"), 200),
        "public version": (await http.get(f"/p/{key}"), 200),
        "shared by e-mail": (await http.get(f"/p/{key}/email"), 200),
        "form": (await http.get(f"/f/{form.key}"), 200),
        "form without an address": (await http.post(f"/f/{form.key}", data={"agree": "on"}), 400),
        "form without the tick": (await http.post(f"/f/{form.key}", data={"email": "a@shop.example"}), 400),
        "signed up": (await http.post(f"/f/{form.key}", data=agreed), 200),
    }
    with scene.store.read() as conn:
        number = conn.execute(sa.select(signups.c.id).order_by(signups.c.id.desc())).scalars().first()
    confirming = f"/s/{SignupKey(SECRET).sign(int(number or 0))}"
    found |= {
        "confirm": (await http.get(confirming), 200),
        "confirmed": (await http.post(confirming, data={"confirm": "yes"}), 200),
        "nowhere": (await http.get("/u/none"), 404),
        "shared nowhere": (await http.get("/p/none"), 404),
    }
    with scene.store.write() as conn:
        conn.execute(
            sa.update(variants).values(source_kind="html", source="<p>Plain <a href='https://a.example'>a</a>")
        )
    found["own HTML"] = (await http.get(f"/p/{key}"), 200)
    with scene.store.write() as conn:
        conn.exec_driver_sql("update public_versions set is_on = 0")
    found["not public any more"] = (await http.get(f"/p/{key}"), 410)
    for name, (answer, status) in found.items():
        assert answer.status_code == status, name
    return {name: answer for name, (answer, _) in found.items()}
