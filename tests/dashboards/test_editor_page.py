"""The page of the editor without a browser: what it says of drafts that are there, not there, HTML, broken."""

from __future__ import annotations

from pages_world import Browser, Home, Told

from sillage.domain.campaign import SourceKind
from sillage.domain.ids import AccountId
from sillage.store import drafts, templates
from sillage.store.drafts import Written

MJML = "<mjml><mj-body><mj-section><mj-column><mj-text>Hi</mj-text></mj-column></mj-section></mj-body></mjml>"


def _draft(home: Home, written: Written, account: int = 1, name: str = "Autumn") -> int:
    with home.store.write() as conn:
        return drafts.create(conn, AccountId(account), name, written, by=None, now=home.settings.clock.now()).id


def _body(home: Home, draft: int) -> Written:
    with home.store.read() as conn:
        return drafts.get(conn, AccountId(1), draft).written


def test_page_without_drafts_says_how_to_begin(bare: Home, browser: Browser) -> None:
    """An empty page leads to an empty mail and to the templates; a click begins a draft."""
    bare.account("maison", "Maison")
    app = browser.open(bare, "editor")
    assert not app.exception
    assert "There is no draft yet" in app.info[0].value
    app.button(key="begin_empty").click().run()
    assert not app.exception
    with bare.store.read() as conn:
        (made,) = drafts.listed(conn, AccountId(1))
    assert "<mj-text" in made.written.body


def test_drafts_are_listed_and_thrown_away(bare: Home, browser: Browser) -> None:
    """A draft stands in the list with its subject until it is thrown away."""
    bare.account("maison", "Maison")
    draft = _draft(bare, Written(SourceKind.MJML, MJML, "The *subject*"))
    app = browser.open(bare, "editor")
    assert "The \\*subject\\*" in "".join(m.value for m in app.markdown)
    app.button(key=f"remove_{draft}").click().run()
    with bare.store.read() as conn:
        assert drafts.listed(conn, AccountId(1)) == []


def test_words_beside_the_design_are_saved(bare: Home, browser: Browser) -> None:
    """Name, subject and preheader are kept as they are left."""
    bare.account("maison", "Maison")
    draft = _draft(bare, Written(SourceKind.MJML, MJML, "Old"))
    app = browser.open(bare, "editor", draft=str(draft))
    assert not app.exception
    app.text_input(key=f"subject_{draft}-0").set_value("New {{ first_name | default: 'you' }}").run()
    app.text_input(key=f"name_{draft}").set_value("Winter").run()
    assert not app.exception
    assert _body(bare, draft).subject == "New {{ first_name | default: 'you' }}"
    with bare.store.read() as conn:
        assert drafts.get(conn, AccountId(1), draft).name == "Winter"


def test_html_is_changed_in_its_source_and_kept_as_it_is(bare: Home, browser: Browser) -> None:
    """A draft in HTML shows its source, and what is taken over is saved to the letter."""
    bare.account("maison", "Maison")
    html = "<TABLE bgcolor=red><TR><TD>Old<br>School</TABLE>"
    draft = _draft(bare, Written(SourceKind.HTML, html, "S"))
    app = browser.open(bare, "editor", draft=str(draft))
    source = app.text_area(key=f"body_{draft}-0")
    assert source.value == html
    source.set_value(html + "<!-- more -->")
    next(b for b in app.button if b.label == "Take over the source").click().run()
    assert not app.exception
    assert _body(bare, draft).body == html + "<!-- more -->"


def test_other_views_draw_whatever_the_draft_holds(bare: Home, browser: Browser) -> None:
    """Views of a draft without subject, of a broken one, of an endless loop and of nothing say what is wrong."""
    bare.account("maison", "Maison")
    bodies = (MJML, "<mjml><mj-body><mj-section>", "{% for i in (1..99999999) %}x{% endfor %}", "")
    for body in bodies:
        draft = _draft(bare, Written(SourceKind.MJML, body))
        app = browser.open(bare, "editor", draft=str(draft))
        for view in ("preview", "checks", "history", "source"):
            app.segmented_control(key=f"view_{draft}").set_value(view).run()
            assert not app.exception
            assert not any("could not be drawn" in e.value for e in app.error), (view, body)


def test_draft_of_another_account_is_none(bare: Home, browser: Browser) -> None:
    """Somebody else's draft and an unknown one are the same: not there."""
    bare.account("maison", "Maison")
    bare.account("other", "Other")
    theirs = _draft(bare, Written(SourceKind.MJML, MJML, "Secret"), account=2)
    for asked in (str(theirs), "999", "x"):
        app = browser.open(bare, "editor", account="maison", draft=asked)
        assert "There is no such thing in this account." in app.error[0].value
        assert "Secret" not in str(app.main)


def test_form_of_a_campaign_outlives_a_reload(bare: Home, browser: Browser) -> None:
    """What was written in the form is there again under its address, content and choices alike."""
    bare.account("maison", "Maison", people=2)
    app = browser.open(bare, "new_campaign")
    app.text_input(key="name").set_value("Kept").run()
    app.text_input(key="subject_A").set_value("The subject").run()
    app.multiselect(key="include").set_value(["Readers"]).run()
    app.segmented_control(key="when").set_value("later").run()
    app.text_area(key="source_A").set_value(MJML).run()
    assert not app.exception
    (draft,) = app.query_params["draft"]
    again = browser.open(bare, "new_campaign", draft=draft)
    assert not again.exception
    assert not again.warning
    assert again.text_input(key="name").value == "Kept"
    assert again.text_input(key="subject_A").value == "The subject"
    assert again.text_area(key="source_A").value == MJML
    assert again.multiselect(key="include").value == ["Readers"]
    assert again.segmented_control(key="when").value == "later"
    assert _body(bare, int(draft)).body == MJML


def test_content_of_a_campaign_is_opened_in_the_editor(bare: Home, browser: Browser) -> None:
    """From its report a campaign's content and choices become a draft, under another name; the campaign stays."""
    account = bare.account("maison", "Maison", people=2)
    campaign = bare.campaign(account, "Autumn", Told(2), left=bare.settings.clock.now())
    app = browser.open(bare, "report", campaign=str(campaign))
    app.button(key=f"edit-campaign-{campaign}").click().run()
    assert not app.exception
    with bare.store.read() as conn:
        (made,) = drafts.listed(conn, AccountId(1))
    assert "mj-button" in made.written.body
    assert (made.form["name"], made.form["include"]) == ("Copie de « Autumn »", ["Readers"])


def test_draft_becomes_a_template(bare: Home, browser: Browser) -> None:
    """A draft is saved as a template under a name; one that is taken says so."""
    bare.account("maison", "Maison")
    draft = _draft(bare, Written(SourceKind.MJML, MJML, "S"))
    app = browser.open(bare, "editor", draft=str(draft))
    for _ in range(2):
        app.text_input(key=f"template_name_{draft}").set_value("House style")
        app.button(key=f"template_save_{draft}").click().run()
        assert not app.exception
    assert any("already" in e.value for e in app.error)
    with bare.store.read() as conn:
        (made,) = templates.listed(conn, AccountId(1))
    assert (made.name, made.source.body) == ("House style", MJML)
