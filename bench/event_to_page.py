"""From the HTTP answer to a click to its figure in the text of the page, in headless Chromium, during a campaign.

    python -m bench.event_to_page [--clicks 40] [--contacts 30000] [--stages]

A quiet campaign's report is open in the browser while another campaign is being sent to many people. Each click on
the quiet campaign is sent to the tracker by itself; the time until the page says one clicker more is measured. With
`--stages` the lake is asked ten times a second whether the click is there, which costs a tenth of a core.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import statistics
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from playwright.sync_api import Page, sync_playwright

from bench.results import record
from sillage import processes
from sillage.access import Door
from sillage.campaign.create import CampaignSpec, SenderSpec, VariantSpec, create_campaign
from sillage.campaign.plan import plan_campaign
from sillage.campaign.schedule import schedule
from sillage.commands.demo import demo_settings
from sillage.demo import once, scene
from sillage.demo.people import CALM, make_people
from sillage.domain.ids import ContactId
from sillage.domain.segment import parse_tree
from sillage.domain.sign_in import Role
from sillage.lake.backlog import backlog
from sillage.lake.build import build_marts
from sillage.lake.reader import Reader
from sillage.log import configure
from sillage.settings import Settings
from sillage.store import accounts, campaigns, segments, users
from sillage.store.database import Store
from sillage.store.tables import contacts
from sillage.supervisor import Supervisor
from sillage.tokens import Recipient, TokenKey

QUIET_TOWN = "Quietville"
HUMAN = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
LOOKED_MS = 50
"""How often the page's text is read: at each frame, as by default, the reading itself keeps a processor busy."""
CHROMIUM = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")


def run(folder: Path, *, clicks: int, contacts_count: int, stages: bool = False) -> dict[str, Any]:
    """Seconds from answer to page, in order."""
    settings = demo_settings(folder / "run", speed=60, free_ports=True)
    settings = settings.model_copy(update={"dashboards_port": settings.web_port + 7})
    store = scene.fresh(settings)
    made = make_people(settings.data_dir / "input", contacts_count, seed=1, mishaps=CALM, now=settings.clock.now())
    _add_quiet_people(made[0], clicks + 10, settings)
    cast = once.Cast(*made, None, 1)
    return asyncio.run(_run(settings, store, cast, clicks, stages=stages))


def _add_quiet_people(path: Path, count: int, settings: Settings) -> None:
    agreed = settings.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        for number in range(count):
            writer.writerow([f"quiet{number}@free.example", "Q", "Q", QUIET_TOWN, "FR", "fr", agreed, "box", "yes", 1])


async def _run(settings: Settings, store: Store, cast: once.Cast, clicks: int, *, stages: bool) -> dict[str, Any]:
    office = processes.post_office(settings, cast.people, delay_scale=1.0, seed=1)
    pages = next(p for p in processes.screens(settings) if p.name == "dashboards")
    supervisor = Supervisor([office, *processes.serving(settings), pages], settings.environment())
    running = asyncio.create_task(supervisor.run())
    try:
        return await asyncio.to_thread(_direct, settings, store, cast, clicks, stages=stages)
    finally:
        supervisor.stop()
        await running


def _direct(settings: Settings, store: Store, cast: once.Cast, clicks: int, *, stages: bool) -> dict[str, Any]:
    noisy = scene.set_up(store, settings, cast.contacts, None)
    quiet = _quiet_campaign(settings, store, noisy)
    once.until(lambda: once.is_closed(store, quiet), "the quiet campaign to close")
    once.until(lambda: backlog(store, settings) == 0, "the collector")
    build_marts(settings)
    scene.plan(store, settings, noisy)
    once.until(lambda: _is_sending(store, noisy), "the noisy campaign to leave")
    with store.read() as conn:
        variant = campaigns.variants_of(conn, quiet.account_id, quiet.campaign_id)[0].id
        people: list[ContactId] = list(
            conn.execute(sa.select(contacts.c.id).where(contacts.c.city == QUIET_TOWN)).scalars()
        )
    key = TokenKey(settings.secret.get_secret_value())
    waits: list[float] = []
    seen = _Arrivals(settings, quiet.campaign_id) if stages else None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(CHROMIUM))
        context = browser.new_context(viewport={"width": 1280, "height": 2400})
        cookie = {"name": "sillage", "value": _sign_in(settings, store, quiet), "domain": settings.host, "path": "/"}
        context.add_cookies([cookie])  # type: ignore[list-item]  # playwright's own shape of a cookie
        page = context.new_page()
        page.goto(f"http://{settings.host}:{settings.dashboards_port}/report?campaign={quiet.campaign_id}&lang=en")
        page.wait_for_function(f"document.body.innerText.includes('0 of {len(people)}')", timeout=120_000)
        sending = 0
        for number, contact in enumerate(people[:clicks], 1):
            token = key.sign(Recipient(quiet.campaign_id, variant, contact))
            sending += _is_sending(store, noisy)
            if seen:
                seen.clicked(number)
            waits.append(_click(f"{settings.base_url}/c/{token}/1", page, f"{number} of {len(people)}"))
            time.sleep(0.37 * (number % 4))
        browser.close()
    ordered = sorted(waits)
    return {
        **({"to_lake": _spread(seen.close())} if seen else {}),
        "clicks": len(waits),
        "while_sending": sending,
        **_spread(ordered),
        "deciles_s": [round(q, 2) for q in statistics.quantiles(ordered, n=10)],
    }


