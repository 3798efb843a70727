"""Ways to look at a mail: in the dark, as text, with pictures from the web, and the links that it has."""

from __future__ import annotations

import io
import shutil

import pytest
from PIL import Image

from sillage import picture
from sillage.content.html import Footer
from sillage.content.message import Source
from sillage.content.preview import needs, shown, shown_as_text, shown_links
from sillage.domain.campaign import SourceKind
from sillage.errors import TransientError

FOOTER = Footer("Maison SAS, Brest", "because", "Leave", "Don't measure", "Online")
STYLED = (
    "<html><head><style>@media (prefers-color-scheme: dark){p{color:#fff}}</style></head><body><p>x</p></body></html>"
)


def _source(body: str, subject: str = "S") -> Source:
    return Source(SourceKind.HTML, body, subject)


def test_dark_preview_has_the_mails_own_styles_or_is_turned() -> None:
    """Styles for the dark hold in it; a mail without any is turned as mail readers do it; light stays as it is."""
    own = shown(_source(STYLED), FOOTER, is_dark=True)
    assert "@media (min-width:0){p{color:#fff}}" in own
    assert "invert" not in own
    assert "invert(1)" in shown(_source("<p>x</p>"), FOOTER, is_dark=True)
    assert "prefers-color-scheme: dark" in shown(_source(STYLED), FOOTER)


def test_pictures_from_the_web_are_fetched_only_when_asked() -> None:
    """The policy lets nothing out but pictures, and those only then."""
    assert "img-src data:;" in shown(_source("<p>x</p>"), FOOTER)
    assert "img-src data: http: https:;" in shown(_source("<p>x</p>"), FOOTER, shows_outside=True)


def test_text_names_fields_that_have_no_value() -> None:
    """The text part is that of the mail; a field without a default is shown by its name."""
    text = shown_as_text(_source("<p>Hi {{ first_name }} of {{ city | default: 'nowhere' }}</p>"), FOOTER)
    assert "Hi [first_name] of nowhere" in text
    assert "Hi Ada" in shown_as_text(_source("<p>Hi {{ first_name }}</p>"), FOOTER, {"first_name": "Ada"})


def test_links_are_the_authors_own_and_needs_are_named() -> None:
    """Each link once, none of ours; fields that are printed without a default, by name."""
    body = "<a href='https://x.example/a'>a</a><a href='https://x.example/a'>b</a>{{ b }}{{ a }}{{ c | default: 'd' }}"
    assert shown_links(_source(body), FOOTER) == ["https://x.example/a"]
    assert needs(_source(body, ""), FOOTER) == ["a", "b"]


@pytest.mark.browser
@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
def test_real_browser_makes_a_picture_without_any_network() -> None:
    """The picture has the size that was asked for, and the colours of the page."""
    page = shown(
        _source("<body style='margin:0;background:#0B7A75'><img src='http://127.0.0.1:9/x.png'></body>"), FOOTER
    )
    made = Image.open(io.BytesIO(picture.picture_of_page(page, width=300, height=200))).convert("RGB")
    assert made.size == (300, 200)
    assert made.getpixel((5, 190)) == (11, 122, 117)


def test_machine_without_a_browser_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no browser is installed the error says what to do."""
    monkeypatch.setenv("PATH", "")
    assert picture.browser() is None
    with pytest.raises(TransientError, match="install"):
        picture.picture_of_page("<p>x</p>", width=1, height=1)
