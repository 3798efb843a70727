"""Imports undone, modes of imports, typed fields and what is remembered, on both engines."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from sillage.domain.consent import Channel, NotMailable, Purpose
from sillage.domain.contact import EmailAddress
from sillage.domain.ids import AccountId
from sillage.errors import Refused
from sillage.ingest import ImportOptions, ImportReport, import_file, undo_import
from sillage.settings import Settings
from sillage.store import accounts, consent, contacts, groups
from sillage.store.columns import from_micros, to_micros
from sillage.store.contacts import Contact
from sillage.store.database import Store
from sillage.store.tables import consent_acts, consent_origins, consents, custom_fields, group_members, import_changes
from sillage.store.tables import contacts as table


class Desk:
    """Imports text as a file, and looks at what came of it."""

    def __init__(self, store: Store, settings: Settings, folder: Path) -> None:
        self.store, self.settings, self.folder = store, settings, folder
        with store.write() as conn:
            self.account_id: AccountId = accounts.create(conn, "shop", "Shop", created_at=settings.clock.now()).id

    def take(self, text: str, group: str | None = None, **options: object) -> ImportReport:
        """Import a text."""
        path = self.folder / "people.csv"
        path.write_text(text, encoding="utf-8")
        return import_file(
            self.store, self.settings, self.account_id, path, group=group, options=ImportOptions.read(dict(options))
        )

    def one(self, address: str) -> Contact:
        """A contact."""
        with self.store.read() as conn:
            return contacts.by_address(conn, self.account_id, EmailAddress.parse(address))

    def dump(self) -> list[list[tuple[object, ...]]]:
        """All that an import writes, without the numbers that the engines give."""
        with self.store.read() as conn:
            found = []
            for one in (table, consents, group_members, consent_acts, consent_origins, import_changes):
                rows = conn.execute(sa.select(one)).all()
                found.append(sorted((tuple(row) for row in rows), key=repr))
            return found


@pytest.fixture
def desk(any_store: Store, settings: Settings, tmp_path: Path) -> Desk:
    """A desk on each engine."""
    return Desk(any_store, settings, tmp_path)


FIRST = "email,city,phone,consent_at,shoe\na@x.example,Paris,0612345678,2026-01-05,39\nb@x.example,Brest,,,\n"
SECOND = "email,city,phone,consent_at,hat\na@x.example,Nice,0698765432,2026-03-05,S\nb@x.example,,,2026-02-01,M\n"


def test_undo_puts_everything_back(desk: Desk) -> None:
    """Fields, numbers, consent, its ledger and groups are as they were before the second file, row by row."""
    desk.take(FIRST, group="News")
    before = desk.dump()
    report = desk.take(SECOND + "c@x.example,Lyon,,2026-02-01,L\n", group="Hats")
    assert (report.counts.new, report.counts.updated) == (1, 2)
    assert desk.one("a@x.example").fields["city"] == "Nice"
    assert report.import_id is not None
    undone = undo_import(desk.store, desk.settings, desk.account_id, report.import_id)  # type: ignore[arg-type]
    assert (undone.dropped, undone.restored, undone.stayed) == (1, 2, {})
    assert desk.dump() == before
    with pytest.raises(Refused, match="nothing to undo"):
        undo_import(desk.store, desk.settings, desk.account_id, report.import_id)  # type: ignore[arg-type]


def test_undo_leaves_and_lists_who_was_touched_since(desk: Desk) -> None:
    """One who was edited, one who unsubscribed and one who was put into another group stay, each with the reason."""
    desk.take("email,city\nold@x.example,Paris\n")
    text = "email,city,consent_at\n" + "".join(f"{n}@x.example,Nice,2026-01-05\n" for n in ("a", "b", "c", "old"))
    report = desk.take(text)
    now = desk.settings.clock.now()
    a, b, c, old = (desk.one(f"{n}@x.example").id for n in ("a", "b", "c", "old"))
    with desk.store.write() as conn:
        for who in (a, old):
            later = from_micros(to_micros(now) + 5)
            conn.execute(table.update().where(table.c.id == who).values(city="Lille", updated_at=later))
        consent.withdraw(
            conn, desk.account_id, b, Channel.EMAIL, [Purpose.MARKETING], occurred_at=now, source="link", proof=""
        )
        other = groups.get_or_create(conn, desk.account_id, "Other", now=now)
        groups.add_members(conn, desk.account_id, other, [c], now=now)
    undone = undo_import(desk.store, desk.settings, desk.account_id, report.import_id)  # type: ignore[arg-type]
    assert undone.stayed == {a: "edited", old: "edited", b: "consent", c: "in_a_group"}
    assert undone.stayed_path is not None
    assert f"{b},consent" in undone.stayed_path.read_text()
    assert desk.one("old@x.example").fields["city"] == "Lille"
    with desk.store.read() as conn:
        assert contacts.count(conn, desk.account_id) == 4
        assert consent.why_not_mailable(conn, desk.account_id, b, Channel.EMAIL, now) is NotMailable.UNSUBSCRIBED


def test_modes_do_what_they_say(desk: Desk) -> None:
    """Adding changes nobody, updating adds nobody, taking out of a group erases nobody; each can be undone."""
    desk.take(FIRST, group="News")
    added = desk.take(SECOND + "c@x.example,Lyon,,,\n", mode="add")
    assert (added.counts.new, added.counts.updated, added.counts.unchanged) == (1, 0, 2)
    assert desk.one("a@x.example").fields["city"] == "Paris"
    updated = desk.take(SECOND + "d@x.example,Lyon,,,\n", mode="update")
    assert (updated.counts.new, updated.counts.updated, updated.counts.unknown) == (0, 2, 1)
    taken = desk.take("email\na@x.example\nc@x.example\nnobody@x.example\n", group="News", mode="take_out")
    assert (taken.counts.updated, taken.counts.unchanged, taken.counts.unknown) == (1, 1, 1)
    with desk.store.read() as conn:
        assert [(g.name, g.size) for g in groups.listed(conn, desk.account_id)] == [("News", 1)]
    undo_import(desk.store, desk.settings, desk.account_id, taken.import_id)  # type: ignore[arg-type]
    with desk.store.read() as conn:
        assert [(g.name, g.size) for g in groups.listed(conn, desk.account_id)] == [("News", 2)]


@pytest.mark.parametrize(("wins", "city"), [("first", "Paris"), ("last", "Nice")])
def test_of_two_rows_the_chosen_one_wins(desk: Desk, wins: str, city: str) -> None:
    """The first by default; the last where it is asked for. The other one is refused, with its line."""
    report = desk.take("email,city\na@x.example,Paris\nb@x.example,Brest\nA@x.example,Nice\n", wins=wins)
    assert [(r.row, r.reason) for r in report.refused] == [(4 if wins == "first" else 2, "duplicate_in_file")]
    assert desk.one("a@x.example").fields["city"] == city


def test_custom_fields_have_the_types_that_were_asked_for(desk: Desk) -> None:
    """Values are read by type, what is none is left out and said, and the next file is read the same way."""
    text = 'email,Points,Since,Vip,Size\na@x.example,"1 234,50",31/12/2025,oui,M\nb@x.example,many,x,non,S\n'
    kinds = {"Points": "number", "Since": "date", "Vip": "boolean", "Size": "choice"}
    report = desk.take(text, fields=kinds)
    assert report.warnings == ["invalid_value"]
    assert desk.one("a@x.example").custom == {"Points": 1234.5, "Since": "2025-12-31", "Vip": True, "Size": "M"}
    assert desk.one("b@x.example").custom == {"Vip": False, "Size": "S"}
    desk.take("email,Points\nb@x.example,007\n")
    assert desk.one("b@x.example").custom == {"Vip": False, "Size": "S", "Points": 7}
    with desk.store.read() as conn:
        choices = sa.select(custom_fields.c.choices).where(custom_fields.c.name == "Size")
        assert conn.execute(choices).scalar_one() == ["M", "S"]


def test_mapping_is_remembered_by_header(desk: Desk) -> None:
    """What was said of a header once holds for the account's next file, whatever its case."""
    desk.take("email,Xyz\na@x.example,Paris\n", mapping={"Xyz": "city"})
    desk.take("email,XYZ\nb@x.example,Brest\n")
    assert desk.one("b@x.example").fields["city"] == "Brest"


def test_people_with_a_number_alone_agree_on_whatsapp(desk: Desk) -> None:
    """Their consent is one for the channel that reaches them."""
    report = desk.take("phone,consent_at\n0612345678,2026-01-05\n")
    assert report.counts.mailable == 1
    with desk.store.read() as conn:
        (act,) = conn.execute(sa.select(consent_acts)).all()
        assert (act.channel, act.state) == ("whatsapp", "granted")
        why = consent.why_not_mailable(
            conn, desk.account_id, act.contact_id, Channel.WHATSAPP, desk.settings.clock.now()
        )
    assert why is None
