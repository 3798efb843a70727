"""`sillage worker --processes N`: several processes share one queue, stop when told, and each tells its own metrics."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from sillage.settings import Settings
from sillage.store.database import Store
from sillage.store.tables import workers
from tests.conftest import SECRET, free_port
from tests.sendworker.relay import Relay, listening
from tests.sendworker.test_worker import books, plan, state_of, until
from tests.world import World


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    """A server that takes everything, a little slowly, so that one process can't be done before the other is there."""
    async with listening(Relay()) as found:
        found.delay = 0.05
        yield found


@pytest.fixture
def settings(tmp_path: Path, relay: Relay) -> Settings:
    """Settings that send to the test's server."""
    return Settings(
        data_dir=tmp_path / "run", secret=SECRET, demo=True, postoffice_port=relay.port, metrics_port=free_port()
    )  # type: ignore[arg-type]


@pytest.mark.slow
async def test_two_processes_share_the_queue_and_leave_nothing_behind(
    any_store: Store, settings: Settings, relay: Relay
):
    """Two processes mail everybody once, on either engine; told to stop, they end with no row in flight."""
    url = any_store.url.render_as_string(hide_password=False)
    world = World(any_store, Settings(**{**settings.model_dump(), "ops_url": url}))
    world.add_contacts(900)
    campaign = plan(world)
    process = subprocess.Popen(  # noqa: ASYNC220  # it is a server, and ends below
        [sys.executable, "-c", "from sillage.cli import main; main()", "worker", "--processes", "2"],
        env={**os.environ, **world.settings.environment()},
    )
    try:
        await until(lambda: state_of(world, campaign) == "closed", seconds=60)
        async with httpx.AsyncClient() as client:
            for number in range(2):
                answer = await client.get(f"http://127.0.0.1:{settings.metrics_port + number}/metrics")
                assert "sillage_window_seconds_count" in answer.text
    finally:
        process.send_signal(signal.SIGTERM)
        ended = time.monotonic() + 30
        while process.poll() is None and time.monotonic() < ended:
            time.sleep(0.1)  # noqa: ASYNC251  # nothing else runs any more
        process.kill()
    assert process.returncode == 0
    assert set(relay.times().values()) == {1}
    assert books(world, campaign) == {"accepted": 900}
    with any_store.read() as conn:
        rows = conn.execute(sa.select(workers.c.ended_at)).all()
    assert len(rows) == 2
    assert all(row.ended_at is not None for row in rows)


def test_faulty_bounce_rules_stop_a_worker_before_it_takes_any_row(store: Store, settings: Settings, tmp_path: Path):
    """It ends at once, names the file and what is wrong, and what was due is due."""
    rules = tmp_path / "own.toml"
    rules.write_text('[[rule]]\nname = "mine"\n', encoding="utf-8")
    world = World(store, settings)
    world.add_contacts(3)
    campaign = plan(world)
    done = subprocess.run(
        [sys.executable, "-m", "sendworker.worker"],
        env={**os.environ, **settings.environment(), "SILLAGE_BOUNCE_RULES": str(rules)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "worker.refused" in done.stdout + done.stderr
    assert "own.toml" in done.stdout + done.stderr
    assert books(world, campaign) == {"due": 3}
