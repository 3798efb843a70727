"""Four workers, a hostile post office, kill -9 and SIGSTOP at random: nobody is lost, and the books say who got what.

Long runs: `pytest tests/chaos --chaos-minutes 30 --chaos-seed 7`.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa

from sillage.campaign.plan import plan_campaign
from sillage.clock import Clock
from sillage.domain.ids import CampaignId
from sillage.domain.pace import Rate
from sillage.errors import TransientError
from sillage.lake.event import Event, EventType, decode
from sillage.settings import ROOT, Settings
from sillage.store import campaigns, rates
from sillage.store.database import Store
from sillage.store.migrate import upgrade
from sillage.store.tables import consents, contacts, outbox
from tests.chaos.cluster import Cluster
from tests.conftest import SECRET, free_port
from tests.world import World

WORKERS = 4
CAP = 40
LEASE_S = 5.0
"""A claim is good for as long as its worker's lease: what leaves later is a fault."""
SLACK_S = 1.5
"""What the post office may be late to write down that it was asked, on a busy machine."""
PACE_PER_S = 36.0
HAND_OVERS = {"accepted", "bounced", "failed", "suppressed", "skipped"}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def ops(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Cluster | None]]:
    """An address of an ops, with the cluster to hurt where it is one."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/ops.sqlite", None
        return
    bins = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not bins:
        pytest.skip("PostgreSQL is not installed: `make system` installs it where it may")
    with tempfile.TemporaryDirectory(prefix="sillage-chaos-") as name:
        cluster = Cluster(Path(name), bins[-1].parent)
        cluster.start()
        try:
            yield cluster.url, cluster
        finally:
            cluster.stop()


@dataclass
class Chaos:
    """Processes under attack."""

    settings: Settings
    folder: Path
    cluster: Cluster | None
    chance: random.Random
    over: threading.Event = field(default_factory=threading.Event)
    workers: list[subprocess.Popen[bytes] | None] = field(default_factory=lambda: [None] * WORKERS)
    hits: Counter[str] = field(default_factory=Counter)

    def keep_alive(self) -> None:
        """Start each worker, and again whenever it ends."""
        with (self.folder / "workers.log").open("ab") as log:
            while not self.over.is_set():
                for number, process in enumerate(self.workers):
                    if process is None or process.poll() is not None:
                        self.workers[number] = subprocess.Popen(
                            [sys.executable, "-m", "sendworker.worker"],
                            env=self.settings.environment(), cwd=ROOT, stdout=log, stderr=log,
                        )  # fmt: skip
                self.over.wait(0.2)

    def hurt(self) -> None:
        """One blow."""
        roll = self.chance.random()
        if self.cluster is not None and roll < 0.2:
            self._hurt_database(self.cluster, "kill" if roll < 0.1 else "stop")
            return
        victim = self.workers[self.chance.randrange(WORKERS)]
        if victim is None or victim.poll() is not None:
            return
        if roll < 0.6:
            self.hits["kill"] += 1
            victim.kill()
        else:
            self.hits["stop"] += 1
            victim.send_signal(signal.SIGSTOP)
            nap = self.chance.choice([0.3, 1.5, 7.0])
            threading.Timer(nap, _wake, [victim]).start()

    def _hurt_database(self, cluster: Cluster, how: str) -> None:
        self.hits[f"database {how}"] += 1
        if how == "kill":
            cluster.signal(signal.SIGKILL)
            time.sleep(self.chance.uniform(0.0, 1.0))
            cluster.start()
        else:
            cluster.signal(signal.SIGSTOP)
            time.sleep(self.chance.uniform(0.5, 2.0))
            cluster.signal(signal.SIGCONT)

    def end(self) -> None:
        self.over.set()
        for process in self.workers:
            if process is not None:
                _wake(process)
                process.terminate()
        for process in self.workers:
            if process is not None:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(20)
                process.kill()
                process.wait()


def _wake(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGCONT)


def _insist(store: Store, statement: sa.Executable) -> None:
    """Run a statement that may be run twice, until the database has taken it."""
    while True:
        try:
            with store.write() as conn:
                conn.execute(statement)
        except TransientError:
            time.sleep(0.1)
        else:
            return


@pytest.mark.slow
def test_chaos_loses_nobody_and_the_books_say_who_got_what(
    ops: tuple[str, Cluster | None], tmp_path: Path, request: pytest.FixtureRequest
):
    """Everybody ends in one state; what was taken is accounted for; twice only where doubt was resent; no after no."""
    seed = int(request.config.getoption("--chaos-seed"))
    seconds = float(request.config.getoption("--chaos-minutes")) * 60
    url, cluster = ops
    port, ledger = free_port(), tmp_path / "ledger.jsonl"
    clock = Clock.started_now(origin=Clock().now(), speed=600)
    settings = Settings(
        data_dir=tmp_path / "run",
        ops_url=url,
        secret=SECRET,
        demo=True,
        postoffice_port=port,
        sending_cap=CAP,
        metrics_port=0,
        SILLAGE_CLOCK=str(clock),
    )  # type: ignore[arg-type]
    store = Store(url)
    upgrade(store)
    people = int(PACE_PER_S * seconds / 2)
    world, made = _set_up(store, settings, people)
    hostile = Path(__file__).with_name("hostile.py")
    office = subprocess.Popen([sys.executable, hostile, str(port), ledger, str(seed)])
    chaos = Chaos(settings, tmp_path, cluster, random.Random(seed))  # noqa: S311  # blows need no secret
    keeper = threading.Thread(target=chaos.keep_alive)
    keeper.start()
    left_at: dict[str, float] = {}
    try:
        _rage(chaos, store, seconds, people, left_at)
        _until_closed(store, world, made, seconds=300)
        time.sleep(1.0)
    finally:
        chaos.end()
        keeper.join()
        office.kill()
        office.wait()
    facts = Facts.gather(store, ledger)
    print(f"seed {seed}, {people} people, hits {dict(chaos.hits)}, {facts.summary()}")  # noqa: T201  # what a run was worth
    assert sum(chaos.hits.values()) >= 5, "the chaos was too mild to prove anything"
    _judge(world, facts, made, people, chaos.hits)
    _nobody_after_no(facts, left_at)
    store.close()


def _set_up(store: Store, settings: Settings, people: int) -> tuple[World, dict[str, CampaignId]]:
    world = World(store, settings)
    world.add_contacts(people)
    with store.write() as conn:
        rates.set_rate(conn, "*", Rate(12, 50, PACE_PER_S / 3 * 1.4, recovery_s=2.0), channel="email")
    made = {}
    for policy in ("hold", "resend"):
        campaign = world.add_campaign(
            policy, in_doubt=policy, retry_for_hours=2, late_after_hours=720,
            variants=[{"subject": policy, "html": '<p><a href="https://shop.example/">shop</a></p>'}],
        )  # fmt: skip
        plan_campaign(store, settings, world.id, campaign)
        made[policy] = campaign
    return world, made


def _rage(chaos: Chaos, store: Store, seconds: float, people: int, left_at: dict[str, float]) -> None:
    """Blows at random moments, while people leave."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        time.sleep(chaos.chance.uniform(0.2, 2.5))
        chaos.hurt()
        for _ in range(3):
            who = chaos.chance.randrange(people) + 1
            leaving = consents.update().where(consents.c.contact_id == who).values(marketing="withdrawn")
            _insist(store, leaving)
            left_at.setdefault(f"c{who}@mail.example", time.time())


