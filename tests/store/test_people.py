"""One person: found by a part of address or name, changed by hand, and erased from ops."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from sillage.domain.ids import AccountId, ContactId
from sillage.errors import BadInput, NotFound
from sillage.lake.event import EventType, decode
from sillage.settings import Settings
from sillage.store import contacts, erasures, outbox, people
from sillage.store.database import Store
from sillage.store.tables import metadata
from tests.world import World

STRANGER = AccountId(999)


@pytest.fixture
def world(any_store: Store, settings: Settings) -> World:
    """An account with three people, on each engine."""
    world = World(any_store, settings)
    world.add_contacts(1, first_name="Ana", last_name="O'Neill", company="100%_Pure")
    world.add_contacts(2, first_name="Bob", custom={"points": 5, "note": "x"})
    return world


def test_search_finds_any_part_and_takes_every_sign_as_itself(world: World) -> None:
    """A part of an address or a name is found without case; wildcards, quotes and SQL are text; no other account."""
    with world.store.read() as conn:

        def found(text: str, account: AccountId = world.id) -> list[int]:
            return [int(c.id) for c in people.search(conn, account, text)]

        assert found("2@MAIL") == [2]
        assert found("o'ne") == [1]
        assert found("ana neill") == [1]
        assert found("%_p") == [1]
        assert found("b_b") == found("'; drop table contacts; --") == found("   ") == []
        assert found("ana", STRANGER) == []


def test_search_among_some_finds_nobody_else(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of those named, in their order, those who fit; another account, no text and no list find nobody."""
    monkeypatch.setattr(people, "_IDS_AT_ONCE", 1)
    with world.store.read() as conn:
        assert people.search_among(conn, world.id, "mail", [2, 1, 999]) == [2, 1]
        assert people.search_among(conn, world.id, "ana", [2, 1]) == [1]
        assert people.search_among(conn, world.id, "ana", [2]) == []
        assert people.search_among(conn, world.id, "ana", []) == people.search_among(conn, world.id, " ", [1]) == []
        assert people.search_among(conn, STRANGER, "ana", [1]) == []


def test_change_keeps_the_type_of_what_nobody_touched(world: World) -> None:
    """A hand changes what it wrote: an untouched number stays one, an emptied field goes, a line end is refused."""
    with world.store.write() as conn:
        people.change(conn, world.id, ContactId(2), {"city": "Brest", "points": "5", "note": ""}, now=world.now)
        changed = contacts.get(conn, world.id, ContactId(2))
        assert changed.fields["city"] == "Brest"
        assert changed.custom == {"points": 5}
        with pytest.raises(BadInput, match="city"):
            people.change(conn, world.id, ContactId(2), {"city": "a\nb"}, now=world.now)
        with pytest.raises(NotFound):
            people.change(conn, STRANGER, ContactId(2), {"city": "x"}, now=world.now)


def test_erase_leaves_a_hash_alone(world: World) -> None:
    """No table of ops holds the person's address or name, the hash is suppressed as erased, and an event tells it."""
    with world.store.write() as conn:
        with pytest.raises(NotFound):
            erasures.request(conn, STRANGER, ContactId(1), by="test", now=world.now)
        erasures.request(conn, world.id, ContactId(1), by="test", now=world.now)
        (one,) = erasures.unfinished(conn, limit=10)
        assert (one.email, erasures.listed(conn, STRANGER)) == ("c1@mail.example", [])
        erasures.note_files(conn, one, {}, now=world.now)
    with world.store.read() as conn:
        for table in metadata.sorted_tables:
            text = str([tuple(row) for row in conn.execute(sa.select(table))])
            assert "c1@mail.example" not in text
            assert "O'Neill" not in text
        suppressed = conn.execute(sa.select(metadata.tables["suppressions"])).one()
        assert (suppressed.reason, suppressed.contact_id) == ("erased", None)
        events = [decode(body) for _, body in outbox.waiting(conn, 10)]
    assert [(e.type, e.contact_id) for e in events] == [(EventType.ERASED, 1)]
