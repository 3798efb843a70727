"""Files into ops: what is new, what stays, who stays out, and what is written down of it, on both engines."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from sillage.domain.consent import Channel, NotMailable, Purpose
from sillage.domain.contact import EmailAddress
from sillage.domain.ids import AccountId, ContactId
from sillage.errors import BadInput
from sillage.ingest import ImportOptions, ImportReport, dry_run, import_file, park
from sillage.ingest.dates import DateOrder
from sillage.lake.event import EventType, decode
from sillage.settings import Settings
from sillage.store import accounts, consent, contacts, files, groups, imports, outbox
from sillage.store.database import Store
from sillage.store.imports import ImportState
from sillage.store.tables import consent_acts, consent_origins, consents, suppressions
from sillage.store.tables import contacts as contact_table
from sillage.tokens import address_hash

DAY = timedelta(days=1)


@pytest.fixture
def account_id(any_store: Store, settings: Settings) -> AccountId:
    """An account."""
    with any_store.write() as conn:
        return accounts.create(conn, "shop", "Shop", created_at=settings.clock.now()).id


class Desk:
    """Imports text as a file."""

    def __init__(self, store: Store, settings: Settings, account_id: AccountId, folder: Path) -> None:
        self.store, self.settings, self.account_id, self.folder = store, settings, account_id, folder

    def file(self, text: str, name: str = "people.csv") -> Path:
        """Write a file."""
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def take(self, text: str, group: str | None = None, **options: object) -> ImportReport:
        """Import a text."""
        read = ImportOptions.read(dict(options))
        return import_file(self.store, self.settings, self.account_id, self.file(text), group=group, options=read)

    def why(self, address: str) -> NotMailable | None:
        """Why somebody is not mailable."""
        with self.store.read() as conn:
            one = contacts.by_address(conn, self.account_id, EmailAddress.parse(address))
            return consent.why_not_mailable(conn, self.account_id, one.id, Channel.EMAIL, self.settings.clock.now())


@pytest.fixture
def desk(any_store: Store, settings: Settings, account_id: AccountId, tmp_path: Path) -> Desk:
    """A desk on each engine."""
    return Desk(any_store, settings, account_id, tmp_path)


CONSENTED = "email,first_name,city,consent_at,tracking_consent,source\n" + "".join(
    f"p{n}@gmail.example,Ann{n},Paris,2026-0{1 + n % 9}-05,{'yes' if n % 2 else 'no'},shop\n" for n in range(40)
)


def test_import_stores_contacts_with_consent_proof_and_group(desk: Desk) -> None:
    """Each row becomes a contact with its provider, its fields, its consent by purpose, and the proof of it."""
    report = desk.take(CONSENTED, group="News")
    assert (report.accepted, report.counts.new, report.counts.mailable) == (40, 40, 40)
    with desk.store.read() as conn:
        one = contacts.by_address(conn, desk.account_id, EmailAddress.parse("p1@gmail.example"))
        assert (one.provider, one.fields["first_name"], one.fields["city"]) == ("gmail", "Ann1", "Paris")
        assert [(g.name, g.size) for g in groups.listed(conn, desk.account_id)] == [("News", 40)]
        acts = conn.execute(sa.select(consent_acts).where(consent_acts.c.contact_id == one.id)).all()
        assert {(a.purpose, a.state, a.proof) for a in acts} == {(p.value, "granted", "row 3") for p in Purpose}
        (source,) = conn.execute(sa.select(consent_origins)).all()
        assert (source.source, source.import_id) == ("shop", report.import_id)
        held = conn.execute(sa.select(consents).where(consents.c.contact_id == one.id)).one()
        zero = contacts.by_address(conn, desk.account_id, EmailAddress.parse("p0@gmail.example"))
        assert consent.current_of(conn, desk.account_id, Channel.EMAIL, [zero.id])[zero.id].open_tracking == "withdrawn"
    assert held.marketing_at == datetime(2026, 2, 4, 23, tzinfo=UTC)
    assert desk.why("p1@gmail.example") is None


def test_import_writes_consents_as_the_ledger_gives_them(desk: Desk) -> None:
    """The fast way to write current consent and the function of the ledger agree, row by row."""
    desk.take(CONSENTED + "no@x.example,,,,no,\nold@x.example,,,2001-01-01,,\n")
    with desk.store.write() as conn:
        before = conn.execute(sa.select(consents).order_by(consents.c.contact_id)).all()
        consent.recompute(conn, desk.account_id, Channel.EMAIL, [row.contact_id for row in before])
        assert conn.execute(sa.select(consents).order_by(consents.c.contact_id)).all() == before


def test_import_of_the_same_file_again_changes_nothing(desk: Desk) -> None:
    """Everybody is unchanged, and neither the ledger nor the contacts nor the register of files grow."""
    desk.take(CONSENTED, group="News")
    counts = [sa.func.count(t.c.account_id) for t in (consent_acts, consents, consent_origins)]
    with desk.store.read() as conn:
        before = conn.execute(sa.select(*(sa.select(c).scalar_subquery() for c in counts))).one()
        known = contacts.listed(conn, desk.account_id, limit=99)
    report = desk.take(CONSENTED, group="News")
    assert (report.counts.new, report.counts.updated, report.counts.unchanged) == (0, 0, 40)
    with desk.store.read() as conn:
        assert conn.execute(sa.select(*(sa.select(c).scalar_subquery() for c in counts))).one() == before
        assert contacts.listed(conn, desk.account_id, limit=99) == known
        assert len(files.listed(conn, desk.account_id)) == 1


def test_import_fills_and_changes_but_never_empties(desk: Desk) -> None:
    """A new value replaces, an empty cell leaves, a new custom field joins the old ones."""
    desk.take("email,first_name,city,shoe\na@x.example,Ann,Paris,39\n")
    report = desk.take("email,first_name,city,hat\na@x.example,Anna,,S\n")
    assert report.counts.updated == 1
    with desk.store.read() as conn:
        one = contacts.by_address(conn, desk.account_id, EmailAddress.parse("a@x.example"))
    assert (one.fields["first_name"], one.fields["city"], one.custom) == ("Anna", "Paris", {"shoe": "39", "hat": "S"})


def test_import_brings_back_nobody_who_left(desk: Desk) -> None:
    """Unsubscribed, complained and erased people stay out, and the report says who."""
    text = "email,consent_at\nleft@x.example,2026-01-05\nangry@x.example,2026-01-05\nok@x.example,2026-01-05\n"
    desk.take(text)
    now = desk.settings.clock.now()
    secret = desk.settings.secret.get_secret_value()
    with desk.store.write() as conn:
        left = contacts.by_address(conn, desk.account_id, EmailAddress.parse("left@x.example"))
        consent.withdraw(
            conn, desk.account_id, left.id, Channel.EMAIL, [Purpose.MARKETING], occurred_at=now, source="l", proof=""
        )
        for address, reason in (("angry@x.example", "complaint"), ("gone@x.example", "erased")):
            conn.execute(
                suppressions.insert().values(
                    account_id=desk.account_id, channel="email", address_hash=address_hash(secret, address),
                    reason=reason, created_at=now,
                )
            )  # fmt: skip
    report = desk.take(
        text.replace("email", "name,email").replace("\n", "\nNew,")[:-4] + "New,GONE@x.example,2026-11-01\n"
    )
    kept = [(k.row, k.reason) for k in report.counts.kept_out_rows]
    assert kept == [(2, "unsubscribed"), (3, "complaint"), (5, "erased")]
    assert (report.accepted, report.counts.kept_out) == (1, 3)
    assert report.refused_path is not None
    assert "kept_out: erased" in report.refused_path.read_text("utf-8-sig")
    assert desk.why("left@x.example") is NotMailable.UNSUBSCRIBED
    with desk.store.read() as conn:
        assert contacts.count(conn, desk.account_id) == 3


def test_import_says_why_somebody_is_not_mailable(desk: Desk) -> None:
    """Each person is stored, and ops gives the reason that the report gave, as far as it keeps it."""
    desk.take(
        "email,optin,optin_date,status\nok@x.example,yes,2026-01-05,\nno@x.example,no,,\nold@x.example,1,2019-01-05,\n"
        "none@x.example,,,\nbad@x.example,oui,32/01/2025,\ngone@x.example,yes,2026-01-05,Désabonné\n"
    )
    reasons = {name: desk.why(f"{name}@x.example") for name in ("ok", "no", "old", "none", "bad", "gone")}
    assert reasons == {
        "ok": None, "no": NotMailable.REFUSED, "old": NotMailable.TOO_OLD, "none": NotMailable.MISSING,
        "bad": NotMailable.MISSING, "gone": NotMailable.UNSUBSCRIBED,
    }  # fmt: skip


def test_import_takes_consent_declared_for_the_whole_file(desk: Desk) -> None:
    """By whom and in which words is kept; a row's own no goes before it; a second import keeps the first date."""
    text = "email,optin\na@x.example,\nb@x.example,non\n"
    said = {"consent_declared_by": "Ida", "consent_wording": "I want the letter", "consent_version": "3"}
    report = desk.take(text, **said)
    assert (report.accepted, report.counts.mailable) == (2, 1)
    with desk.store.read() as conn:
        (origin, *_) = conn.execute(sa.select(consent_origins)).all()
    assert (origin.declared_by, origin.wording, origin.wording_version) == ("Ida", "I want the letter", "3")
    assert (desk.why("a@x.example"), desk.why("b@x.example")) == (None, NotMailable.REFUSED)
    assert desk.take(text, **said).counts.unchanged == 2


