"""Scheduling is one transaction: a browser that closes, a kill, a second click leave all of it or nothing."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest
import sqlalchemy as sa

from sillage.campaign.create import create_campaign, parse_spec
from sillage.campaign.schedule import schedule
from sillage.domain.campaign import CampaignState as S
from sillage.errors import Refused, SillageError
from sillage.settings import ROOT, Settings
from sillage.store import campaigns
from sillage.store.database import Store
from sillage.store.tables import ab_tests, links, senders, variants
from sillage.store.tables import campaigns as campaigns_table
from tests.world import BODY, World

SPEC = {
    "name": "News", "sender": {"name": "Maison", "email": "news@maison.example"}, "include": ["All"],
    "variants": [{"name": n, "subject": n, "html": BODY} for n in "AB"], "test": {"size": 2},
}  # fmt: skip
KILLED = """
import os, signal, sys
sys.path.insert(0, {root!r})
from sillage.campaign.create import create_campaign, parse_spec
from sillage.campaign.schedule import schedule
from sillage.settings import Settings
from sillage.store import accounts
from sillage.store.database import Store

settings = Settings(data_dir={data!r}, secret={secret!r}, demo=True)
with Store(settings.database_url).write() as conn:
    account, now = accounts.only_account(conn), settings.clock.now()
    made = create_campaign(conn, settings, account, parse_spec({spec!r}, where="test"), now=now)
    schedule(conn, account.id, made, send_at=now)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def world(store: Store, settings: Settings) -> World:
    """Five people."""
    made = World(store, settings)
    made.add_contacts(5)
    return made


def rows(world: World) -> dict[str, int]:
    with world.store.read() as conn:
        tables = (campaigns_table, variants, links, ab_tests)
        return {t.name: conn.execute(sa.select(sa.func.count()).select_from(t)).scalar_one() for t in tables}


def make(world: World) -> None:
    with world.store.write() as conn:
        made = create_campaign(conn, world.settings, world.account, parse_spec(SPEC, where="test"), now=world.now)
        schedule(conn, world.id, made, send_at=world.now)


def test_a_fault_at_the_last_step_leaves_nothing(world: World) -> None:
    """The sender is not verified: neither the campaign nor a version, a link or a test of it is there."""
    with world.store.write() as conn:
        conn.execute(senders.update().values(verified_at=None))
    with pytest.raises(Refused):
        make(world)
    assert set(rows(world).values()) == {0}


def test_a_kill_before_the_end_leaves_nothing_and_it_can_be_done_again(world: World) -> None:
    """Kill -9 after the last statement and before the commit: nothing is there, and the same click works."""
    script = KILLED.format(
        root=str(ROOT), data=str(world.settings.data_dir), secret=world.settings.secret.get_secret_value(), spec=SPEC
    )
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True)
    assert done.returncode == -9, done.stderr
    assert set(rows(world).values()) == {0}
    make(world)
    assert rows(world) == {"campaigns": 1, "variants": 2, "links": 2, "ab_tests": 1}


def test_two_clicks_at_once_schedule_once(world: World) -> None:
    """Eight threads with the same form: one campaign, and seven are told that it is there."""
    faults: list[str] = []

    def click() -> None:
        try:
            make(world)
        except SillageError as exc:
            faults.append(str(exc))

    threads = [threading.Thread(target=click) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(faults) == 7
    assert all("already" in fault for fault in faults)
    with world.store.read() as conn:
        assert [c.state for c in campaigns.listed(conn, world.id)] == [S.SCHEDULED]


def test_a_draft_is_scheduled_by_one_of_two(world: World) -> None:
    """Two who press *Send now* on one draft: one moves it, the other is told what it is."""
    made = world.add_campaign(scheduled=False)
    faults: list[str] = []

    def press() -> None:
        try:
            with world.store.write() as conn:
                schedule(conn, world.id, made, send_at=world.now)
        except Refused as exc:
            faults.append(str(exc))

    threads = [threading.Thread(target=press) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(faults) == 3
    assert all("scheduled" in fault for fault in faults)
