"""The editor opens every template of the library and mails in the style of others, and writes back what it read."""

from __future__ import annotations

import functools
import http.server
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

from dashboards.editor_words import LABELS, MAIL
from sillage.content.templates import library, template
from sillage.settings import ROOT
from tests.axe import serious_faults

sys.path.insert(0, str(ROOT / "tests" / "content"))
from mail_corpus import MJML

CHROMIUM = "/usr/bin/chromium"
ASSETS = ROOT / "dashboards" / "editor" / "sillage_editor" / "assets"
HARNESS = """<!doctype html><html><head><link rel="stylesheet" href="editor.css"></head><body><div id="root"></div>
<script type="module">
import mount from "./editor.js";
window.open_mail = (token, source, data) => new Promise((done) => {
  const root = document.getElementById("root");
  root.innerHTML = '<div class="slg-editor" style="height:700px"></div>';
  const place = root.firstChild;
  const finish = (answer) => done(JSON.stringify({...answer, text: place.querySelector("iframe.gjs-frame")
    ?.contentDocument?.body?.innerText ?? ""}));
  mount({data: {...data, token, source}, parentElement: root, setTriggerValue() {},
    setStateValue: (name, value) => finish({[name]: value})});
  const look = setInterval(() => {
    if (place.dataset.ready === "true") { clearInterval(look); setTimeout(() => finish({ready: true}), 50); }
    if (place.dataset.state === "refused") clearInterval(look);
  }, 20);
});
window.is_there = true;
</script></body></html>"""
DATA: dict[str, Any] = {
    "labels": LABELS, "fields": [], "segments": ["VIP"], "images": [], "has_images": False, "image_sources": "data:",
    "mail": {**MAIL, "placeholder": "data:,", "video": "data:,"},
    "brand": {"colours": ["#0B2545"], "text": "#0B2545", "button": "#0B7A75", "on_button": "#FFFFFF",
              "link": "#0B7A75", "font": ""},
}  # fmt: skip

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="chromium is not installed"),
]


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path != "/":
            super().do_GET()
            return
        body = HARNESS.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """The editor alone, without Streamlit around it."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(ASSETS)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        found = browser.new_page()
        found.goto(f"http://127.0.0.1:{server.server_port}/")
        found.wait_for_function("window.is_there")
        yield found
        browser.close()
    server.shutdown()
    thread.join()
    server.server_close()


def _opened(page: Page, token: str, source: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(page.evaluate("([t, s, d]) => window.open_mail(t, s, d)", [token, source, DATA]))
    return found


@pytest.mark.parametrize("name", sorted(library()))
def test_template_is_opened_and_kept(page: Page, name: str) -> None:
    """Each template of the library can be changed by drag and drop, and nothing of it is lost by opening it."""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    found = _opened(page, name, template(name).fill("fr", "Maison & Fils").body)
    assert found.get("ready"), found
    assert "Maison & Fils" in found["text"]
    assert errors == []


def test_editor_itself_excludes_nobody(page: Page) -> None:
    """axe-core finds nothing serious in the editor, whatever is chosen in it."""
    _opened(page, "axe", template("welcome-steps").fill("fr", "Maison").body)
    count = page.locator(".slg-outline button").count()
    for at in {0, 1, 2, count // 2, count - 1}:
        page.locator(".slg-outline button").nth(at).click()
        assert serious_faults(page, ".slg-editor") == []
    page.locator(".slg-outline button", has_text="Text: ").first.click()
    page.get_by_role("button", name="Write in it").click()
    page.locator(".slg-text").wait_for(state="visible")
    assert serious_faults(page, ".slg-editor") == []


@pytest.mark.parametrize("wild", MJML, ids=lambda w: w.name)
def test_mail_of_others_is_opened_or_refused_with_a_reason(page: Page, wild: Any) -> None:
    """MJML in any style is opened whole, or its source is offered with a reason that has words."""
    found = _opened(page, wild.name, wild.raw.decode())
    refused = {"crossed.mjml": "crossed", "include.mjml": "include", "unclosed.mjml": "unclosed"}
    if wild.name in refused:
        assert found["fault"]["code"] == refused[wild.name]
    else:
        assert found.get("ready"), found