def test_import_with_an_open_question_does_nothing(desk: Desk) -> None:
    """Nothing is stored until it is answered; a file that nobody watches over is parked, once."""
    text = "email,birthday\na@x.example,01/02/1990\n"
    assert desk.take(text).questions == ["date_order"]
    path = desk.file(text)
    one = park(desk.store, desk.settings, desk.account_id, path, group="News")
    assert one is not None
    assert (one.state, one.questions) == (ImportState.PARKED, ["date_order"])
    assert park(desk.store, desk.settings, desk.account_id, path) == one
    with desk.store.read() as conn:
        assert contacts.count(conn, desk.account_id) == 0
        assert files.listed(conn, desk.account_id) == []
    assert desk.take(text, date_order=DateOrder.MDY).accepted == 1
    with desk.store.read() as conn:
        assert [i.state for i in imports.listed(conn, desk.account_id)] == [ImportState.SEALED]
        one_contact = contacts.listed(conn, desk.account_id, limit=1)[0]
    assert one_contact.fields["birthday"] == "1990-01-02"


def test_park_writes_a_broken_file_down_as_failed(desk: Desk) -> None:
    """A file that can't be imported is shown with its error; one that can is left alone."""
    one = park(desk.store, desk.settings, desk.account_id, desk.file("name\nAnna\n"))
    assert one is not None
    assert (one.state, one.counts["error"]) == (ImportState.FAILED, "no_address_column")
    assert park(desk.store, desk.settings, desk.account_id, desk.file("email\na@x.example\n")) is None


