"""A file imported by the page: looked at, asked about, imported, reported; and refused in words."""

from __future__ import annotations

import time

import sqlalchemy as sa
from pages_world import Browser, Home
from streamlit.testing.v1 import AppTest

from sillage.store import accounts, contacts, fields, groups, imports, people
from sillage.store.tables import contacts as contacts_table

GOOD = b"email,first_name,joined\nana@people.example,Ana,2026\nbad,Bob,2026\nzoe@people.example,Zoe,2025\n"
ASKS = b"email,birthday\nana@people.example,03/04/1980\nzoe@people.example,05/06/1990\n"


def _upload(home: Home, browser: Browser, raw: bytes, name: str = "people.csv") -> AppTest:
    home.account("early", "Early")
    app = browser.open(home, "contacts")
    app.file_uploader(key="contact_file").upload(name, raw, "text/csv")
    return app.run()


def _until_over(app: AppTest) -> AppTest:
    deadline = time.monotonic() + 20
    while not any(button.key == "import_again" for button in app.button) and time.monotonic() < deadline:
        time.sleep(0.1)
        app.run()
    return app


def _count(home: Home) -> int:
    with home.store.read() as conn:
        return contacts.count(conn, accounts.only_account(conn).id)


def test_a_file_is_looked_at_and_imported_into_a_group(bare: Home, browser: Browser) -> None:
    """The button says how many rows it imports; the result has each of them by what became of it."""
    app = _upload(bare, browser, GOOD)
    assert app.button(key="import_start").label == "Import 3 rows"
    app.text_input(key="declared_by").set_value("Ines, marketing")
    app.text_area(key="declared_wording").set_value("I want the newsletter")
    app.text_input(key="import_group").set_value("Spring")
    app.run().button(key="import_start").click().run()
    app = _until_over(app)
    tiles = {metric.label: metric.value for metric in app.metric}
    assert (tiles["Accepted"], tiles["Refused"], tiles["Mailable"]) == ("2", "1", "2")
    assert tiles["Contacts"] == "2", "what was shown before the import is not shown once more"
    assert not app.error
    with bare.store.read() as conn:
        account = accounts.only_account(conn)
        assert ("Spring", 2) in [(g.name, g.size) for g in groups.listed(conn, account.id)]


def test_a_question_imports_nothing_until_it_is_answered(bare: Home, browser: Browser) -> None:
    """Dates that can be read in two ways hold the button; the answer frees it."""
    app = _upload(bare, browser, ASKS)
    assert app.button(key="import_start").disabled
    assert "two ways" in app.segmented_control(key="date_order").label
    app.segmented_control(key="date_order").set_value("dmy").run()
    assert not app.button(key="import_start").disabled
    app.button(key="import_start").click().run()
    _until_over(app)
    assert _count(bare) == 2


def test_a_file_that_is_no_table_is_refused_in_words(bare: Home, browser: Browser) -> None:
    """What is not what it says is an error that names the file, and nothing is imported."""
    app = _upload(bare, browser, b"\x00\x01\x02" * 400, "people.xlsx")
    assert "people\\.xlsx" in app.error[0].value
    assert not app.exception
    assert _count(bare) == 0


def test_a_column_is_given_another_meaning(bare: Home, browser: Browser) -> None:
    """A column that the reader names by hand is imported as that field."""
    app = _upload(bare, browser, GOOD.replace(b"first_name", b"xyz"))
    (column,) = [box for box in app.selectbox if box.label == "xyz"]
    column.set_value("first_name").run()
    app.button(key="import_start").click().run()
    _until_over(app)
    with bare.store.read() as conn:
        account = accounts.only_account(conn)
        found = contacts.listed(conn, account.id, limit=10)
        (one,) = imports.listed(conn, account.id)
    assert {contact.fields["first_name"] for contact in found} == {"Ana", "Zoe"}
    assert one.state == "sealed"


def test_a_dry_run_counts_exactly_and_stores_nothing(bare: Home, browser: Browser) -> None:
    """What an import would do is counted against the account as it is, before anything is applied."""
    app = _upload(bare, browser, GOOD)
    app.button(key="import_try").click().run()
    assert {m.label: m.value for m in app.metric}["Accepted"] == "2"
    assert any("no e\\-mail address" in m.value or "no e-mail address" in m.value for m in app.markdown)
    assert _count(bare) == 0
    app.selectbox(key="import_mode").set_value("update").run()
    app.button(key="import_try").click().run()
    assert {m.label: m.value for m in app.metric}["No contact"] == "2"
    assert _count(bare) == 0


