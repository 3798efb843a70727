"""`make screenshots`: every page, in both languages, light and dark, at the width of a desk and of a phone.

The pictures go to data/run/screenshots, which is not kept. Somebody has to look at them.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

from pages_world import MJML, PAGES, Home, furnish, new_home
from playwright.sync_api import Browser, Page, sync_playwright

from sillage.access import Door, Links
from sillage.campaign import recurring
from sillage.campaign.create import create_campaign
from sillage.campaign.schedule import schedule
from sillage.domain.campaign import CampaignState, SourceKind
from sillage.domain.sign_in import Role
from sillage.i18n import LANGUAGES
from sillage.settings import ROOT
from sillage.store import accounts, campaigns, drafts, recurrences, users
from sillage.store.drafts import Written
from sillage.store.recurrences import OccurrenceState

CHROMIUM = "/usr/bin/chromium"
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
SIZES = {"desk": (1280, 900), "phone": (390, 844)}
SCHEMES = ("light", "dark")
HELP = {
    "SILLAGE_HELP_HOURS": "9:00-18:00", "SILLAGE_HELP_PHONE": "+33 2 98 00 00 00",
    "SILLAGE_HELP_EMAIL": "aide@maison.example", "SILLAGE_HELP_LINK": "https://aide.maison.example/",
}  # fmt: skip


def plan_ahead(home: Home) -> None:
    """What is yet to come in the account that is looked at: a campaign that waits for approval, one that is scheduled,
    one that was refused, and two that recur.
    """
    now = home.settings.clock.now()
    home.sign_in("maison", Role.MEMBER)
    with home.store.write() as conn:
        account = accounts.by_slug(conn, "maison")
        author = users.by_email(conn, "member@maison.example")
        by = author.id if author else 0
        for name, days in (("Winter sale", 3), ("Advent letter", 1)):
            if days == 1:
                accounts.set_approval(conn, account.id, needed=True)
            made = create_campaign(conn, home.settings, account, home._spec(account, name), now=now, by=by)
            schedule(conn, account.id, made, send_at=now + timedelta(days=days), by=by, now=now)
        form = {"name": "Weekly", "kind": "marketing", "sender": 1, "include": ["Readers"]}
        written = Written(SourceKind.MJML, MJML, "This week for {{ first_name | default: 'you' }}", "Three things")
        draft = drafts.create(conn, account.id, "Weekly letter", written, by=by, now=now, form=form)
        accounts.set_approval(conn, account.id, needed=False)
        for name, rule in (("Weekly letter", "0 9 * * MON,THU"), ("Month's end", "30 18 L * *")):
            one = recurring.begin(
                conn, home.settings, account, name=name, draft_id=draft.id, rule=rule, grace=timedelta(hours=2), by=by,
                now=now,
            )  # fmt: skip
        recurrences.note(
            conn, account.id, one.id, now - timedelta(days=2), OccurrenceState.FAILED,
            words="there is no segment 'Old readers'", now=now,
        )  # fmt: skip
        accounts.set_approval(conn, account.id, needed=True)


@contextmanager
def served(home: Home) -> Iterator[str]:
    """The pages of an installation, as `sillage up` serves them."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", str(ROOT / "dashboards" / "app.py"),
         "--server.address", "127.0.0.1", "--server.port", str(port), "--server.headless", "true"],
        env={**os.environ, **home.environment, **HELP, "SILLAGE_DASHBOARDS_PORT": str(port)}, cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2):
                    break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)


def addresses(home: Home) -> dict[str, str]:
    """Each page with something on it."""
    with home.store.read() as conn:
        account = accounts.by_slug(conn, "maison")
        campaign = campaigns.by_name(conn, account.id, "November news").id
    found = {page.stem: f"/{page.stem}" for page in sorted(PAGES.glob("*.py")) if not page.stem.startswith("_")}
    found["home"] = "/"
    found["report"] = f"/report?campaign={campaign}"
    with home.store.read() as conn:
        waiting = next((c.id for c in campaigns.listed(conn, account.id) if c.state is CampaignState.APPROVAL), None)
        over = campaigns.by_name(conn, account.id, "Autumn 1").id
    found["again"] = f"/again?campaign={over}"
    if waiting is not None:
        found["approval"] = f"/approvals?campaign={waiting}"
    found["contact"] = f"/contact?contact={account.id * 1_000_000 + 1}"
    return found