def test_import_reports_each_refused_row_in_a_registered_file(desk: Desk) -> None:
    """Number, value and reason of every refused row, harmless in a spreadsheet, in the register of files."""
    report = desk.take("email,n\n\"=cmd|'/c calc'!A1\",1\nok@x.example,2\nok@x.example,3\n,4\n")
    assert [(r.row, r.reason) for r in report.refused] == [
        (2, "invalid_address"), (4, "duplicate_in_file"), (5, "empty"),
    ]  # fmt: skip
    assert report.refused_path is not None
    with report.refused_path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[1] == ["2", "invalid_address", "'=cmd|'/c calc'!A1"]
    with desk.store.read() as conn:
        assert {f.path for f in files.listed(conn, desk.account_id)} >= {report.refused_path}
    assert report.refused_path.stat().st_mode & 0o077 == 0


def test_import_leaves_one_event_when_it_is_sealed(desk: Desk) -> None:
    """The event names no address and counts the contacts."""
    report = desk.take(CONSENTED)
    with desk.store.read() as conn:
        (event,) = [decode(body) for _, body in outbox.waiting(conn, 99)]
    assert (event.type, event.count, event.account_id) == (EventType.IMPORTED, report.accepted, desk.account_id)


def test_import_keeps_accounts_apart(desk: Desk) -> None:
    """The same people in two accounts are two contacts each, and a suppression of one is none of the other's."""
    desk.take("email\na@x.example\n")
    with desk.store.write() as conn:
        other = accounts.create(conn, "other", "Other", created_at=desk.settings.clock.now()).id
    report = import_file(desk.store, desk.settings, other, desk.file("email\na@x.example\n"))
    assert report.counts.new == 1
    with desk.store.read() as conn:
        assert contacts.count(conn, other) == contacts.count(conn, desk.account_id) == 1


