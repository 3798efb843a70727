"""Tests of versions by simulation, through the marts' own counts and the product's own decision.

    python -m bench.ab [--tests 1000] [--beside 200] [--seed 1]

So many tests without a difference, as many with the lift that the design was made for. Each is a campaign of its own
in one lake: people are drawn one by one (a coin for whether they open, a log-normal delay for when), written down as
the events that a worker and a tracker write, and counted by dbt's view of ages; nothing of the product's own arithmetic
is in the drawing, and the delays are of another family than the curve that the design supposes. Watched every hour: the
decision is asked after each hour with what had come by then, as the guard asks it.

Beside them, without a lake, tests of three and five versions, and of unsubscribes and reactivity.
"""

from __future__ import annotations

import argparse
import math
import shutil
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from bench.results import record
from sillage.domain.ab_size import once_looked_at, propose
from sillage.domain.ab_test import Criterion, Decide
from sillage.domain.ab_verdict import Count, Look, judge
from sillage.domain.ids import AccountId, CampaignId
from sillage.lake import ages, catalog, schema
from sillage.lake.build import build_marts
from sillage.lake.foundation import lay_foundation
from sillage.lake.reader import Reader
from sillage.log import configure
from sillage.settings import Settings
from sillage.store.database import Store
from sillage.store.migrate import upgrade

RATE, LIFT, HOURS = 0.20, 0.05, 24
BATCH = 50
SENT = datetime(2026, 11, 24, 8, tzinfo=UTC)
MEDIAN_H, SPREAD = 3.0, 1.7
"""Of the delays: half come within three hours, 89 % within a day."""


def delays(chance: np.random.Generator, people: int) -> np.ndarray:
    """Hours until each person's reaction, if they have one."""
    return np.exp(chance.normal(math.log(MEDIAN_H), SPREAD, people))


def load(settings: Settings, tests: int, size: int, chance: np.random.Generator) -> None:
    """Campaigns 1 to `tests` without a difference, the next as many with the lift, in version 2."""
    with catalog.sole_writer(settings.lake_dir, "collector", what="writes"):
        con = catalog.connect(settings)
        catalog.attach_lake(con, settings, read_only=False)
        schema.create(con)
        seq = 0
        for first in range(1, 2 * tests + 1, BATCH):
            columns: dict[str, list[np.ndarray]] = {
                name: [] for name in ("campaign", "variant", "contact", "opens", "after")
            }
            for campaign in range(first, min(first + BATCH, 2 * tests + 1)):
                for version in (1, 2):
                    rate = RATE + (LIFT if version == 2 and campaign > tests else 0.0)
                    columns["campaign"].append(np.full(size, campaign))
                    columns["variant"].append(np.full(size, 2 * campaign + version - 2))
                    columns["contact"].append(np.arange(size) + (version - 1) * size + 1)
                    columns["opens"].append(chance.random(size) < rate)
                    columns["after"].append(delays(chance, size))
            people = pa.table({name: np.concatenate(parts) for name, parts in columns.items()})
            con.register("people", people)
            con.execute(_EVENTS, [seq, SENT, SENT])
            con.unregister("people")
            [(added,)] = con.execute("select count(*) from lake.main.events where lake_seq > ?", [seq]).fetchall()
            seq += int(added)
        con.close()


_EVENTS = """
insert into lake.main.events by name
with told as (
    select 'planned' as type, -0.1 as after, campaign, variant, contact from people
    union all
    select 'accepted', 0.0, campaign, variant, contact from people
    union all
    select 'opened', after, campaign, variant, contact from people where opens
)
select
    ?::bigint + row_number() over (order by campaign, contact, type) as lake_seq,
    md5(concat_ws(':', type, campaign, contact))::uuid as event_id, 'bench' as stream, lake_seq as stream_seq, type,
    1 as version, 1 as account_id, ?::timestamptz + to_microseconds((after * 3600e6)::bigint) as occurred_at,
    ?::timestamptz + to_microseconds((after * 3600e6)::bigint) as recorded_at, campaign as campaign_id,
    variant as variant_id, contact as contact_id, 'email' as channel, 'gmail' as provider, false as is_test,
    if(type = 'accepted', 1, null) as attempt, if(type = 'accepted', true, null) as opens_measured,
    if(type = 'opened', false, null) as is_machine
from told
"""


def through_the_marts(settings: Settings, tests: int) -> dict[str, int]:
    """What became of each test, counted by dbt's view and watched every hour."""
    found = {"aa_called": 0, "ab_right": 0, "ab_wrong": 0, "naive_aa_called": 0, "hours_until_called": 0}
    with closing(Reader(settings)) as reader:
        for campaign in range(1, 2 * tests + 1):
            arms = [2 * campaign - 1, 2 * campaign]
            looks = ages.looks(
                reader, AccountId(1), CampaignId(campaign), criterion=Criterion.OPENS, arms=arms, age=HOURS,
                until=SENT + timedelta(minutes=1),
            )  # fmt: skip
            winner, after = watched_hourly(looks, Criterion.OPENS)
            if campaign <= tests:
                found["aa_called"] += winner is not None
                found["naive_aa_called"] += any(_naive(look, arms) for look in looks)
            else:
                found["ab_right"] += winner == arms[1]
                found["ab_wrong"] += winner == arms[0]
                found["hours_until_called"] += after if winner is not None else 0
    return found


