"""Purchases and pages seen come in from files: to the cent, once, and a broken line takes nothing in."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from sillage.errors import BadInput
from sillage.ingest.site_events import bring, read
from sillage.lake.event import Event, decode
from sillage.settings import Settings
from sillage.store import accounts
from sillage.store.database import Store
from sillage.store.tables import outbox
from tests.world import World


@pytest.fixture
def world(any_store: Store, settings: Settings) -> World:
    """A world of three contacts with a campaign, on each engine."""
    found = World(any_store, settings)
    found.add_contacts(3)
    found.add_campaign()
    return found


def told(world: World) -> list[Event]:
    with world.store.read() as conn:
        return [decode(bytes(r.body)) for r in conn.execute(sa.select(outbox).order_by(outbox.c.seq))]


def lines(path: Path, *rows: dict[str, object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


AT = "2026-01-05T10:00:00+01:00"


def test_purchases_and_pages_become_events(world: World, tmp_path: Path):
    """Who, when, how much, and the campaign that is named; a page without its query; strangers are counted apart."""
    path = lines(
        tmp_path / "orders.jsonl",
        {"email": "C1@mail.example", "at": AT, "amount": 19.99, "currency": "EUR", "id": "o-1"},
        {"email": "c2@mail.example", "at": 1767603600, "amount": "5", "campaign": "News"},
        {"event": "page_viewed", "contact": 3, "at": AT, "page": "https://shop.example/a?token=secret#x"},
        {"email": "stranger@mail.example", "at": AT, "amount": "1.00"},
    )
    done = bring(world.store, world.account, read(path, world.account, now=world.now), now=world.now)
    assert (done.events, done.amount, done.unknown) == (3, Decimal("24.99"), [4])
    found = told(world)
    assert [(e.type.value, e.contact_id, e.value, e.campaign_id is None, e.page) for e in found] == [
        ("converted", 1, 19.99, True, None), ("converted", 2, 5.0, False, None),
        ("page_viewed", 3, None, True, "https://shop.example/a"),
    ]  # fmt: skip
    assert found[0].occurred_at.isoformat() == "2026-01-05T09:00:00+00:00"


def test_the_same_file_again_is_the_same_events(world: World, tmp_path: Path):
    """An order's number tells it from others; without one, who, when and how much do."""
    path = tmp_path / "orders.csv"
    path.write_text(f"email,at,amount,id\nc1@mail.example,{AT},10.00,1\nc1@mail.example,{AT},10.00,2\n"
                    f"c2@mail.example,{AT},3.10,\n", "utf-8")  # fmt: skip
    for _ in range(2):
        bring(world.store, world.account, read(path, world.account, now=world.now), now=world.now)
    assert len(told(world)) == 6
    assert len({e.id for e in told(world)}) == 3


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"at": AT}, "line 2: it needs email or contact"),
        ({"email": "c1@mail.example", "contact": 1, "at": AT}, "email or contact, one of the two"),
        ({"email": "c1", "at": AT}, "line 2"),
        ({"email": "c1@mail.example"}, "at is None"),
        ({"email": "c1@mail.example", "at": "yesterday"}, "at is 'yesterday'"),
        ({"email": "c1@mail.example", "at": "2999-01-01"}, "still to come"),
        ({"email": "c1@mail.example", "at": AT, "amount": "1.999"}, "two decimals"),
        ({"email": "c1@mail.example", "at": AT, "amount": "-1"}, "not negative"),
        ({"email": "c1@mail.example", "at": AT, "amount": "NaN"}, "write money as"),
        ({"email": "c1@mail.example", "at": AT, "currency": "USD"}, "the account counts in EUR"),
        ({"email": "c1@mail.example", "at": AT, "campaign": "Nothing"}, "no campaign 'Nothing'"),
        ({"email": "c1@mail.example", "at": AT, "event": "danced"}, "event is 'danced'"),
        ({"event": "page_viewed", "email": "c1@mail.example", "at": AT, "page": "javascript:x"}, "page is"),
        ({"email": "c1@mail.example", "at": AT, "amout": 1}, "'amout' is not known"),
    ],
)
def test_a_broken_line_takes_nothing_in(world: World, tmp_path: Path, row: dict[str, object], said: str):
    """The line and the field are named, with what they take, and the good line before it is not taken either."""
    path = lines(tmp_path / "orders.jsonl", {"email": "c1@mail.example", "at": AT, "amount": "1.00"}, row)
    with pytest.raises(BadInput, match=said):
        bring(world.store, world.account, read(path, world.account, now=world.now), now=world.now)
    assert told(world) == []


def test_another_accounts_people_are_strangers(world: World, tmp_path: Path):
    """A number or an address of another account is nobody."""
    with world.store.write() as conn:
        other = accounts.create(conn, "other", "Other", created_at=world.now)
    path = lines(tmp_path / "x.jsonl", {"contact": 1, "at": AT}, {"email": "c1@mail.example", "at": AT})
    done = bring(world.store, other, read(path, other, now=world.now), now=world.now)
    assert (done.events, done.unknown) == (0, [1, 2])


@pytest.mark.parametrize(("currency", "days", "field"), [("euro", 7, "currency"), ("EUR", 0, "attribution_days"),
                                                        ("EUR", 91, "attribution_days")])  # fmt: skip
def test_attribution_takes_a_currency_and_days(world: World, currency: str, days: int, field: str):
    """Three letters, and 1 to 90 days; what is wrong is named."""
    with world.store.write() as conn, pytest.raises(BadInput) as caught:
        accounts.set_attribution(conn, world.id, currency=currency, days=days)
    assert caught.value.field == field
    with world.store.write() as conn:
        accounts.set_attribution(conn, world.id, currency="CHF", days=30)
        assert accounts.by_id(conn, world.id).attribution_days == 30