def test_import_gives_a_phone_number_to_one_person_only(desk: Desk) -> None:
    """A number that two people share stays with the first, and both are stored."""
    report = desk.take("email,phone\na@x.example,06 12 34 56 78\nb@x.example,+33612345678\n,0698765432\n,0600\n")
    assert (report.accepted, report.warnings) == (3, ["shared_phone"])
    assert [(r.row, r.reason) for r in report.refused] == [(5, "invalid_phone")]
    with desk.store.read() as conn:
        found = [(c.email, c.phone) for c in contacts.listed(conn, desk.account_id, limit=9)]
    assert found == [("a@x.example", "+33612345678"), ("b@x.example", None), (None, "+33698765432")]
    again = desk.take("email,phone\nc@x.example,0612345678\n,0698765432\n")
    assert (again.counts.new, again.counts.unchanged, again.warnings) == (1, 1, ["shared_phone"])


def test_import_of_a_broken_file_raises_its_code_and_stores_nothing(desk: Desk) -> None:
    """The error names the file and what is wrong; ops and the folder of files stay as they were."""
    with pytest.raises(BadInput, match=r"people\.csv.*never closed") as caught:
        desk.take('email,n\na@x.example,"1\nb@x.example,2\n')
    assert caught.value.code == "unclosed_quote"
    with desk.store.read() as conn:
        assert imports.listed(conn, desk.account_id) == []
    assert not desk.settings.files_dir.exists()


def test_dry_run_says_what_the_import_then_does(desk: Desk) -> None:
    """Against the same ops, the dry run's figures are the import's."""
    desk.take("email,city\na@x.example,Paris\nb@x.example,Brest\n")
    text = "email,city\na@x.example,Paris\nb@x.example,Nice\nc@x.example,Lyon\nnot\n"
    secret = desk.settings.secret.get_secret_value()
    now = desk.settings.clock.now()
    plan = dry_run(desk.file(text), now=now, store=desk.store, secret=secret, account_id=desk.account_id, rows=2)
    assert [c["email"] for c in plan.contacts or []] == ["a@x.example", "b@x.example"]
    with desk.store.read() as conn:
        assert contacts.count(conn, desk.account_id) == 2
    done = desk.take(text)
    assert plan.counts == done.counts
    assert plan.refused == done.refused
    assert (done.counts.new, done.counts.updated, done.counts.unchanged) == (1, 1, 1)


def test_rows_are_hashed_as_tokens_do_it(desk: Desk) -> None:
    """The hash of an imported address or number is the one by which it is suppressed."""
    desk.take("email,phone\na@x.example,0612345678\n")
    secret = desk.settings.secret.get_secret_value()
    with desk.store.read() as conn:
        row = conn.execute(sa.select(contact_table)).one()
    assert bytes(row.email_hash) == address_hash(secret, "a@x.example")
    assert bytes(row.phone_hash) == address_hash(secret, "+33612345678")


def test_import_keeps_custom_fields_as_they_stand(desk: Desk) -> None:
    """Quotes, backslashes, line ends and a header full of punctuation come out as they went in."""
    header, value = 'we"ird\\ [x]/~', 'a "b" \\ c\nnew\tline, é'
    out = desk.folder / "x.csv"
    with out.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["email", header], ["a@x.example", value]])
    import_file(desk.store, desk.settings, desk.account_id, out)
    with desk.store.read() as conn:
        one = contacts.by_address(conn, desk.account_id, EmailAddress.parse("a@x.example"))
        assert one.custom == {header: value}
        assert (
            json.loads(json.dumps(contacts.merge_fields_of(conn, desk.account_id, ContactId(one.id))))[header] == value
        )
