"""Drafts: saved by version, with a bounded history, and nobody's words overwritten."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sillage.domain.campaign import SourceKind
from sillage.domain.ids import AccountId
from sillage.errors import BadInput, NotFound
from sillage.settings import Settings
from sillage.store import accounts, drafts
from sillage.store.database import Store
from sillage.store.drafts import MAX_BODY, MAX_VERSIONS, Written
from tests.world import World

OTHER = AccountId(999)


def _written(body: str) -> Written:
    return Written(SourceKind.MJML, body, "Subject", "Pre")


@pytest.fixture
def world(any_store: Store, settings: Settings) -> World:
    return World(any_store, settings)


def test_save_of_an_older_version_is_kept_aside_and_said(world: World) -> None:
    """The first save stands, the later one from the same version lies in the history, and both are whole."""
    with world.store.write() as conn:
        made = drafts.create(conn, world.id, "  A  draft ", _written("begun"), by=1, now=world.now)
        first = drafts.save(conn, world.id, made.id, _written("first"), version=1, by=1, now=world.now)
        late = drafts.save(conn, world.id, made.id, _written("late"), version=1, by=2, now=world.now)
    assert made.name == "A draft"
    assert (first.is_aside, first.draft.version) == (False, 2)
    assert (late.is_aside, late.draft.version, late.draft.written.body) == (True, 2, "first")
    with world.store.read() as conn:
        found = drafts.history(conn, world.id, made.id)
        bodies = [drafts.state(conn, world.id, made.id, v.id).written.body for v in found]
    assert bodies == ["late", "first", "begun"]
    assert [v.is_aside for v in found] == [True, False, False]
    assert all(v.written.body == "" for v in found)


def test_save_of_the_same_words_changes_nothing(world: World) -> None:
    """What is there already needs no version, from whatever version it comes."""
    with world.store.write() as conn:
        made = drafts.create(conn, world.id, "A", _written("same"), by=1, now=world.now)
        again = drafts.save(conn, world.id, made.id, _written("same"), version=1, by=1, now=world.now)
        older = drafts.save(conn, world.id, made.id, _written("same"), version=0, by=2, now=world.now)
    assert again.draft.version == 1
    assert not older.is_aside


def test_saves_within_two_minutes_are_one_state(world: World) -> None:
    """Who goes on writing makes one state; a pause, or somebody else, begins another."""
    with world.store.write() as conn:
        made = drafts.create(conn, world.id, "A", _written("0"), by=1, now=world.now)
        moments = [(1, 1, 5), (2, 1, 60), (3, 1, 100), (4, 2, 110), (5, 1, 120), (6, 1, 400)]
        for version, by, seconds in moments:
            now = world.now + timedelta(seconds=seconds)
            drafts.save(conn, world.id, made.id, _written(str(version)), version=version, by=by, now=now)
        bodies = [
            drafts.state(conn, world.id, made.id, v.id).written.body for v in drafts.history(conn, world.id, made.id)
        ]
    assert bodies == ["6", "5", "4", "3", "0"]


def test_history_is_bounded_by_number_and_by_size(world: World) -> None:
    """However often somebody saves, at most 50 states and 20 million characters are kept, the newest of them."""
    with world.store.write() as conn:
        made = drafts.create(conn, world.id, "A", _written("0"), by=1, now=world.now)
        for version in range(1, 60):
            now = world.now + timedelta(hours=version)
            drafts.save(conn, world.id, made.id, _written(str(version)), version=version, by=1, now=now)
        found = drafts.history(conn, world.id, made.id)
        assert len(found) == MAX_VERSIONS
        assert found[0].version == 60
        for version in range(60, 75):
            now = world.now + timedelta(hours=version)
            body = f"{version}" + "x" * (MAX_BODY - 10)
            drafts.save(conn, world.id, made.id, _written(body), version=version, by=1, now=now)
        assert len(drafts.history(conn, world.id, made.id)) <= 10


def test_drafts_of_one_account_are_not_there_for_another(world: World) -> None:
    """Read, saved, restored, renamed and removed: only within the account."""
    with world.store.write() as conn:
        accounts.create(conn, "other", "Other", created_at=world.now)
        made = drafts.create(conn, world.id, "A", _written("mine"), by=1, now=world.now)
        state = drafts.history(conn, world.id, made.id)[0].id
        assert drafts.listed(conn, OTHER) == []
        drafts.keep_form(conn, OTHER, made.id, {"name": "theirs"})
        drafts.rename(conn, OTHER, made.id, "theirs")
        for act in (
            lambda: drafts.get(conn, OTHER, made.id),
            lambda: drafts.save(conn, OTHER, made.id, _written("x"), version=1, by=1, now=world.now),
            lambda: drafts.state(conn, OTHER, made.id, state),
            lambda: drafts.remove(conn, OTHER, made.id),
        ):
            with pytest.raises(NotFound):
                act()
        assert drafts.get(conn, world.id, made.id) == made
        drafts.keep_form(conn, world.id, made.id, {"name": "N", "include": ["All"]})
        assert drafts.get(conn, world.id, made.id).form == {"name": "N", "include": ["All"]}
        drafts.remove(conn, world.id, made.id)
        assert drafts.listed(conn, world.id) == []


def test_draft_that_is_too_long_is_refused_whole(world: World) -> None:
    """A paste of 20 MB is refused with what to do, and nothing of it is kept."""
    with world.store.write() as conn:
        made = drafts.create(conn, world.id, "A", _written("kept"), by=1, now=world.now)
        with pytest.raises(BadInput, match="pictures"):
            drafts.save(conn, world.id, made.id, _written("x" * 20_000_000), version=1, by=1, now=world.now)
        assert drafts.get(conn, world.id, made.id).written.body == "kept"
        with pytest.raises(BadInput):
            drafts.create(conn, world.id, " ", _written("x"), by=1, now=world.now)