def test_people_are_taken_out_of_a_group_and_stay_contacts(bare: Home, browser: Browser) -> None:
    """The mode needs the group's name; its members leave it, and nobody is erased."""
    app = _upload(bare, browser, GOOD)
    app.text_input(key="import_group").set_value("Spring").run()
    app.button(key="import_start").click().run()
    app = _until_over(app)
    app.button(key="import_again").click().run()
    app.file_uploader(key="contact_file").upload("again.csv", GOOD, "text/csv").run()
    app.selectbox(key="import_mode").set_value("take_out").run()
    app.text_input(key="import_group").set_value("").run()
    assert app.button(key="import_start").disabled
    app.text_input(key="import_group").set_value("Spring").run()
    app.button(key="import_start").click().run()
    _until_over(app)
    with bare.store.read() as conn:
        account = accounts.only_account(conn)
        assert [g.size for g in groups.listed(conn, account.id) if g.name == "Spring"] == [0]
    assert _count(bare) == 2


def test_of_two_rows_the_last_is_taken_where_it_was_chosen(bare: Home, browser: Browser) -> None:
    """The choice of the page reaches the import."""
    app = _upload(bare, browser, b"email,first_name\nana@people.example,Old\nana@people.example,New\n")
    app.segmented_control(key="import_wins").set_value("last").run()
    app.button(key="import_start").click().run()
    _until_over(app)
    with bare.store.read() as conn:
        (one,) = contacts.listed(conn, accounts.only_account(conn).id, limit=10)
    assert one.fields["first_name"] == "New"


def test_a_typed_field_is_made_of_a_column(bare: Home, browser: Browser) -> None:
    """A column that becomes a field of its own may be given a type, which its values are read by."""
    app = _upload(bare, browser, GOOD)
    (kind,) = [box for box in app.selectbox if box.key and box.key.startswith("type_") and box.key.endswith("joined")]
    kind.set_value("number").run()
    app.button(key="import_start").click().run()
    _until_over(app)
    with bare.store.read() as conn:
        account = accounts.only_account(conn)
        assert fields.types(conn, account.id) == {"joined": "number"}
        assert {c.custom["joined"] for c in contacts.listed(conn, account.id, limit=10)} == {2026, 2025}


def test_what_a_header_means_is_remembered_for_the_next_file(bare: Home, browser: Browser) -> None:
    """A meaning given by hand is the guess for another file with that header."""
    raw = GOOD.replace(b"first_name", b"xyz")
    app = _upload(bare, browser, raw)
    next(box for box in app.selectbox if box.label == "xyz").set_value("first_name").run()
    app.button(key="import_start").click().run()
    app = _until_over(app)
    app.button(key="import_again").click().run()
    app.file_uploader(key="contact_file").upload("next.csv", raw.replace(b"ana@", b"eva@"), "text/csv").run()
    assert next(box for box in app.selectbox if box.label == "xyz").value == "first_name"


def test_a_cancelled_import_leaves_nothing(bare: Home, browser: Browser) -> None:
    """Cancel takes back what was already written, and says so."""
    rows = b"".join(b"p%d@people.example,Ana\n" % n for n in range(200_000))
    app = _upload(bare, browser, b"email,first_name\n" + rows)
    app.button(key="import_start").click().run()
    deadline = time.monotonic() + 60
    while not any(b.key == "import_cancel" for b in app.button) and time.monotonic() < deadline:
        app.run()
    app.button(key="import_cancel").click().run()
    app = _until_over(app)
    assert any("as it was before" in info.value for info in app.info)
    with bare.store.read() as conn:
        (one,) = imports.listed(conn, accounts.only_account(conn).id)
        assert conn.execute(sa.select(sa.func.count()).select_from(contacts_table)).scalar() == 0
    assert one.state == "taken_back"


def test_an_import_is_undone_from_the_page_and_who_was_touched_stays(bare: Home, browser: Browser) -> None:
    """Whom it made goes, except who was changed by hand since: they are listed with the reason."""
    app = _upload(bare, browser, GOOD)
    app.button(key="import_start").click().run()
    app = _until_over(app)
    with bare.store.write() as conn:
        account = accounts.only_account(conn)
        touched = contacts.listed(conn, account.id, limit=1)[0]
        people.change(conn, account.id, touched.id, {"city": "Brest"}, now=bare.settings.clock.now())
    app.button(key="import_again").click().run()
    (one,) = [b for b in app.button if b.key and b.key.startswith("undo-")]
    one.click().run()
    assert not app.exception
    assert _count(bare) == 1
    assert any("1 stay" in caption.value for caption in app.caption)
    assert any("was changed since" in m.value for m in app.markdown)
