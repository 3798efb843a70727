"""How soon pages are there and answer, in headless Chromium on the world of 20 M events, and with twenty analysts at once.

    python -m bench.pages [--rounds 3] [--seconds 60] [--analysts 20] [--only first interactions analysts]

*First useful paint*: from the navigation to the frame in which the page has its heading, what it is opened for, and no
skeleton on the first screen; the browser has its cache, as that of somebody who works with it. *Interactions*: from the
press of the mouse or the key to the frame that shows the answer. Both are taken by the page's own clock. *Analysts*:
so many sessions over websockets, each of which moves among the pages, waits as a person does, and lets live parts draw
themselves as often as they ask to; what is timed is how long a page takes to be drawn whole.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from playwright.sync_api import BrowserContext, Page, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from bench import analysts
from bench.marts import copied
from bench.results import record
from sillage.access import Door
from sillage.domain.sign_in import Role
from sillage.lake.build import build_marts
from sillage.log import configure
from sillage.settings import ROOT, Settings
from sillage.store import accounts, users
from sillage.store.database import Store

CHROMIUM = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
PAGES = {
    "home": "/", "campaigns": "/campaigns", "new_campaign": "/new_campaign", "report": "/report?campaign=15",
    "report_of_a_million": "/report?campaign=1", "lists": "/lists?campaign=15&list=clickers",
    "lists_of_a_million": "/lists?campaign=1&list=delivered", "trends": "/trends", "deliverability": "/deliverability",
    "sending": "/sending", "bounces": "/bounces", "contacts": "/contacts", "contact": "/contact?contact=1",
    "segments": "/segments", "hygiene": "/hygiene", "templates": "/templates", "editor": "/editor",
    "take_in": "/take_in", "images": "/images", "account": "/account", "brand": "/brand", "consent": "/consent",
    "members": "/members",
}  # fmt: skip
USEFUL = {
    "home": "[data-testid=stMetric]", "campaigns": "[data-testid=stMetric]", "report": "[data-testid=stMetric]",
    "report_of_a_million": "[data-testid=stMetric]", "lists": "table", "lists_of_a_million": "table",
    "trends": "[data-testid=stVegaLiteChart] :is(canvas, svg)", "deliverability": "[data-testid=stMetric]",
    "contacts": "[data-testid=stMetric]", "segments": "table",
}  # fmt: skip
"""What a page of figures is opened for; of the others, anything below their heading."""
_THERE = """
wanted => {
  const main = document.querySelector('[data-testid=stMain]');
  if (!main || !main.querySelector('h1, h2, h3')) return null;
  const waits = [...main.querySelectorAll('[data-testid=stSkeleton]')]
    .some(e => { const box = e.getBoundingClientRect(); return box.height > 0 && box.top < innerHeight; });
  if (waits || !main.querySelector(wanted)) return null;
  return performance.now();
}
"""
_ANYTHING = ":is([data-testid=stMetric], [data-testid=stCaptionContainer], [data-testid=stAlert], table, button, input)"
_PRESSED = """
() => { for (const kind of ['pointerdown', 'keydown'])
  addEventListener(kind, () => { window.pressed = performance.now(); }, {capture: true}); }
"""
_SINCE = "test => {{ return ({test}) ? performance.now() - window.pressed : null; }}"
_CHOSEN = (
    "[...document.querySelectorAll('[aria-checked=true]')].some(e => e.innerText.trim() === '{name}')"
    " && !document.querySelector('[data-stale=true]')"
)
LONG_MS, PATIENT_MS = 60_000, 8_000


@contextmanager
def served(settings: Settings) -> Iterator[str]:
    """The pages as `sillage up` serves them."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", str(ROOT / "dashboards" / "app.py"), "--server.address", "127.0.0.1",
         "--server.port", str(port), "--server.headless", "true"],
        env={**os.environ, **settings.environment(), "SILLAGE_DASHBOARDS_PORT": str(port)}, cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2):  # noqa: S310
                    break
            except OSError:
                time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)


def sign_in(settings: Settings) -> str:
    """The cookie of an owner of the world's account."""
    store = Store(settings.database_url)
    door = Door(store, settings.secret.get_secret_value())
    with store.write() as conn:
        account = accounts.by_slug(conn, "bench")
        email = "bench@bench.example"
        user = users.by_email(conn, email) or users.add(
            conn, email=email, name="Bench", language="en", password_hash="", now=door.now()
        )
        users.join(conn, account.id, user.id, Role.OWNER, now=door.now())
        token = door.open(conn, user.id)
    store.close()
    return token


def first_paints(context: BrowserContext, rounds: int) -> dict[str, float]:
    """Milliseconds to the first useful paint of each page, the median of some rounds."""
    taken: dict[str, list[float]] = {name: [] for name in PAGES}
    for number in range(rounds + 1):
        for name, path in PAGES.items():
            page = context.new_page()
            page.goto(path, wait_until="commit")
            found = page.wait_for_function(_THERE, arg=USEFUL.get(name, _ANYTHING), polling="raf", timeout=LONG_MS)
            # The first round fills the browser's cache and the server's memory of its modules.
            if number:
                taken[name].append(found.json_value())
            page.close()
    return {name: round(statistics.median(times)) for name, times in taken.items()}