def still(page: Page) -> None:
    """Wait until nothing is drawn any more, as far as one can tell."""
    page.wait_for_selector('[data-testid="stMain"] h1, main h1, main h2', timeout=60_000)
    for _ in range(120):
        page.wait_for_timeout(250)
        busy = page.locator('[data-testid="stSkeleton"], [data-testid="stStatusWidget"]').count()
        if not busy:
            break
    page.wait_for_timeout(400)


def shoot(browser: Browser, home: Home, address: str, out: Path, wanted: set[str], only: set[str]) -> None:
    """Save the pictures."""
    store, settings = home.store, home.settings
    door = Door(store, settings.secret.get_secret_value())
    links = Links(store, settings.model_copy(update={"dashboards_url": address}), door)
    with store.read() as conn:
        account = accounts.by_slug(conn, "maison")
    outside = {
        "sign_in": f"{address}/sign-in",
        "gone": f"{address}/invitation/none",
        "invitation": links.invite(account.id, "colleague@maison.example", Role.MEMBER),
    }
    inside = {name: f"{address}{path}" for name, path in addresses(home).items()}
    inside["me"], inside["sign_out"] = f"{address}/me", f"{address}/sign-out"
    for language in LANGUAGES:
        for scheme in SCHEMES:
            for size, (width, height) in SIZES.items():
                if any(kind & only and word not in only for kind, word in _kinds(language, scheme, size)):
                    continue
                context = browser.new_context(
                    viewport={"width": width, "height": height}, color_scheme=scheme, locale=language,
                    is_mobile=size == "phone", has_touch=size == "phone",
                )  # fmt: skip
                page = context.new_page()
                for name, url in outside.items():
                    if not wanted or name in wanted:
                        page.goto(url)
                        page.screenshot(path=out / f"{name}-{language}-{scheme}-{size}.png", full_page=True)
                token = home.sign_in("maison")
                with store.write() as conn:
                    owner = users.by_email(conn, "owner@maison.example")
                    users.set_language(conn, owner.id if owner else 0, language)
                context.add_cookies([{"name": "sillage", "value": token, "domain": "127.0.0.1", "path": "/"}])
                for name, url in inside.items():
                    if wanted and name not in wanted:
                        continue
                    page.goto(url)
                    if name not in {"me", "sign_out"}:
                        still(page)
                        tall = page.evaluate(
                            "Math.max(...[...document.querySelectorAll('[data-testid=stMain],[data-testid=stSidebarContent]')]"
                            ".map(e => e.scrollHeight))"
                        )
                        page.set_viewport_size({"width": width, "height": min(max(height, int(tall)), 6000)})
                        page.wait_for_timeout(500)
                    page.screenshot(path=out / f"{name}-{language}-{scheme}-{size}.png", full_page=True)
                    page.set_viewport_size({"width": width, "height": height})
                context.close()


def _kinds(language: str, scheme: str, size: str) -> list[tuple[set[str], str]]:
    return [(set(LANGUAGES), language), (set(SCHEMES), scheme), (set(SIZES), size)]


def main() -> None:
    """Furnish an installation, serve it, and look at it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pages", nargs="*", help="names of pages; none: all")
    parser.add_argument("--only", nargs="*", default=[], help="of each kind one word: fr en light dark desk phone")
    parser.add_argument("--home", type=Path, help="an installation of an earlier run, to save its building")
    parser.add_argument("--out", type=Path, default=ROOT / "data" / "run" / "screenshots")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    folder = options.home or Path(tempfile.mkdtemp(prefix="sillage-pages-"))
    if (folder / "ops.sqlite").exists():
        home = new_home(folder)
    else:
        home = new_home(folder)
        furnish(home)
        plan_ahead(home)
    with served(home) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        shoot(browser, home, address, options.out, set(options.pages), set(options.only))
        browser.close()


if __name__ == "__main__":
    main()