def watched_hourly(looks: list[Look], criterion: Criterion) -> tuple[int | None, int]:
    """The first winner that anybody who looks each hour is told, and when."""
    for hour in range(1, len(looks) + 1):
        verdict = judge(looks[:hour], criterion=criterion, decide=Decide.WHEN_SURE, hours=HOURS)
        if verdict.winner is not None:
            return verdict.winner, hour
    return None, 0


def _naive(look: Look, arms: list[int]) -> bool:
    """The test that is made for one look, two-sided 5 %."""
    one, other = (look.counts[arm] for arm in arms)
    pooled = (one.reacted + other.reacted) / (one.people + other.people)
    spread = math.sqrt(pooled * (1 - pooled) * (1 / one.people + 1 / other.people))
    return spread > 0 and abs(one.reacted / one.people - other.reacted / other.people) / spread > 1.959964


def beside(
    criterion: Criterion, rate: float, lift: float, arms: int, tests: int, chance: np.random.Generator
) -> dict[str, Any]:
    """The same without a lake, for other designs."""
    wanted = propose(criterion, rate, lift, arms=arms, hours=HOURS, decide=Decide.WHEN_SURE)
    false = right = wrong = 0
    for _ in range(tests):
        same = _drawn(chance, criterion, [rate] * arms, wanted.size)
        false += watched_hourly(same, criterion)[0] is not None
        better = _drawn(chance, criterion, [wanted.better, *[rate] * (arms - 1)], wanted.size)
        winner = watched_hourly(better, criterion)[0]
        right += winner == 1
        wrong += winner not in {None, 1}
    return {"criterion": criterion.value, "arms": arms, "size": wanted.size, "tests": tests, "aa_called": false,
            "ab_right": right, "ab_wrong": wrong}  # fmt: skip


def all_beside(tests: int, chance: np.random.Generator) -> list[dict[str, Any]]:
    """So many tests of each other design; 300 of each take three minutes, most of them those of five versions."""
    return (
        [
            beside(Criterion.CLICKS, 0.16, 0.04, 3, tests, chance),
            beside(Criterion.CLICKS, 0.16, 0.05, 5, tests, chance),
            beside(Criterion.REACTIVITY, 0.12, 0.05, 2, tests, chance),
            beside(Criterion.UNSUBSCRIBES, 0.02, 0.008, 2, tests, chance),
        ]
        if tests
        else []
    )


def _drawn(chance: np.random.Generator, criterion: Criterion, rates: list[float], size: int) -> list[Look]:
    paths = []
    for rate in rates:
        after = delays(chance, size)
        reacts = chance.random(size) < rate
        # Reactivity: everybody here opens sooner or later, and who clicks does so when they open.
        begins = after if criterion is Criterion.REACTIVITY else np.zeros(size)
        paths.append([(int((begins <= h).sum()), int((reacts & (after <= h)).sum())) for h in range(1, HOURS + 1)])
    return [Look(h, {n + 1: Count(*path[h - 1]) for n, path in enumerate(paths)}) for h in range(1, HOURS + 1)]


def main() -> None:
    """Run and record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tests", type=int, default=1_000, help="0: only those beside")
    parser.add_argument("--beside", type=int, default=200, help="tests of each design without a lake")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    configure("bench")
    chance = np.random.default_rng(asked.seed)
    if asked.tests == 0:
        record("ab_beside", seed=asked.seed, beside=all_beside(asked.beside, chance))
        return
    wanted = propose(Criterion.OPENS, RATE, LIFT, arms=2, hours=HOURS, decide=Decide.WHEN_SURE)
    home = Path(tempfile.mkdtemp(prefix="sillage-ab-"))
    try:
        settings = Settings(data_dir=home, secret="0" * 64, demo=True)  # type: ignore[arg-type]
        store = Store(settings.database_url)
        upgrade(store)
        started = time.monotonic()
        if not lay_foundation(settings):
            build_marts(settings)
        load(settings, asked.tests, wanted.size, chance)
        loaded = time.monotonic()
        found = through_the_marts(settings, asked.tests)
        done = time.monotonic()
        store.close()
    finally:
        shutil.rmtree(home)
    called = max(1, found["ab_right"] + found["ab_wrong"])
    record(
        "ab", seed=asked.seed, tests=asked.tests, rate=RATE, lift=LIFT, hours=HOURS, size=wanted.size,
        size_looked_at_once=once_looked_at(RATE, RATE + LIFT), aa_called=found["aa_called"],
        aa_called_by_hourly_fixed_test=found["naive_aa_called"], ab_right=found["ab_right"],
        ab_wrong=found["ab_wrong"], mean_hours_until_called=round(found["hours_until_called"] / called, 1),
        load_s=round(loaded - started, 1), count_and_judge_s=round(done - loaded, 1),
        beside=all_beside(asked.beside, chance),
    )  # fmt: skip


if __name__ == "__main__":
    main()