def _answered(page: Page, act: Callable[[], object], test: str) -> float:
    """Milliseconds; infinite where no answer came."""
    try:
        act()
        found = page.wait_for_function(_SINCE.format(test=test), polling="raf", timeout=PATIENT_MS)
    except PlaywrightTimeout:
        return math.inf
    return float(found.json_value())


def _quiet(page: Page, wanted: str) -> None:
    page.wait_for_function(_THERE, arg=wanted, timeout=LONG_MS)
    page.wait_for_selector("[data-testid=stStatusWidget]", state="detached", timeout=LONG_MS)
    page.wait_for_timeout(1_200)


def interactions(context: BrowserContext, rounds: int) -> dict[str, int | None]:
    """Milliseconds from the press to the answer, the median of some rounds; None where none came."""
    page = context.new_page()
    page.add_init_script(f"({_PRESSED})()")
    taken: dict[str, list[float]] = {}

    def note(name: str, act: Callable[[], object], test: str) -> None:
        taken.setdefault(name, []).append(_answered(page, act, test))
        page.wait_for_timeout(600)

    text = "document.querySelector('[data-testid=stMain]').innerText"
    for number in range(rounds + 1):
        page.goto("/campaigns")
        _quiet(page, USEFUL["campaigns"])
        page.get_by_label("Name contains").fill(f"Campaign 1{number}7")
        cards = f"{text}.includes('Campaign 1{number}7') && !{text}.includes('Campaign 200')"
        note("filter", lambda: page.keyboard.press("Enter"), cards)
        page.goto("/trends")
        _quiet(page, USEFUL["trends"])
        note("tab", lambda: page.get_by_role("radio", name="openers").click(), _CHOSEN.format(name="openers"))
        page.goto("/deliverability")
        _quiet(page, USEFUL["deliverability"])
        part = page.get_by_test_id("stMain").get_by_role("radio", name="By month in which people came")
        note("part", part.click, f"/\\n\\s*(\\w+ )?2026/.test({text}) || {text}.includes('2026-05')")
        page.goto("/")
        _quiet(page, USEFUL["home"])
        threshold = page.get_by_role("radio", name="Complaints")
        note("threshold", threshold.click, _CHOSEN.format(name="Complaints"))
        page.goto("/report?campaign=15")
        _quiet(page, USEFUL["report"])
        people = page.get_by_test_id("stPageLink").filter(has_text="Clickers").first
        note(
            "open_list",
            people.click,
            "document.querySelector('[data-testid=stMain] table') && location.pathname === '/lists'",
        )
        _quiet(page, "table")
        page.locator("[data-testid=stMain] table a").first.evaluate("e => { window.first = e.innerText; }")
        other = "document.querySelector('[data-testid=stMain] table a')?.innerText !== window.first"
        note("next_page", lambda: page.get_by_test_id("stNumberInputStepUp").click(), other)
        search = page.get_by_label("Any part of an address or name")
        search.fill(f"p{number + 1}1")
        note("search", lambda: page.keyboard.press("Enter"), f"{text}.includes('p{number + 1}1')")
    page.close()
    medians = {name: statistics.median(times[1:]) for name, times in taken.items()}
    return {name: round(ms) if math.isfinite(ms) else None for name, ms in medians.items()}


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--analysts", type=int, default=20)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--dry", action="store_true", help="print, and record nothing")
    options = parser.parse_args()
    configure("bench")
    settings = copied()
    if not (settings.marts_dir / "project").exists():
        build_marts(settings)
    wanted = set(options.only or ("analysts", "first", "interactions"))
    told = _print if options.dry else record
    token = sign_in(settings)
    with served(settings) as address:
        if "analysts" in wanted:
            paths = [path for name, path in PAGES.items() if name not in {"editor", "members"}]
            work = analysts.at_work(address, token, paths, count=options.analysts, seconds=options.seconds)
            told("pages_analysts", **asyncio.run(work))
        if not wanted & {"first", "interactions"}:
            return
        with sync_playwright() as playwright, tempfile.TemporaryDirectory(prefix="sillage-pages-") as profile:
            # A profile of its own on disk: a private window would keep no compiled script from one page to the next.
            context = playwright.chromium.launch_persistent_context(
                profile, executable_path="/usr/bin/chromium", args=list(CHROMIUM), base_url=address,
                viewport={"width": 1280, "height": 900},
            )  # fmt: skip
            context.add_cookies([{"name": "sillage", "value": token, "domain": "127.0.0.1", "path": "/"}])
            if "first" in wanted:
                paints = first_paints(context, options.rounds)
                told("pages_first_paint", median_ms=round(statistics.median(paints.values())), ms=paints)
            if "interactions" in wanted:
                told("pages_interactions", ms=interactions(context, options.rounds))
            context.close()


def _print(name: str, **figures: Any) -> None:
    print(name, figures)


if __name__ == "__main__":
    main()
