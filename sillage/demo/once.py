"""A demo to its end: the campaign leaves, people act, the books close, the marts are built, the result is read."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from sillage import processes
from sillage.campaign.schedule import resume, resume_slice
from sillage.demo import scene
from sillage.domain.campaign import CampaignState
from sillage.errors import TransientError
from sillage.lake.backlog import backlog
from sillage.lake.build import build_marts
from sillage.lake.reader import Reader
from sillage.settings import Settings
from sillage.store import campaigns, incidents
from sillage.store.database import Store
from sillage.supervisor import Supervisor

log = structlog.get_logger()

PATIENCE_S = 300.0
"""A demo in which nothing has moved for so long is given up; a slow machine takes as long as it takes."""
SAY_EVERY_S = 2.0
# Name in the result, column of the marts.
BALANCE = {
    "accepted": "accepted_count", "bounced": "refused_count", "failed": "failed_count",
    "suppressed": "suppressed_count", "skipped": "skipped_count", "in_doubt": "in_doubt_count",
}  # fmt: skip
FIGURES = {
    "sent": "sent_count", "delivered": "delivered_count", "bounced": "bounced_count",
    "human_opened": "human_open_count", "human_clicked": "human_click_count", "unsubscribed": "unsubscribed_count",
    "complained": "complained_count", "measurable": "measurable_count", "machine_opened": "machine_open_count",
    "machine_clicked": "machine_click_count", "open_rate": "open_rate", "click_rate": "click_rate",
    "reactivity_rate": "reactivity_rate", "bounce_rate": "bounce_rate", "unsubscribe_rate": "unsubscribe_rate",
    "complaint_rate": "complaint_rate",
}  # fmt: skip


@dataclass(slots=True)
class Result:
    """What a demo came to."""

    campaigns: list[dict[str, Any]]
    post_office: dict[str, Any]
    seconds: dict[str, float] = field(default_factory=dict)

    def as_json(self) -> str:
        """The result as one JSON document."""
        return json.dumps({"campaigns": self.campaigns, "post_office": self.post_office, "seconds": self.seconds})


@dataclass(frozen=True, slots=True)
class Cast:
    """The demo's input: contacts to import, people for the post office, and arms where an experiment is run."""

    contacts: Path
    people: Path
    arms: list[str] | None
    seed: int


def run(settings: Settings, store: Store, cast: Cast) -> Result:
    """Run a demo on a fresh data directory.

    Raises: TransientError where it does not end in time.
    """
    return asyncio.run(_run(settings, store, cast))


async def _run(settings: Settings, store: Store, cast: Cast) -> Result:
    watch = _Stopwatch()
    office = processes.post_office(settings, cast.people, delay_scale=0.0, seed=cast.seed)
    supervisor = Supervisor([office, *processes.serving(settings)], settings.environment())
    running = asyncio.create_task(supervisor.run())
    try:
        result = await asyncio.to_thread(_direct, settings, store, cast, watch)
    finally:
        supervisor.stop()
        await running
    result.seconds["total"] = watch.total()
    return result


def _direct(settings: Settings, store: Store, cast: Cast, watch: _Stopwatch) -> Result:
    stage = scene.set_up(store, settings, cast.contacts, cast.arms)
    watch.lap("import")
    planned = scene.plan(store, settings, stage)
    log.info("demo.planned", audience=planned.audience, **planned.by_variant)
    watch.lap("plan")
    until_closed(store, stage)
    watch.lap("send")
    until_all_is_in_the_lake(settings, store)
    watch.lap("react")
    build_marts(settings)
    watch.lap("marts")
    return Result([_campaign(settings, store, stage)], _office_report(settings, cast), watch.laps)


class _Stopwatch:
    def __init__(self) -> None:
        self._started = self._last = time.monotonic()
        self.laps: dict[str, float] = {}

    def lap(self, name: str) -> None:
        now = time.monotonic()
        self.laps[name] = round(now - self._last, 2)
        self._last = now
        log.info("demo.stage", stage=name, seconds=self.laps[name])

    def total(self) -> float:
        return round(time.monotonic() - self._started, 2)


