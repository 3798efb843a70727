"""Consent on the pages: why and why not, who gets nothing, forms, and the lists of hygiene."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
import streamlit as st
from pages_world import Browser, Home
from streamlit.testing.v1 import AppTest

from sillage.domain.consent import Channel, Purpose
from sillage.domain.ids import AccountId, ContactId
from sillage.store import accounts, consent, erasures, forms, suppressions
from sillage.store.tables import contacts
from sillage.tokens import address_hash
from tests.conftest import SECRET

PANEL = """
from dashboards.consent_panel import consent_panel
from dashboards.shell import show
show(lambda desk: consent_panel(desk, %d))
"""


def _press(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label).click().run()


def _text(app: AppTest) -> str:
    kinds = (app.subheader, app.markdown, app.caption, app.warning, app.success, app.error)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


@pytest.fixture
def account_id(bare: Home) -> AccountId:
    """An account with three people."""
    return bare.account("early", "Early", people=3).id


def _first(home: Home, account_id: AccountId) -> ContactId:
    with home.store.read() as conn:
        query = sa.select(sa.func.min(contacts.c.id)).where(contacts.c.account_id == account_id)
        return ContactId(conn.execute(query).scalar_one())


def test_panel_says_why_and_brings_back_on_a_later_proof(bare: Home, browser: Browser, account_id: AccountId) -> None:
    """Every reason with the ledger; a proof without words is refused, a whole one makes the person mailable again."""
    who, now = _first(bare, account_id), bare.settings.clock.now()
    with bare.store.write() as conn:
        email = conn.execute(sa.select(contacts.c.email).where(contacts.c.id == who)).scalar_one()
        held = address_hash(SECRET, str(email))
        conn.execute(contacts.update().where(contacts.c.id == who).values(email_hash=held))
        consent.grant(
            conn, account_id, who, Channel.EMAIL, list(Purpose), occurred_at=now - timedelta(days=9),
            source="file <b>x</b>", proof="row 2", wording="I *agree*", wording_version="3",
        )  # fmt: skip
        consent.withdraw(
            conn, account_id, who, Channel.EMAIL, [Purpose.MARKETING], occurred_at=now - timedelta(days=5),
            source="page", proof="campaign 1",
        )  # fmt: skip
        suppressions.add(conn, account_id, channel="email", domains=["early-people.example"], now=now)
    browser.open(bare, "consent")
    app = AppTest.from_string(PANEL % who, default_timeout=30)
    app.query_params["lang"] = "en"
    app.run()
    assert "No marketing leaves for this person: its domain is suppressed and unsubscribed." in _text(app)
    assert "I \\*agree\\* \\(3\\)" in _text(app)
    _press(app, "Write this consent")
    assert "wording must have" in app.error[0].value
    for key, text in (("words", "I agree"), ("proof", "letter"), ("by", "Ida")):
        box = app.text_area if key == "words" else app.text_input
        box(key=f"back-{key}-{who}").set_value(text)
    _press(app, "Write this consent")
    assert not app.error
    with bare.store.write() as conn:
        suppressions.remove_domain(conn, account_id, "early-people.example")
    assert "On the ground of consent" in _text(app.run())
    _press(app, "Withdraw it now")
    assert "unsubscribed" in _text(app)


def test_grounds_are_turned_on_and_off(bare: Home, browser: Browser, account_id: AccountId) -> None:
    """Consent always holds; another ground is the account's own decision."""
    app = browser.open(bare, "consent")
    app.checkbox(key="basis-existing_customer").set_value(True)
    _press(app, "Save the grounds")
    with bare.store.read() as conn:
        assert accounts.by_id(conn, account_id).allowed_bases == ["consent", "existing_customer"]
    app.checkbox(key="basis-existing_customer").set_value(False)
    _press(app, "Save the grounds")
    with bare.store.read() as conn:
        assert accounts.by_id(conn, account_id).allowed_bases == ["consent"]


def test_form_is_made_shown_with_its_address_and_closed(bare: Home, browser: Browser, account_id: AccountId) -> None:
    """Without words it is refused; made, it has an address; closed, it is gone."""
    app = browser.open(bare, "consent")
    app.text_input(key="form_name").set_value("News")
    _press(app, "Make the form")
    assert "wording must have" in app.error[0].value
    app.text_area(key="form_wording").set_value("I agree")
    _press(app, "Make the form")
    with bare.store.read() as conn:
        (form,) = forms.listed(conn, account_id)
    assert app.code[0].value == f"{bare.settings.base_url}/f/{form.key}"
    _press(app, "Close this form")
    assert not app.code


def test_addresses_and_domains_are_suppressed_and_freed(bare: Home, browser: Browser, account_id: AccountId) -> None:
    """What is no address and no domain is said; the tiles count the rest."""
    app = browser.open(bare, "consent")
    for what in ("ada@shop.example", "Blocked.Example"):
        app.text_input(key="suppress_what").set_value(what)
        _press(app, "Send nothing there")
    assert [metric.value for metric in app.metric] == ["1", "1"]
    assert "blocked\\.example" in _text(app)
    app.text_input(key="suppress_what").set_value("nonsense")
    _press(app, "Send nothing there")
    assert "no address, no domain" in app.error[0].value
    app.text_input(key="suppress_what").set_value("ada@shop.example")
    _press(app, "Take off the list")
    assert [metric.value for metric in app.metric] == ["0", "1"]


def test_hygiene_counts_its_lists_and_corrects(bare: Home, browser: Browser, account_id: AccountId) -> None:
    """One typing error: shown with what was meant, corrected by the button, and gone."""
    who = _first(bare, account_id)
    with bare.store.write() as conn:
        conn.execute(contacts.update().where(contacts.c.id == who).values(email="ada@gmial.com"))
    app = browser.open(bare, "hygiene")
    assert "**Typing errors** · 1" in _text(app)
    assert "ada@gmail\\.com" in _text(app).replace("\\@", "@")
    _press(app, "Do it now")
    assert "1 corrected, 0 suppressed" in _text(app)
    with bare.store.read() as conn:
        assert conn.execute(sa.select(contacts.c.email).where(contacts.c.id == who)).scalar_one() == "ada@gmail.com"
    assert "Typing errors" in browser.open(bare, "hygiene").caption[-3].value


def test_a_person_is_erased_from_their_page_and_the_page_says_how_far(
    bare: Home, browser: Browser, account_id: AccountId
) -> None:
    """The button takes the person out of the contacts at once; what is left to do is listed until it is done."""
    who = _first(bare, account_id)
    app = browser.open(bare, "contact", contact=str(who))
    app.button(key="contact_erase").click().run()
    assert not app.exception
    with bare.store.read() as conn:
        assert conn.execute(sa.select(contacts.c.id).where(contacts.c.id == who)).first() is None
        (one,) = erasures.listed(conn, account_id)
    assert (one.contact_id, one.requested_by) == (who, "page")
    assert "files to look through, events and figures to rewrite" in _text(app)
    with bare.store.write() as conn:
        erasures.note_files(conn, one, {}, now=bare.settings.clock.now())
        for step in ("rewritten_at", "expired_at", "done_at"):
            erasures.note_step(conn, [one], step, now=bare.settings.clock.now())
    st.cache_data.clear()
    app = browser.open(bare, "contact")
    assert "gone everywhere" in _text(app)
