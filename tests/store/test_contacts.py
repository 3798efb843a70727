"""Contacts, groups, files and the ledger in ops, on both engines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from sillage.domain.consent import CONSENT_LASTS, Channel, ConsentState, NotMailable, Purpose
from sillage.domain.contact import EmailAddress
from sillage.domain.ids import AccountId, ContactId, ImportId
from sillage.errors import NotFound
from sillage.store import accounts, bulk, consent, contacts, files, groups, imports, renewals
from sillage.store.columns import to_micros
from sillage.store.database import Store
from sillage.store.imports import ImportState
from sillage.store.tables import consents

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
AT = to_micros(NOW)


@pytest.fixture
def account_id(any_store: Store) -> AccountId:
    """An account."""
    with any_store.write() as conn:
        return accounts.create(conn, "shop", "Shop", created_at=NOW).id


def _add(conn: sa.Connection, account_id: AccountId, email: str, import_id: int | None = None) -> ContactId:
    (contact_id,) = contacts.reserve_ids(conn, 1)
    row = (contact_id, account_id, email, email.encode(), None, None, "other", *[None] * 8, '{"n":"1"}', "form",
           import_id, AT, AT)  # fmt: skip
    contacts.insert_many(conn, [row])
    return ContactId(contact_id)


def _start(conn: sa.Connection, account_id: AccountId, state: ImportState = ImportState.RUNNING) -> ImportId:
    return imports.start(
        conn, account_id, state=state, file_name="f.csv", file_path=Path("f.csv"), sha256="s", options={}, now=NOW,
        questions=["date_order"] if state is ImportState.PARKED else None,
    )  # fmt: skip


def test_contact_is_found_by_address_in_its_account_only(any_store: Store, account_id: AccountId) -> None:
    """Another account's contact is unknown, in the same words as one that does not exist."""
    with any_store.write() as conn:
        other = accounts.create(conn, "other", "Other", created_at=NOW).id
        contact_id = _add(conn, account_id, "anna@shop.example")
    anna = EmailAddress.parse("Anna@shop.example")
    with any_store.read() as conn:
        found = contacts.by_address(conn, account_id, anna)
        assert (found.id, found.custom, found.created_at) == (contact_id, {"n": "1"}, NOW)
        assert contacts.get(conn, account_id, contact_id) == found
        assert contacts.merge_fields_of(conn, account_id, contact_id)["n"] == "1"
        assert contacts.merge_fields_of(conn, other, contact_id) == {}
        assert (contacts.count(conn, account_id), contacts.count(conn, other)) == (1, 0)
        with pytest.raises(NotFound):
            contacts.by_address(conn, other, anna)
        with pytest.raises(NotFound):
            contacts.get(conn, other, contact_id)


def test_contact_of_an_unsealed_import_is_not_seen(any_store: Store, account_id: AccountId) -> None:
    """What an import made is seen once it is sealed, and not before."""
    with any_store.write() as conn:
        import_id = _start(conn, account_id)
        _add(conn, account_id, "new@shop.example", import_id)
        _add(conn, account_id, "old@shop.example")
        assert [c.email for c in contacts.listed(conn, account_id, limit=9)] == ["old@shop.example"]
        assert imports.seal(conn, account_id, import_id, counts={}, refused_path=None, now=NOW)
        assert not imports.seal(conn, account_id, import_id, counts={}, refused_path=None, now=NOW)
        assert contacts.count(conn, account_id) == 2


def test_imports_are_listed_with_their_questions(any_store: Store, account_id: AccountId) -> None:
    """A parked file shows what it asks, until it is answered."""
    with any_store.write() as conn:
        _start(conn, account_id, ImportState.PARKED)
        (one,) = imports.listed(conn, account_id)
        assert (one.state, one.questions) == (ImportState.PARKED, ["date_order"])
        assert imports.parked(conn, account_id, "s") == one
        assert imports.first_time(conn, account_id, "s") is None
        imports.unpark(conn, account_id, "s")
        assert imports.parked(conn, account_id, "s") is None
        running = _start(conn, account_id)
        assert imports.advance(conn, account_id, running, done_rows=7, counts={"new": 5})
        assert imports.get(conn, account_id, running).done_rows == 7
        assert imports.first_time(conn, account_id, "s") == NOW


def test_group_is_made_once_and_takes_a_member_once(any_store: Store, account_id: AccountId) -> None:
    """A group is its name; adding somebody twice is adding once."""
    with any_store.write() as conn:
        one = groups.get_or_create(conn, account_id, "News", now=NOW)
        assert groups.get_or_create(conn, account_id, "News", now=NOW) == one
        who = _add(conn, account_id, "a@shop.example")
        for _ in range(2):
            groups.add_members(conn, account_id, one, [who], now=NOW)
        assert [(g.name, g.size) for g in groups.listed(conn, account_id)] == [("News", 1)]


