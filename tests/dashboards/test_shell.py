"""The shell around the pages: who looks, at which account, with which way to the first campaign; and the templates."""

from __future__ import annotations

import pytest
from pages_world import Browser, Home

from dashboards import guide
from dashboards.guide import Facts
from sillage.access import Door
from sillage.content import template_file
from sillage.content.templates import source_of, template
from sillage.domain.sign_in import Role
from sillage.store import accounts, sessions, templates, users


def _said(app) -> str:  # noqa: ANN001  # streamlit's testing has no types
    kinds = (app.title, app.header, app.subheader, app.markdown, app.caption, app.error, app.warning, app.info)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


@pytest.mark.parametrize("token", ["", "guessed", "x" * 5000])
def test_page_shows_nothing_to_who_is_not_signed_in(bare: Home, browser: Browser, token: str):
    """Without a session that holds, a page says so and draws nothing of any account, even alone."""
    bare.account("early", "Early")
    app = browser.open(bare, "home")
    browser.sign_in(token)
    app.run()
    assert "You are signed out" in app.warning[0].value
    assert not app.title


def test_page_of_an_ended_session_shows_nothing_more(bare: Home, browser: Browser):
    """Signed out elsewhere, the page that is still open draws nothing the next time it is asked."""
    bare.account("early", "Early")
    app = browser.open(bare, "home")
    assert app.title
    with bare.store.write() as conn:
        user = users.by_email(conn, "owner@early.example")
        assert user is not None
        sessions.end_all(conn, user.id)
    app.run()
    assert not app.title


def test_other_peoples_account_is_as_unknown_as_none(world: Home, browser: Browser):
    """An account that is there, and one that is not, get the same words from who is in neither."""
    browser.open(world, "home", account="maison")
    said = []
    for slug in ("alarm", "nobody"):
        app = browser.open(world, "home", account="maison")
        app.query_params["account"] = slug
        app.run()
        said.append(app.error[0].value.replace(slug, "…"))
        assert not app.title
    assert said[0] == said[1]


def test_language_is_the_users(bare: Home, browser: Browser):
    """Without a language in the address a page speaks the one that the user chose, whatever the account's is."""
    bare.account("early", "Early")
    app = browser.open(bare, "campaigns")
    del app.query_params["lang"]
    assert app.run().title[0].value == "Campaigns"
    with bare.store.write() as conn:
        user = users.by_email(conn, "owner@early.example")
        assert user is not None
        users.set_language(conn, user.id, "fr")
    assert app.run().title[0].value == "Campagnes"


def test_guide_ticks_what_is_done_and_ends_with_the_first_sending():
    """Each step is ticked by a fact, in the order that they are done in; it goes when a campaign has left."""
    assert [s.is_done for s in guide.steps(Facts(True, True, False, False, False, False))] == [True, True, *[False] * 4]
    assert guide.steps(Facts(True, True, True, True, True, True)) == []


def test_home_leads_a_new_account_to_its_first_campaign(bare: Home, browser: Browser):
    """A new account sees the steps on its home page, with what it has already ticked off."""
    bare.account("early", "Early")
    said = _said(browser.open(bare, "home"))
    assert "Your first campaign" in said
    assert ":green[:material/check_circle:] Say who you are" in said
    assert "**Import your contacts**" in said


def test_owner_invites_and_a_member_does_not(bare: Home, browser: Browser):
    """An owner makes a link that is shown once; a member sees who is in, and no form."""
    account = bare.account("early", "Early")
    app = browser.open(bare, "members")
    app.text_input(key="invite_email").set_value("bo@early.example")
    next(b for b in app.button if b.label == "Make an invitation").click().run()
    assert "/invitation/" in app.code[0].value
    app.run()
    assert not app.code
    with bare.store.read() as conn:
        now = Door(bare.store, "x" * 32).now()
        assert [i.email for i in sessions.invitations(conn, account.id, now=now)] == ["bo@early.example"]
    browser.sign_in(bare.sign_in("early", Role.MEMBER))
    app.run()
    assert not app.text_input
    assert "invites people" in app.info[0].value


def test_template_begins_a_campaign_with_its_pictures(bare: Home, browser: Browser):
    """A template of the address stands in the form of a new campaign: words, content, and pictures that go with it."""
    bare.account("early", "Early", people=2)
    app = browser.open(bare, "new_campaign", template="welcome", written="fr")
    filled = template("welcome").fill("fr", "Early")
    assert app.text_input(key="subject_A").value == filled.subject
    assert app.text_area(key="source_A").value == filled.body
    assert "1 picture of the template goes with it" in _said(app)
    assert not app.exception


@pytest.mark.parametrize("name", ["welcome", "own-1"])
def test_template_is_shown_or_said_to_be_unknown(bare: Home, browser: Browser, name: str):
    """A template has an address that opens it; another account's is as unknown as none."""
    bare.account("early", "Early")
    with bare.store.write() as conn:
        other = accounts.create(conn, "other", "Other", created_at=bare.settings.clock.now())
        source = source_of(template("sale").fill("en", "Other"))
        templates.save(conn, other.id, "Theirs", source, now=bare.settings.clock.now())
    app = browser.open(bare, "templates", account="early", template=name)
    if name == "welcome":
        assert app.title[0].value == "Welcome"
        assert not app.error
    else:
        assert "no template 1" in app.error[0].value
    theirs = browser.open(bare, "templates", account="other", template="own-1")
    assert theirs.title[0].value == "Theirs"


def test_saved_template_keeps_its_pictures_and_goes(bare: Home):
    """What is saved is what was given, in its account alone; a taken name is refused; thrown away it is gone."""
    account = bare.account("early", "Early")
    other = bare.account("other", "Other")
    source = source_of(template("welcome").fill("en", "Early"))
    now = bare.settings.clock.now()
    with bare.store.write() as conn:
        number = templates.save(conn, account.id, "Ours", source, now=now)
        assert templates.get(conn, account.id, number).source == source
        with pytest.raises(Exception, match="another name"):
            templates.save(conn, account.id, "Ours", source, now=now)
        for act in (templates.get, templates.remove):
            with pytest.raises(Exception, match="no template"):
                act(conn, other.id, number)
        assert template_file.unpack(template_file.pack("Ours", source))[1].body == source.body
        templates.remove(conn, account.id, number)
        assert templates.listed(conn, account.id) == []
