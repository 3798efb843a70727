"""Many rows at once: what is put together in one statement is what a statement for each would have done."""

from __future__ import annotations

import pytest

from sillage.domain.ids import AccountId, ContactId
from sillage.settings import Settings
from sillage.store import bulk, frequency, outbox
from sillage.store.database import Store
from tests.world import World


@pytest.mark.parametrize("count", [0, 1, bulk.A_STEP, 2 * bulk.A_STEP + 7])
def test_rows_put_in_together_are_all_there_in_their_order(any_store: Store, count: int):
    """However many rows there are, each is there once, and numbered in the order in which it was given."""
    with any_store.write() as conn:
        rows = [(b"%d" % n,) for n in range(count)]
        bulk.execute_together(conn, "insert into outbox (body) values", "({p})", rows)
    with any_store.read() as conn:
        assert [body for _, body in outbox.waiting(conn, 1_000)] == [body for (body,) in rows]


def test_counting_a_hundred_contacts_counts_each_once_more(any_store: Store, settings: Settings):
    """A contact that was counted before has one more, and one that was not has one."""
    world = World(any_store, settings)
    world.add_contacts(120)
    people = [ContactId(n) for n in range(1, 121)]
    account = AccountId(world.id)
    with any_store.write() as conn:
        frequency.count(conn, account, people[:70], day=20_000)
        frequency.count(conn, account, people, day=20_000)
        assert frequency.over(conn, account, people, cap=1, days=1, day=20_000) == set(people[:70])