def _until_closed(store: Store, world: World, made: dict[str, CampaignId], *, seconds: float) -> None:
    ends = time.monotonic() + seconds
    while True:
        with suppress(TransientError), store.read() as conn:
            states = {name: campaigns.get(conn, world.id, made[name]).state.value for name in made}
            books = {name: campaigns.balance(conn, world.id, made[name]).counts for name in made}
            if set(states.values()) == {"closed"}:
                return
        assert time.monotonic() < ends, f"not closed: {states} {books}"
        time.sleep(0.2)


@dataclass
class Facts:
    """What the post office took, and what our books say, each by (campaign's name or id, recipient)."""

    took: dict[tuple[str, str], list[str]]
    asked: dict[str, list[float]]
    events: dict[tuple[int, int], list[Event]]
    emails: dict[int, str]

    @classmethod
    def gather(cls, store: Store, ledger: Path) -> Facts:
        took: dict[tuple[str, str], list[str]] = defaultdict(list)
        asked: dict[str, list[float]] = defaultdict(list)
        for line in ledger.read_text().splitlines():
            fact = json.loads(line)
            if fact["did"] == "took":
                took[fact["about"], fact["who"]].append(fact["id"])
            elif fact["did"] == "asked":
                asked[fact["who"]].append(fact["t"])
        events: dict[tuple[int, int], list[Event]] = defaultdict(list)
        with store.read() as conn:
            for row in conn.execute(sa.select(outbox.c.body)):
                event = decode(bytes(row.body))
                events[event.campaign_id or 0, event.contact_id or 0].append(event)
            emails = {r.id: r.email for r in conn.execute(sa.select(contacts.c.id, contacts.c.email))}
        return cls(took, asked, events, emails)

    def attempts(self, key: tuple[int, int], kind: str) -> set[int | None]:
        """Distinct attempts that ended so."""
        return {e.attempt for e in self.events[key] if e.type.value == kind}

    def summary(self) -> dict[str, int]:
        counted = Counter(e.type.value for es in self.events.values() for e in es)
        twice = sum(len(ids) - 1 for ids in self.took.values())
        return {"taken": sum(map(len, self.took.values())), "twice": twice, **counted}


