"""Recurring campaigns: each time one campaign, made once, of the draft as it is then; what was missed is told."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sillage.campaign import recurring
from sillage.campaign.form import to_draft
from sillage.clock import Clock
from sillage.domain.campaign import CampaignState
from sillage.domain.ids import AccountId
from sillage.domain.sign_in import Role
from sillage.errors import BadInput, NotFound, Refused
from sillage.settings import Settings
from sillage.store import accounts, campaigns, drafts, recurrences, users
from sillage.store.database import Store
from sillage.store.recurrences import OccurrenceState, Recurrence
from sillage.store.tables import accounts as accounts_table
from tests.world import World

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
"""A Monday, at one in the afternoon in Paris."""
DAY = timedelta(days=1)


@pytest.fixture
def world(any_store: Store, tmp_path: Path) -> World:
    """Ten people, on a Monday at noon."""
    made = World(any_store, clocked(tmp_path, START))
    made.add_contacts(10)
    return made


def clocked(folder: Path, moment: datetime) -> Settings:
    """Settings whose clock stands nearly still at a moment."""
    clock = Clock.started_now(origin=moment, speed=1e-6)
    secret = "0123456789abcdef0123456789abcdef"  # of a test
    return Settings(data_dir=folder / "run", secret=secret, demo=True, SILLAGE_CLOCK=str(clock))  # type: ignore[arg-type]


def make(world: World, moment: datetime) -> list[recurring.Made]:
    return recurring.make_due(world.store, clocked(world.settings.data_dir.parent, moment))


def daily(world: World, *, rule: str = "0 9 * * *", hours: float = 2, by: int | None = None) -> Recurrence:
    """Each day at nine in Paris, which is eight in UTC."""
    model = world.add_campaign("Model", scheduled=False)
    with world.store.write() as conn:
        draft = to_draft(conn, world.settings, world.account, model, name="Daily", by=by, now=START)
        return recurring.begin(
            conn, world.settings, world.account, name="Daily", draft_id=draft.id, rule=rule,
            grace=timedelta(hours=hours), by=by, now=START,
        )  # fmt: skip


def made(world: World) -> list[tuple[str, datetime | None, CampaignState]]:
    with world.store.read() as conn:
        found = [c for c in campaigns.listed(conn, world.id) if c.name != "Model"]
    return [(c.name, c.send_at, c.state) for c in reversed(found)]


def told(world: World) -> list[OccurrenceState]:
    with world.store.read() as conn:
        return [h.state for h in reversed(recurrences.happened(conn, world.id))]


FIRST = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


def test_beginning_proves_the_draft_and_leaves_nothing_behind(world: World) -> None:
    """The first time is known, and the campaign that proved it is gone."""
    assert daily(world).next_at == FIRST
    assert made(world) == []


def test_a_campaign_is_made_before_its_time_and_once(world: World) -> None:
    """Not half an hour ahead, but twenty minutes; looked at again and again it stays one."""
    daily(world)
    assert make(world, FIRST - timedelta(minutes=21)) == []
    for minutes in (20, 19, 0, -5):
        make(world, FIRST - timedelta(minutes=minutes))
    assert made(world) == [("Daily · 24 nov. 2026", FIRST, CampaignState.SCHEDULED)]
    make(world, FIRST + DAY - timedelta(minutes=1))
    assert [send_at for _, send_at, _ in made(world)] == [FIRST, FIRST + DAY]
    assert told(world) == [OccurrenceState.MADE, OccurrenceState.MADE]


def test_two_that_look_at_once_make_one(world: World) -> None:
    """Four sensors in the same second leave one campaign and one line about it."""
    daily(world)
    faults: list[BaseException] = []

    def look() -> None:
        try:
            make(world, FIRST - timedelta(minutes=1))
        except BaseException as exc:  # noqa: BLE001  # told below
            faults.append(exc)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert len(made(world)) == 1
    assert told(world) == [OccurrenceState.MADE]


def test_the_content_is_what_the_draft_holds_then(world: World) -> None:
    """The draft is changed between two times: each campaign has what it held."""
    held = daily(world)
    make(world, FIRST)
    with world.store.write() as conn:
        draft = drafts.get(conn, world.id, held.draft_id)
        written = replace(draft.written, subject="Another day")
        drafts.save(conn, world.id, draft.id, written, version=draft.version, by=None, now=FIRST)
    make(world, FIRST + DAY)
    with world.store.read() as conn:
        found = [c for c in reversed(campaigns.listed(conn, world.id)) if c.name != "Model"]
        subjects = [campaigns.variants_of(conn, world.id, c.id)[0].source.subject for c in found]
    assert subjects == ["Hello", "Another day"]


@pytest.mark.parametrize(
    ("late", "states", "count"),
    [
        (timedelta(hours=1), ["made"], 1),
        (timedelta(hours=3), ["missed"], 0),
        (DAY * 3 + timedelta(hours=1), ["missed", "missed", "missed", "made"], 1),
        (DAY * 3 + timedelta(hours=5), ["missed", "missed", "missed", "missed"], 0),
    ],
)
def test_after_a_stop_the_latest_is_made_within_its_grace_and_the_others_are_told(
    world: World, late: timedelta, states: list[str], count: int
) -> None:
    """Two hours of grace: the last time is sent late or missed; those before it are missed; then it goes on."""
    daily(world)
    make(world, FIRST + late)
    assert told(world) == states
    assert len(made(world)) == count
    if count:
        # It leaves now: its own time has passed.
        assert made(world)[0][1] == pytest.approx(FIRST + late, abs=timedelta(seconds=1))
    following = FIRST + DAY * (late // DAY + 1)
    make(world, following)
    assert made(world)[-1][1] == following


def test_a_time_that_can_not_be_made_is_told_and_the_next_is_tried(world: World) -> None:
    """Where the account lost its legal name nothing is scheduled; it says so, and goes on once it is mended."""
    daily(world)
    with world.store.write() as conn:
        conn.execute(accounts_table.update().values(legal_name=""))
    (done,) = make(world, FIRST)
    assert done.failed is not None
    assert "legal name" in done.failed
    assert made(world) == []
    with world.store.write() as conn:
        accounts.set_identity(conn, world.id, legal_name="Maison SAS", postal_address="Brest")
    make(world, FIRST + DAY)
    assert told(world) == [OccurrenceState.FAILED, OccurrenceState.MADE]


def test_a_pause_makes_and_misses_nothing_and_an_end_is_for_good(world: World) -> None:
    """What lies in a pause is neither made nor told as missed; what has ended can't be resumed."""
    held = daily(world)
    with world.store.write() as conn:
        recurring.pause(conn, world.id, held.id)
    make(world, FIRST + DAY)
    with world.store.write() as conn:
        again = recurring.resume(conn, world.id, held.id, now=FIRST + DAY + timedelta(hours=3))
    assert again == FIRST + 2 * DAY
    make(world, FIRST + DAY + timedelta(hours=3))
    assert told(world) == []
    with world.store.write() as conn:
        recurring.end(conn, world.id, held.id)
        with pytest.raises(Refused, match="ended"):
            recurring.resume(conn, world.id, held.id, now=FIRST)
        with pytest.raises(NotFound):
            recurring.pause(conn, AccountId(99), held.id)
    make(world, FIRST + 2 * DAY)
    assert made(world) == []


