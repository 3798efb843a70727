"""The processes of an installation, each a room's module started by its name."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from sillage.settings import ROOT, Settings
from sillage.supervisor import Process, python


def serving(settings: Settings) -> list[Process]:
    """What has to run for a campaign to leave and its echo to be heard."""
    return [
        python("collector", "sillage.lake.collector"),
        python("web", "web"),
        python("inbound", "sendworker.inbound"),
        python("guard", "sendworker.guard"),
        *workers(settings.workers),
    ]


def workers(count: int) -> list[Process]:
    """Sending processes. The first is called `worker`; each has a port of its own for its metrics."""
    return [
        python("worker" if n == 0 else f"worker-{n + 1}", "sendworker.worker", "--number", str(n), nice=5)
        for n in range(count)
    ]


def screens(settings: Settings) -> list[Process]:
    """What people look at: Streamlit for analysts, Dagster for data engineers (heavy, so it starts last)."""
    settings.dagster_home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ROOT / "pipelines" / "dagster.yaml", settings.dagster_home / "dagster.yaml")
    streamlit = (
        sys.executable, "-m", "streamlit", "run", str(ROOT / "dashboards" / "app.py"),
        "--server.address", settings.host, "--server.port", str(settings.dashboards_port),
        "--server.headless", "true", "--browser.gatherUsageStats", "false",
    )  # fmt: skip
    dagster = (
        sys.executable, "-m", "dagster", "dev", "-m", "pipelines.definitions",
        "-h", settings.host, "-p", str(settings.dagster_port),
    )  # fmt: skip
    return [Process("dashboards", streamlit), Process("dagster", dagster, starts_after_s=20.0, nice=5)]


def post_office(settings: Settings, people: Path, *, delay_scale: float, seed: int, nice: int = 0) -> Process:
    """The built-in mailbox providers, with the people of a file in them; they may make way for pages (`nice`)."""
    return python(
        "postoffice", "sendworker.postoffice",
        "--port", str(settings.postoffice_port), "--control-port", str(settings.postoffice_port + 1),
        "--people", str(people), "--bounces-to", f"{settings.host}:{settings.inbound_port}",
        "--ledger", str(ledger(settings)), "--seed", str(seed), "--clock", settings.clock_text,
        "--delay-scale", str(delay_scale), "--quickest", str(settings.clock.speed * QUICKEST_WALL_S),
        "--refuse-at", "data", nice=nice,
    )  # fmt: skip


QUICKEST_WALL_S = 4.0
"""Time on the wall before the people of the post office act: on a fast clock the moments that a busy machine needs to
write down an acceptance are minutes, and who opens before his mail is accepted is judged a machine."""


def ledger(settings: Settings) -> Path:
    """Where the post office writes down what it did."""
    return settings.data_dir / "postoffice" / "ledger.sqlite"
