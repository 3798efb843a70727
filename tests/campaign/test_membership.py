"""Entering and leaving a watched segment are events, each once."""

from __future__ import annotations

import sqlalchemy as sa

from sillage.campaign.membership import follow_segments
from sillage.domain.segment import parse_tree
from sillage.lake.event import decode
from sillage.settings import Settings
from sillage.store import outbox, segment_members, segments
from sillage.store.database import Store
from sillage.store.tables import contacts
from tests.world import World


def test_moves_are_told_once_after_the_first_look(any_store: Store, settings: Settings) -> None:
    """The first look tells nothing; then who came and who went is told once; who was erased is told of to nobody."""
    world = World(any_store, settings)
    world.add_contacts(4, city="Brest")
    tree = parse_tree({"kind": "field", "field": "city", "op": "equals", "value": "brest"})
    with world.store.write() as conn:
        saved = segments.save(conn, world.id, "Brest", tree, now=world.now)
        segment_members.watch(conn, world.id, saved.id, is_watched=True)

    def look() -> tuple[int, int, int]:
        (change,) = follow_segments(world.store, settings, world.id)
        return change.size, change.entered, change.left

    assert look() == (4, 0, 0)
    world.add_contacts(1, city="BREST")
    with world.store.write() as conn:
        conn.execute(contacts.update().where(contacts.c.id == 1).values(city="Paris"))
        conn.execute(sa.delete(contacts).where(contacts.c.id == 2))
    assert look() == (3, 1, 1)
    assert look() == (3, 0, 0)
    with world.store.read() as conn:
        told = [decode(body) for _, body in outbox.waiting(conn, 100)]
    assert [(e.type.value, e.contact_id, e.segment_id) for e in told] == [
        ("entered", 5, saved.id),
        ("left", 1, saved.id),
    ]
