"""Taking in a mail, the image library and the brand kit, without a browser."""

from __future__ import annotations

import io

import pytest
from pages_world import Browser, Home
from PIL import Image

from dashboards.mail_editor import readable_on, uploaded
from sillage.domain.campaign import SourceKind
from sillage.domain.ids import AccountId
from sillage.store import brands, drafts, images
from sillage.store.image_files import file_of

ME = AccountId(1)
SOURCE = (
    "<style>p{color:#123456}</style><p>Hi *|FNAME|* {{#if vip}}VIP{{/if}} <a href='*|UNSUB|*'>out</a></p>"
    "<script>alert(1)</script>"
)


def _drafts(home: Home) -> list[drafts.DraftMail]:
    with home.store.read() as conn:
        return drafts.listed(conn, ME)


def _press(app: object, label: str, nth: int = 0) -> None:
    [b for b in app.button if b.label == label][nth].click().run()  # type: ignore[attr-defined]


def test_mail_of_another_service_becomes_a_draft(bare: Home, browser: Browser) -> None:
    """Its fields are guessed and answered, braces that mean nothing stay text, styles go into the tags."""
    bare.account("maison", "Maison")
    app = browser.open(bare, "take_in")
    app.text_area(key="mail_source").set_value(SOURCE)
    _press(app, "Read it", 1)
    assert not app.exception
    assert "are kept as text" in app.info[0].value
    assert app.selectbox(key="means_0_*|FNAME|*").value == "first_name"
    app.text_input(key="empty_0_*|FNAME|*").set_value("friend").run()
    app.button(key="take_make").click().run()
    assert not app.exception
    (made,) = _drafts(bare)
    assert made.written.kind is SourceKind.HTML
    assert "Hi {{ first_name | default: 'friend' }} {% raw %}{{#if vip}}{% endraw %}VIP" in made.written.body
    assert "<a href='{{ unsubscribe_url }}'>" in made.written.body
    assert '<p style="color: #123456;">' in made.written.body
    assert "<script>alert(1)</script>" in made.written.body


@pytest.mark.parametrize(
    ("source", "told"),
    [("x" * 2_000_001, "take its pictures out"), ("<mjml><mj-body>\x00", "no text"),
     ("<mjml><mj-body><mj-section>", "does not parse")],
)  # fmt: skip
def test_mail_that_is_none_says_why(bare: Home, browser: Browser, source: str, told: str) -> None:
    """Too long, no text, broken MJML: words and no trace; what can be kept can still become a draft."""
    bare.account("maison", "Maison")
    app = browser.open(bare, "take_in")
    app.text_area(key="mail_source").set_value(source)
    _press(app, "Read it", 1)
    assert not app.exception
    assert any(told in e.value for e in app.error), [e.value for e in app.error]
    assert _drafts(bare) == []


def test_private_page_is_not_fetched(bare: Home, browser: Browser) -> None:
    """An address inside is refused in words."""
    bare.account("maison", "Maison")
    app = browser.open(bare, "take_in")
    app.text_input(key="mail_url").set_value("http://169.254.169.254/latest/")
    _press(app, "Fetch it")
    assert any("private, loopback" in e.value for e in app.error)


def test_library_names_and_throws_away(bare: Home, browser: Browser) -> None:
    """An empty library says what to do; a picture gets its words there, and goes."""
    bare.account("maison", "Maison")
    app = browser.open(bare, "images")
    assert "There is no picture yet" in app.info[0].value
    out = io.BytesIO()
    Image.new("RGB", (20, 20), "red").save(out, "PNG")
    with bare.store.write() as conn:
        made = images.add(conn, bare.settings, ME, "a*b.png", out.getvalue(), alt="", now=bare.settings.clock.now())
    app = browser.open(bare, "images")
    assert not app.exception
    app.text_input(key=f"alt_{made.id}").set_value("A lamp").run()
    with bare.store.read() as conn:
        assert images.get(conn, ME, made.id).alt == "A lamp"
    app.button(key=f"remove_image_{made.id}").click().run()
    with bare.store.read() as conn:
        assert images.listed(conn, ME) == []
    path = file_of(bare.settings, made.key, "png")
    assert path is not None
    assert not path.exists()


def test_brand_kit_is_kept_and_used_by_the_editor(bare: Home, browser: Browser) -> None:
    """Colours that are set are those of the account's kit."""
    bare.account("maison", "Maison")
    app = browser.open(bare, "brand")
    assert not app.exception
    app.color_picker(key="brand_button").set_value("#ffee00")
    _press(app, "Save the brand kit")
    assert not app.exception
    with bare.store.read() as conn:
        assert brands.of_account(conn, ME).button_colour == "#ffee00"
    assert readable_on("#ffee00") == "#0B2545"
    assert readable_on("#0B7A75") == "#FFFFFF"


def test_upload_that_is_no_base64_has_no_bytes() -> None:
    """Whatever a browser sends in place of a file, it is text of bounded length and bytes."""
    assert uploaded({"name": "x" * 999, "alt": None, "content": "%%%"}) == ("x" * 200, "None", b"")
    assert uploaded({}) == ("image", "", b"")


def test_fields_without_a_default_are_asked_for(bare: Home, browser: Browser) -> None:
    """A mail with a field that somebody may not have gets a box for it, and leaves with what was said there."""
    bare.account("maison", "Maison", people=2)
    app = browser.open(bare, "new_campaign")
    app.text_input(key="name").set_value("Asked").run()
    app.text_input(key="subject_A").set_value("Hello {{ city }}").run()
    app.text_input(key="default_A_city").set_value("you there").run()
    app.multiselect(key="include").set_value(["Readers"]).run()
    app.button(key="create").click().run()
    assert not app.exception
    with bare.store.read() as conn:
        from sillage.store import campaigns

        (made,) = campaigns.listed(conn, ME)
        assert dict(campaigns.variants_of(conn, ME, made.id)[0].source.defaults) == {"city": "you there"}


@pytest.mark.parametrize("keeps_address", [True, False])
def test_template_becomes_a_draft_with_the_logo_and_samples_are_told_of(
    bare: Home, browser: Browser, *, keeps_address: bool
) -> None:
    """Pressed while the page is still drawn, too; what the template left is told of on the form and in the checks."""
    bare.account("maison", "Maison", people=2)
    out = io.BytesIO()
    Image.new("RGB", (400, 100), "red").save(out, "PNG")
    with bare.store.write() as conn:
        logo = images.add(conn, bare.settings, ME, "logo", out.getvalue(), alt="", now=bare.settings.clock.now())
        brands.set_brand(conn, ME, brands.Brand(logo=logo))
    app = browser.open(bare, "templates", template="newsletter-classic", written="fr")
    press = app.button(key="template_use").click()
    if not keeps_address:
        del app.query_params["template"]
    press.run()
    assert not app.exception
    (draft,) = _drafts(bare)
    assert f'src="{bare.settings.base_url}{logo.path}" alt="Maison"' in draft.written.body
    assert "cid:" not in draft.written.body
    form = browser.open(bare, "new_campaign", draft=str(draft.id))
    (told,) = form.warning
    assert "3 sample pictures of the template are still in it." in told.value
    assert "lead to example.com" in told.value
    checks = browser.open(bare, "editor", draft=str(draft.id))
    checks.segmented_control(key=f"view_{draft.id}").set_value("checks").run()
    assert any("sample pictures" in warning.value for warning in checks.warning)
    form.text_area(key="source_A").set_value("<mjml><mj-body></mj-body></mjml>").run()
    assert not form.warning
