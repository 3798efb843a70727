"""A file imported by the page: looked at, asked about, imported, reported; and refused in words."""

from __future__ import annotations

import time

from pages_world import Browser, Home
from streamlit.testing.v1 import AppTest

from sillage.store import accounts, contacts, groups, imports

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