def test_consent_is_a_function_of_the_ledger(any_store: Store, account_id: AccountId) -> None:
    """Granted, it lets mail through until it lapses; withdrawn, it does not, whatever was written afterwards."""
    with any_store.write() as conn:
        who = _add(conn, account_id, "a@shop.example")

        def why(now: datetime = NOW) -> NotMailable | None:
            return consent.why_not_mailable(conn, account_id, who, Channel.EMAIL, now)

        assert why() is NotMailable.MISSING
        given = NOW - timedelta(days=10)
        consent.grant(conn, account_id, who, Channel.EMAIL, list(Purpose), occurred_at=given, source="form", proof="x")
        assert why() is None
        assert why(given + CONSENT_LASTS) is NotMailable.TOO_OLD
        mailable = sa.select(consents.c.contact_id).where(consent.mailable_clause(NOW, ["consent"]))
        assert conn.execute(mailable).scalars().all() == [who]
        consent.withdraw(
            conn, account_id, who, Channel.EMAIL, [Purpose.MARKETING], occurred_at=NOW, source="link", proof="y"
        )
        assert why() is NotMailable.UNSUBSCRIBED
        assert conn.execute(mailable).scalars().all() == []
        held = consent.current_of(conn, account_id, Channel.EMAIL, [who])[who]
        assert (held.marketing, held.open_tracking) == (ConsentState.WITHDRAWN, ConsentState.GRANTED)
        late = NOW - timedelta(days=1)
        consent.grant(
            conn, account_id, who, Channel.EMAIL, [Purpose.MARKETING], occurred_at=late, source="form", proof="z"
        )
        assert why() is NotMailable.UNSUBSCRIBED


def test_consent_keeps_the_end_that_an_act_of_the_person_put_off(any_store: Store, account_id: AccountId) -> None:
    """A click moves the end; writing another purpose does not move it back."""
    with any_store.write() as conn:
        who = _add(conn, account_id, "a@shop.example")
        consent.grant(conn, account_id, who, Channel.EMAIL, [Purpose.MARKETING], occurred_at=NOW, source="f", proof="")
        put_off = NOW + CONSENT_LASTS + timedelta(days=30)
        acts = {who: NOW + timedelta(days=30)}
        assert renewals.renew(conn, account_id, Channel.EMAIL, acts, source="clicked", now=NOW) == [who]
        consent.withdraw(
            conn, account_id, who, Channel.EMAIL, [Purpose.OPEN_TRACKING], occurred_at=NOW, source="f", proof=""
        )
        assert conn.execute(sa.select(consents.c.lapses_at)).scalar_one() == put_off


def test_consent_origin_is_written_once(any_store: Store, account_id: AccountId) -> None:
    """The same source, words and declarer are one row, however many acts refer to it."""
    with any_store.write() as conn:
        one = consent.origin(conn, account_id, source="salon", wording="I agree", declared_by="Ida", now=NOW)
        assert consent.origin(conn, account_id, source="salon", wording="I agree", declared_by="Ida", now=NOW) == one
        assert consent.origin(conn, account_id, source="salon", wording="I do", declared_by="Ida", now=NOW) != one


def test_files_are_registered_once_and_kept_for_the_longer_time(any_store: Store, account_id: AccountId) -> None:
    """A file registered again expires at the later of both times, and is found when that is over."""
    day = timedelta(days=1)
    with any_store.write() as conn:
        one = files.register(conn, account_id, "import_original", Path("/x"), NOW, NOW + 9 * day)
        assert files.register(conn, account_id, "import_original", Path("/x"), NOW, NOW + day) == one
        assert files.expired(conn, account_id, NOW + 8 * day) == []
        (found,) = files.expired(conn, account_id, NOW + 9 * day)
        assert (found.id, found.path) == (one, Path("/x"))
        files.forget(conn, account_id, one)
        assert files.listed(conn, account_id) == []


def test_select_among_takes_more_values_than_a_statement_has_room_for(any_store: Store, account_id: AccountId) -> None:
    """A chunk of any size is looked up."""
    with any_store.write() as conn:
        _add(conn, account_id, "a@shop.example")
        wanted = ["a@shop.example", *(f"n{n}@shop.example" for n in range(bulk.MAX_VARIABLES + 5))]
        sql = "select email from contacts where account_id = {p} and email {in}"
        assert bulk.select_among(conn, sql, (account_id,), wanted) == [("a@shop.example",)]