class _Arrivals(threading.Thread):
    """Notes when each click is in the lake."""

    def __init__(self, settings: Settings, campaign_id: int) -> None:
        super().__init__(daemon=True)
        self._reader = Reader(settings, threads=1)
        self._campaign_id = int(campaign_id)
        self._left: dict[int, float] = {}
        self._waits: list[float] = []
        self._ended = threading.Event()
        self.start()

    def clicked(self, number: int) -> None:
        """The click with this number, from 1, leaves now."""
        self._left[number] = time.monotonic()

    def run(self) -> None:
        """Look ten times a second."""
        sql = "select count(*) as n from lake.main.events where type = 'clicked' and campaign_id = ?"
        while not self._ended.wait(0.1):
            (row,) = self._reader.query(sql, [self._campaign_id])
            while len(self._waits) < min(row["n"], len(self._left)):
                self._waits.append(time.monotonic() - self._left[len(self._waits) + 1])

    def close(self) -> list[float]:
        """Seconds from each click to its row."""
        self._ended.set()
        self.join()
        self._reader.close()
        return self._waits


def _spread(waits: list[float]) -> dict[str, float]:
    ordered = sorted(waits)
    return {
        "median_s": round(statistics.median(ordered), 2),
        "p95_s": round(ordered[int(0.95 * (len(ordered) - 1))], 2),
        "max_s": round(ordered[-1], 2),
    }


def _sign_in(settings: Settings, store: Store, stage: scene.Scene) -> str:
    """The cookie of an owner of the account that is looked at."""
    door = Door(store, settings.secret.get_secret_value())
    with store.write() as conn:
        user = users.add(
            conn, email="bench@maison.example", name="Bench", language="en", password_hash="", now=door.now()
        )
        users.join(conn, stage.account_id, user.id, Role.OWNER, now=door.now())
        return door.open(conn, user.id)


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_Stay)


def _click(address: str, page: Page, wanted: str) -> float:
    try:
        _OPENER.open(urllib.request.Request(address, headers={"User-Agent": HUMAN}), timeout=10)  # noqa: S310
    except urllib.error.HTTPError as answer:
        if answer.code != 302:
            raise
    answered = time.monotonic()
    page.wait_for_function(f"document.body.innerText.includes('{wanted}')", timeout=60_000, polling=LOOKED_MS)
    return time.monotonic() - answered


def _is_sending(store: Store, stage: scene.Scene) -> bool:
    with store.read() as conn:
        return campaigns.get(conn, stage.account_id, stage.campaign_id).state == "sending"


def _quiet_campaign(settings: Settings, store: Store, noisy: scene.Scene) -> scene.Scene:
    now = settings.clock.now()
    spec = CampaignSpec(
        name="Quiet",
        sender=SenderSpec(name="Maison Sillage", email="news@maison-sillage.example"),
        include=["Quiet"],
        variants=[VariantSpec(subject="Quiet", html='<p><a href="https://shop.example/">shop</a></p>')],
    )
    with store.write() as conn:
        account = accounts.by_id(conn, noisy.account_id)
        tree = {"kind": "field", "field": "city", "op": "equals", "value": QUIET_TOWN}
        segments.save(conn, account.id, "Quiet", parse_tree(tree), now=now)
        made = create_campaign(conn, settings, account, spec, now=now)
        schedule(conn, account.id, made, send_at=now)
    plan_campaign(store, settings, noisy.account_id, made)
    return scene.Scene(noisy.account_id, made)


def main() -> None:
    """Measure once and record the distribution."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clicks", type=int, default=40)
    parser.add_argument("--contacts", type=int, default=30_000)
    parser.add_argument("--stages", action="store_true", help="also tell when the lake has each click")
    options = parser.parse_args()
    configure("bench")
    with tempfile.TemporaryDirectory(prefix="sillage-latency-") as folder:
        found = run(Path(folder), clicks=options.clicks, contacts_count=options.contacts, stages=options.stages)
    record("event_to_page", **found)


if __name__ == "__main__":
    main()
