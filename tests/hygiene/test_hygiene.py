"""The lists of hygiene: who is on each, why, and what its one action does, on both engines."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from sillage.domain.contact import EmailAddress
from sillage.domain.mailbox import mailbox_of
from sillage.errors import BadInput, NotFound
from sillage.hygiene import ACTIONS, Done, Kind, act, lists_of
from sillage.hygiene.resolver import check, resolver_at
from sillage.hygiene.rules import one_off, rules
from sillage.store import accounts, groups, suppressions
from sillage.store.database import Store
from sillage.store.tables import contacts
from sillage.tokens import address_hash
from tests.conftest import SECRET
from tests.hygiene.nameserver import naming
from tests.world import World

PEOPLE = (
    "ada@gmial.com", "ada@gmail.com", "bob@hotmial.fr", "contact@shop.example", "info+x@shop.example",
    "eve@0-mail.com", "eve@a.0-mail.com", "a.da+news@googlemail.com", "jean@nowhere.example", "jean@shop.example",
    "jean.dupont@orange.fr", "jeandupont@orange.fr",
)  # fmt: skip


@pytest.fixture
def world(any_store: Store, settings: Any) -> World:
    """People with suspicious addresses among others."""
    found = World(any_store, settings)
    with any_store.write() as conn:
        add(conn, found, PEOPLE)
    return found


def add(conn: sa.Connection, world: World, emails: tuple[str, ...], **columns: Any) -> None:
    rows = [
        {"account_id": world.id, "email": email, "email_hash": address_hash(SECRET, email), "provider": "other",
         "created_at": world.now, "updated_at": world.now, "custom": {}, **columns}
        for email in emails
    ]  # fmt: skip
    conn.execute(contacts.insert(), rows)


class Marts:
    """Answers of the marts, as a reader gives them."""

    def __init__(self, world: World, soft: tuple[str, ...] = (), silent: tuple[str, ...] = ()) -> None:
        with world.store.read() as conn:
            rows = conn.execute(sa.select(contacts.c.email, contacts.c.id)).all()
        ids = {row.email: row.id for row in rows}
        self._soft, self._silent = ([ids[one] for one in some] for some in (soft, silent))

    def frame(self, sql: str, *_: Any) -> pl.DataFrame:
        ids = self._soft if "soft_bounces" in sql else self._silent
        return pl.DataFrame({"contact_id": pl.Series(ids, dtype=pl.Int64)})


def shown(world: World, kind: Kind, reader: Any = None) -> dict[str, str | None]:
    with lists_of(world.store, world.id, world.now, reader) as lists:
        found = {one.email: one.fix for one in lists.shown(kind)}
        assert lists.counts()[kind] == len(found)
    return found


def done(world: World, kind: Kind, reader: Any = None) -> Done:
    with lists_of(world.store, world.id, world.now, reader) as lists:
        found = lists.shown(kind)
    return act(world.store, world.settings, world.id, kind, found)


def test_each_list_holds_whom_it_should(world: World) -> None:
    """Slips of big domains with what was meant, roles, throw-away domains and those below, one mailbox twice."""
    assert shown(world, Kind.TYPO) == {"ada@gmial.com": "ada@gmail.com", "bob@hotmial.fr": "bob@hotmail.fr"}
    assert set(shown(world, Kind.ROLE)) == {"contact@shop.example", "info+x@shop.example"}
    assert set(shown(world, Kind.DISPOSABLE)) == {"eve@0-mail.com", "eve@a.0-mail.com"}
    assert shown(world, Kind.DUPLICATE) == {"a.da+news@googlemail.com": "ada@gmail.com"}
    assert shown(world, Kind.NO_MX) == shown(world, Kind.INACTIVE) == shown(world, Kind.SOFT_BOUNCES) == {}


def test_typos_are_corrected_and_one_that_is_there_already_is_stopped(world: World) -> None:
    """The address changes with its hash and provider; of two contacts of one person the wrong one gets no mail."""
    assert done(world, Kind.TYPO) == Done(corrected=1, suppressed=1)
    with world.store.read() as conn:
        bob = conn.execute(sa.select(contacts).where(contacts.c.email == "bob@hotmail.fr")).one()
        stopped = suppressions.listed(conn, world.id)
    assert (bob.provider, bytes(bob.email_hash)) == ("outlook", address_hash(SECRET, "bob@hotmail.fr"))
    assert [(one.email, one.reason) for one in stopped] == [("ada@gmial.com", "manual")]
    assert shown(world, Kind.TYPO) == {}
    assert done(world, Kind.TYPO) == Done()


@pytest.mark.parametrize("kind", [Kind.ROLE, Kind.DISPOSABLE, Kind.DUPLICATE])
def test_stopped_contacts_leave_their_list(world: World, kind: Kind) -> None:
    """Each of the list is suppressed once, and the list is empty then."""
    before = shown(world, kind)
    assert done(world, kind) == Done(suppressed=len(before))
    assert shown(world, kind) == {}


def test_another_account_is_never_seen(world: World) -> None:
    """Its contacts, and its lists, are its own."""
    with world.store.write() as conn:
        other = accounts.create(conn, "autre", "Autre", created_at=world.now)
    with lists_of(world.store, other.id, world.now) as lists:
        assert set(lists.counts().values()) == {0}


def test_soft_bouncers_and_the_silent_come_from_the_marts(world: World) -> None:
    """Recommended for removal, and gathered in a group: by the marts, except who opened or agreed lately."""
    marts = Marts(world, soft=("jean@shop.example",), silent=("ada@gmail.com", "jean@nowhere.example"))
    with world.store.write() as conn:
        day = (world.now - timedelta(days=3)).date().isoformat()
        conn.execute(contacts.update().where(contacts.c.email == "ada@gmail.com").values(last_open_on=day))
    assert set(shown(world, Kind.SOFT_BOUNCES, marts)) == {"jean@shop.example"}
    assert set(shown(world, Kind.INACTIVE, marts)) == {"jean@nowhere.example"}
    assert done(world, Kind.INACTIVE, marts) == Done(grouped=1)
    assert done(world, Kind.INACTIVE, marts) == Done()
    assert done(world, Kind.SOFT_BOUNCES, marts) == Done(suppressed=1)
    with world.store.read() as conn:
        assert [(g.name, g.size) for g in groups.listed(conn, world.id)] == [("Inactive", 1)]


def test_every_list_has_one_action_and_marts_may_be_missing(world: World) -> None:
    """No kind without its action; before anything was sent the lists of behaviour are empty."""

    class Nothing:
        def frame(self, *_: Any) -> pl.DataFrame:
            raise NotFound("no marts yet")

    assert set(ACTIONS) == set(Kind)
    assert shown(world, Kind.INACTIVE, Nothing()) == {}


async def test_domains_that_take_no_mail_are_found_by_the_resolver(world: World) -> None:
    """No such domain, a null MX, neither MX nor address: no mail. An address is enough; no answer says nothing."""
    zone = {
        "gmail.com": {"MX": "10 mx.gmail.com."},
        "null.example": {"MX": "0 ."},
        "bare.example": {"A": "192.0.2.1"},
        "empty.example": {"TXT": '"x"'},
        "silent.example": {"refused": ""},
    }
    wanted = [*zone, "nowhere.example"]
    async with naming(zone) as server:
        place = f"127.0.0.1:{server.port}"
        found = await check(world.store, place, [*wanted, "gmail.com"], world.now)
        assert found == {
            "gmail.com": True, "null.example": False, "bare.example": True, "empty.example": False,
            "nowhere.example": False,
        }  # fmt: skip
        asked = len(server.asked)
        assert await check(world.store, place, ["gmail.com"], world.now) == {}
        assert len(server.asked) == asked
    assert set(shown(world, Kind.NO_MX)) == {"jean@nowhere.example"}


@pytest.mark.parametrize("place", ["", "name.example:53", "127.0.0.1:x"])
def test_no_resolver_is_said(place: str) -> None:
    """Nothing is looked up anywhere else than where the settings say."""
    with pytest.raises(BadInput, match="SILLAGE_RESOLVER"):
        resolver_at(place)


def test_no_real_domain_is_taken_for_a_typo() -> None:
    """Big domains, their real neighbours and providers are never corrected; what is meant is always a big one."""
    known = rules()
    from sillage.domain.provider import by_domain

    assert not set(by_domain()) & set(known.typos)
    assert not known.disposable & set(known.typos)
    assert {"ymail.com", "mail.com", "gmx.de", "yahoo.ca"}.isdisjoint(known.typos)
    assert {"gmail.com", "hotmail.fr", "orange.fr"} <= set(known.typos.values())
    assert "gmai.com" in one_off("gmail.com") and "gmial.com" in one_off("gmail.com")  # noqa: PT018


@given(st.from_regex(r"[a-z.+]{1,12}", fullmatch=True), st.sampled_from(["gmail.com", "googlemail.com", "x.example"]))
def test_duplicates_in_sql_are_those_of_the_domain(local: str, domain: str) -> None:
    """The mailbox of an address is the same in SQL and in Python."""
    import duckdb

    from sillage.hygiene.lists import _MAILBOX

    row = duckdb.execute(f"select {_MAILBOX} from (select ? as local, ? as domain)", [local, domain]).fetchone()
    address = EmailAddress(local, domain)
    assert row is not None
    if mailbox_of(address).split("@", maxsplit=1)[0].strip("."):
        assert row[0] == mailbox_of(address)