def _judge(world: World, facts: Facts, made: dict[str, CampaignId], people: int, hits: Counter[str]) -> None:
    resent = twice = 0
    for policy, campaign in made.items():
        finals: Counter[str] = Counter()
        for contact, email in facts.emails.items():
            key, ids = (campaign, contact), facts.took.get((policy, email), [])
            accepted, doubtful = facts.attempts(key, "accepted"), facts.attempts(key, "in_doubt")
            told = {e.type.value for e in facts.events[key]} & HAND_OVERS
            assert told or doubtful, f"{email} of {policy} is in no state"
            # Every message that was taken is an outcome or a doubt, and none is an outcome that was not taken.
            assert len(accepted) <= len(ids) <= len(accepted | doubtful), (
                f"{email} of {policy}: taken {len(ids)}, accepted {accepted}, in doubt {doubtful}"
            )
            assert len(set(ids)) <= 1, f"{email} of {policy} has two Message-IDs: {set(ids)}"
            if policy == "hold":
                assert len(ids) <= 1, f"{email} was mailed twice though doubt is held"
                assert len(told) <= 1, f"{email} of {policy} is in {told}"
            else:
                twice += max(0, len(ids) - 1)
                resent += len(doubtful)
            finals["accepted" if accepted else next(iter(sorted(told)), "in_doubt")] += 1
        with world.store.read() as conn:
            books = campaigns.balance(conn, world.id, campaign).counts
        assert sum(books.values()) == sum(finals.values()) == people
        assert {s: n for s, n in books.items() if n} == dict(finals)
    assert twice <= resent
    by_death = sum(1 for es in facts.events.values() for e in es if e.type is EventType.IN_DOUBT and e.via == "worker")
    assert by_death <= CAP * (sum(hits.values()) + WORKERS)


def _nobody_after_no(facts: Facts, left_at: dict[str, float]) -> None:
    late = {
        who: round(max(facts.asked[who]) - at, 2)
        for who, at in left_at.items()
        if facts.asked[who] and max(facts.asked[who]) > at + LEASE_S + SLACK_S
    }
    assert not late, f"mailed after they had left: {late}"
