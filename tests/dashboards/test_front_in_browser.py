"""The pages of the way in, in a real browser: readable on a phone, usable by everybody, without any script."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from pages_world import patient
from playwright.sync_api import Browser, sync_playwright
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from dashboards.front.cookies import Cookies
from dashboards.front.guard import Guard
from dashboards.front.routes import Routes
from sillage.access import Door, Links
from sillage.domain.sign_in import Role
from sillage.settings import Settings
from sillage.store import accounts
from sillage.store.database import Store
from sillage.store.migrate import upgrade
from tests.axe import serious_faults

CHROMIUM = "/usr/bin/chromium"
PASSWORD = "four calm words more"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="chromium is not installed"),
]


async def _inside(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("inside")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Links, Store]]:
    """The way in with a page behind it, on a free port."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("front"), secret="0123456789abcdef0123456789abcdef")
    store = Store(settings.database_url)
    upgrade(store)
    door, cookies = Door(store, settings.secret.get_secret_value()), Cookies(settings)
    links = Links(store, settings, door)
    app = Starlette(
        routes=[*Routes(settings, door, links, cookies).routes, Route("/{path:path}", _inside)],
        middleware=[Middleware(Guard, door=door, cookies=cookies)],
    )
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", links, store
    server.should_exit = True
    thread.join(timeout=10)
    store.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A headless Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


def test_way_in_is_usable_by_everybody_without_script(site: tuple[str, Links, Store], chromium: Browser):
    """Set-up, sign-out, a wrong password, sign-in and an invitation: by keyboard, on a phone, without script."""
    address, links, store = site
    plain = chromium.new_context(viewport={"width": 320, "height": 640}, java_script_enabled=False, locale="fr")
    page = patient(plain.new_page())
    page.goto(f"{address}/set-up/{str(links.set_up()).rsplit('/', 1)[1]}")
    for text in ("Maison", "Ada", "ada@maison.example", PASSWORD):
        page.keyboard.press("Tab")
        page.keyboard.type(text)
    page.keyboard.press("Enter")
    page.wait_for_load_state()
    assert page.inner_text("body") == "inside"
    page.goto(f"{address}/sign-out")
    page.get_by_role("button").click()
    page.goto(f"{address}/report?campaign=3")
    assert page.url.startswith(f"{address}/sign-in?next=")
    page.get_by_label("Adresse e-mail").fill("ada@maison.example")
    page.get_by_label("Mot de passe").fill("not the one I have")
    page.keyboard.press("Enter")
    assert "ne vont pas ensemble" in page.get_by_role("alert").inner_text()
    page.get_by_label("Mot de passe").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{address}/report?campaign=3")
    plain.close()
    with store.read() as conn:
        account = accounts.only_account(conn)
    invitation = links.invite(account.id, "bo@maison.example", Role.MEMBER).rsplit("/", 1)[1]
    for scheme in ("light", "dark"):
        context = chromium.new_context(
            viewport={"width": 320, "height": 640}, color_scheme=scheme, bypass_csp=True, locale="en"
        )
        looker = patient(context.new_page())
        for path in ("/sign-in", f"/invitation/{invitation}", "/invitation/gone", "/sign-in?lang=fr"):
            looker.goto(address + path)
            assert serious_faults(looker) == [], (scheme, path)
            assert looker.evaluate("document.documentElement.scrollWidth") <= 320, path
        looker.goto(f"{address}/sign-in")
        looker.fill("#email", "ada@maison.example")
        looker.fill("#password", PASSWORD)
        looker.click("button")
        for path in ("/me", "/sign-out"):
            looker.goto(address + path)
            assert serious_faults(looker) == [], (scheme, path)
        context.close()