def until(is_done: Callable[[], bool], what: str, standing: Callable[[], object] = lambda: None) -> None:
    """Wait while `standing` changes.

    Raises: TransientError where it has not for PATIENCE_S.
    """
    moved = looked = time.monotonic()
    last: object = None
    while not is_done():
        now = time.monotonic()
        if now - looked > SAY_EVERY_S:
            looked = now
            if (found := standing()) != last:
                last, moved = found, now
        if now - moved > PATIENCE_S:
            raise TransientError(f"nothing has moved for {PATIENCE_S:g} s, waiting for {what}; look at the log above")
        time.sleep(0.1)


def until_closed(store: Store, stage: scene.Scene) -> None:
    """Wait for the campaign's end."""
    until(lambda: is_closed(store, stage), "the campaign to close", lambda: _progress(store, stage))


def until_all_is_in_the_lake(settings: Settings, store: Store) -> None:
    """Wait for what people do after the last mail, and for the collector to take it."""
    until(lambda: _pending(settings) == 0, "the post office's people to have acted", lambda: _pending(settings))
    until(lambda: backlog(store, settings) == 0, "the collector to drain everything", lambda: backlog(store, settings))


def is_closed(store: Store, stage: scene.Scene) -> bool:
    """Whether it is over. What the guard has stopped is let go on, as by an analyst who has looked at it."""
    with store.read() as conn:
        state = campaigns.get(conn, stage.account_id, stage.campaign_id).state
        stopped = [i for i in incidents.of_campaign(conn, stage.account_id, stage.campaign_id) if i.ended_at is None]
    for incident in stopped:
        log.info("demo.resumed", metric=incident.metric, provider=incident.provider)
        with store.write() as conn:
            if incident.provider is not None:
                resume_slice(conn, stage.account_id, stage.campaign_id, incident.provider, now=incident.at)
            elif state is CampaignState.PAUSED:
                resume(conn, stage.account_id, stage.campaign_id, now=incident.at)
    return state is CampaignState.CLOSED


def _progress(store: Store, stage: scene.Scene) -> dict[str, int]:
    with store.read() as conn:
        found = campaigns.balance(conn, stage.account_id, stage.campaign_id)
    log.info("demo.sending", of=found.audience, **found.counts)
    return dict(found.counts)


def _pending(settings: Settings) -> int:
    """What the post office's people are still going to do."""
    address = f"http://{settings.host}:{settings.postoffice_port + 1}/status"
    with urllib.request.urlopen(address, timeout=10) as answer:  # our own loopback port
        status = json.load(answer)
    return int(status["pending_actions"])


def _office_report(settings: Settings, cast: Cast) -> dict[str, Any]:
    """The post office's own figures, counted by itself from its own ledger."""
    done = subprocess.run(  # noqa: S603  # our own module, our own paths
        [
            sys.executable, "-m", "sendworker.postoffice", "report",
            "--ledger", str(processes.ledger(settings)), "--people", str(cast.people),
        ],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def _campaign(settings: Settings, store: Store, stage: scene.Scene) -> dict[str, Any]:
    """A campaign's figures as the marts have them; nothing is computed here."""
    with store.read() as conn:
        names = {v.id: v.name for v in campaigns.variants_of(conn, stage.account_id, stage.campaign_id)}
    with closing(Reader(settings)) as reader:
        (whole,) = reader.query(
            "select * from marts.fct_campaign_performance where account_id = ? and campaign_id = ?",
            [stage.account_id, stage.campaign_id],
        )
        variants = reader.query(
            "select * from marts.fct_variant_performance where account_id = ? and campaign_id = ? order by variant_id",
            [stage.account_id, stage.campaign_id],
        )
    return {
        "name": whole["campaign_name"],
        "audience": whole["audience_count"],
        "balance": {name: whole[column] for name, column in BALANCE.items()},
        "closed": whole["is_closed"],
        "variants": [{"id": v["variant_id"], "name": names[v["variant_id"]], **_figures(v)} for v in variants],
    }


def _figures(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[column] for name, column in FIGURES.items()}