def test_a_draft_in_use_is_not_thrown_away(world: World) -> None:
    """The draft that a recurring campaign is made of stays until that has ended."""
    held = daily(world)
    with world.store.write() as conn, pytest.raises(Refused, match="'Daily'"):
        drafts.remove(conn, world.id, held.draft_id)
    with world.store.write() as conn:
        recurring.end(conn, world.id, held.id)
        drafts.remove(conn, world.id, held.draft_id)


def test_each_time_waits_for_approval_where_the_account_wants_it(world: World) -> None:
    """A second person sees each campaign before it leaves; its author is who made the recurring one."""
    with world.store.write() as conn:
        ada = users.add(conn, email="ada@x.example", name="Ada", language="en", password_hash="x", now=START)
        users.join(conn, world.id, ada.id, Role.MEMBER, now=START)
        accounts.set_approval(conn, world.id, needed=True)
    daily(world, by=ada.id)
    make(world, FIRST)
    assert [state for _, _, state in made(world)] == [CampaignState.APPROVAL]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda d: {**d, "rule": "every day"}, "five fields"),
        (lambda d: {**d, "name": "  "}, "1 to 200"),
        (lambda d: {**d, "grace": timedelta(days=8)}, "168 hours"),
        (lambda d: {**d, "draft_id": 99}, "no draft"),
    ],
)
def test_what_can_not_recur_is_refused_at_once(
    world: World, change: Callable[[dict[str, object]], dict[str, object]], why: str
) -> None:
    """A rule that is none, no name, a grace too long, a draft that is not there: said before anything is kept."""
    model = world.add_campaign("Model", scheduled=False)
    with world.store.write() as conn:
        draft = to_draft(conn, world.settings, world.account, model, name="Daily", by=None, now=START)
        asked: dict[str, object] = {"name": "N", "draft_id": draft.id, "rule": "0 9 * * *", "grace": timedelta(hours=1)}
        with pytest.raises((BadInput, NotFound), match=why):
            recurring.begin(conn, world.settings, world.account, **change(asked), by=None, now=START)  # type: ignore[arg-type]
        assert recurrences.listed(conn, world.id) == []


def test_an_empty_draft_does_not_recur(world: World) -> None:
    """A draft whose campaign was never filled in says what is missing."""
    with world.store.write() as conn:
        written = drafts.Written(drafts.SourceKind.HTML, "<p>x</p>", "S")
        draft = drafts.create(conn, world.id, "Bare", written, by=None, now=START, form={"sender": 1})
        with pytest.raises(BadInput, match="no segment"):
            recurring.begin(
                conn, world.settings, world.account, name="N", draft_id=draft.id, rule="0 9 * * *",
                grace=timedelta(hours=1), by=None, now=START,
            )  # fmt: skip
